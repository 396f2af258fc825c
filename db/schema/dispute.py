"""Disputes: what payers' banks want back. Only the payment role writes these."""

from uuid import UUID

from sqlalchemy import CheckConstraint, Index

from db.schema.base import (
    CurrencyCode,
    Id,
    MaybeDate,
    MaybeInstant,
    MaybeWords,
    Minor,
    MinorSum,
    Stamped,
    Tally,
    TenantRow,
    Words,
    one_of,
    refers_to,
)
from domain.dispute import DisputeState


class Dispute(TenantRow, table=True):
    """One dispute, as the provider told it last.

    `taken_minor` is what it has taken of us and not given back, in minor units of `currency`; `fee_minor`
    what the provider keeps for it. `losses` counts how often it was decided against us: a bank may turn.
    """

    __tablename__ = "disputes"
    __table_args__ = (
        one_of("state", DisputeState),
        CheckConstraint("amount_minor >= 0", name="not_negative"),
        refers_to("payments", "payment_id"),
        Index("uq_disputes_provider_ref", "tenant_id", "provider", "account", "provider_ref", unique=True),
        Index(None, "tenant_id", "payment_id"),
        Index(None, "tenant_id", "booking_id"),
    )

    id: Id
    booking_id: UUID
    payment_id: UUID
    provider: Words
    account: Words
    provider_ref: Words
    state: Words
    amount_minor: Minor
    currency: CurrencyCode
    reason: Words
    evidence_due: MaybeInstant
    taken_minor: MinorSum
    fee_minor: MinorSum
    losses: Tally
    opened_at: Stamped
    changed_at: Stamped
    closed_at: MaybeInstant


class DisputeEvidence(TenantRow, table=True):
    """What an operator has told to speak for us, handed in once: taken by the provider, or refused."""

    __tablename__ = "dispute_evidence"
    __table_args__ = (
        refers_to("disputes", "dispute_id"),
        CheckConstraint("submitted_at is null or refused_at is null", name="one_end"),
    )

    dispute_id: Id
    text: Words
    product: MaybeWords
    service_on: MaybeDate
    told_by: Words
    told_at: Stamped
    submitted_at: MaybeInstant
    refused_at: MaybeInstant
