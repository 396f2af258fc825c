"""Notices: messages that somebody is owed."""

from uuid import UUID

from sqlalchemy import Index, text

from db.schema.base import Id, Json, MaybeInstant, Stamped, Tally, TenantRow, Words, one_of, refers_to
from domain.notice import NoticeKind


class Notice(TenantRow, table=True):
    """One message; (booking, kind, version) is its key. `data` holds facts for its text, no person's."""

    __tablename__ = "notices"
    __table_args__ = (
        one_of("kind", NoticeKind),
        one_of("status", ("owed", "claimed", "accepted", "no_address", "outdated", "unknown")),
        refers_to("bookings", "booking_id"),
        Index("uq_notices_key", "tenant_id", "booking_id", "kind", "version", unique=True),
        Index("ix_notices_untold", "next_at", postgresql_where=text("told_at is null")),
    )

    id: Id
    booking_id: UUID
    kind: Words
    version: int
    data: Json
    status: Words
    created_at: Stamped
    next_at: Stamped
    tellings: Tally
    told_at: MaybeInstant
    claimed_at: MaybeInstant
    settled_at: MaybeInstant
