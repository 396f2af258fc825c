"""Cases: what waits for a person."""

from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text

from db.schema.base import Id, MaybeInstant, MaybeWords, Row, Stamped, Words, one_of
from domain.case import CaseKind


class Case(Row, table=True):
    """One case: at most one of a kind is open per subject. Without a tenant it is the platform's."""

    __tablename__ = "cases"
    __table_args__ = (
        one_of("kind", CaseKind),
        CheckConstraint("(closed_at is null) = (closed_by is null)", name="closed_by_somebody"),
        Index(
            "uq_cases_open",
            "tenant_id",
            "subject",
            "kind",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("closed_at is null"),
        ),
        Index("ix_cases_booking", "tenant_id", "booking_id"),
    )

    id: Id
    tenant_id: UUID | None
    kind: Words
    subject: UUID
    booking_id: UUID | None
    cause: Words
    opened_at: Stamped
    opened_by: Words
    closed_at: MaybeInstant
    closed_by: MaybeWords
    note: MaybeWords
