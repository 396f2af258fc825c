"""Payments, what providers said about them, and refunds. Only the payment role writes these."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from db.schema.base import (
    CurrencyCode,
    Flag,
    Id,
    Instant,
    KeyWords,
    MaybeCurrency,
    MaybeInstant,
    MaybeJson,
    MaybeMinor,
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
from domain.payment import FactKind, FactSource, PaymentStatus, RiskResult
from domain.refund import Hindrance, RefundStatus

RiskScore = Annotated[Decimal | None, Field(sa_type=Numeric(3, 2))]
# SQLModel keeps the plain name for itself.
Metadata = Annotated[
    dict[str, Any],
    Field(sa_type=JSONB, sa_column_kwargs={"name": "metadata", "server_default": text("'{}'")}),
]


Portions = Annotated[list[dict[str, Any]] | None, Field(sa_type=JSONB)]


class Payment(TenantRow, table=True):
    """One attempt.

    Status and sums are the fold of its operations. `checkout` is what the buyer pays with. `create_calls`
    counts how often the provider was asked to open it: the number in the key comes from it. A `manual` one is
    authorised first, and `to_capture_minor` is what was asked of that. `captured_currency` is the one it was
    taken in, where that is not the one asked for. Of a card
    stands here what may be kept; its number, expiry and holder never. `portions` are those of
    `domain.split`, once it is decided who gets what.
    """

    __tablename__ = "payments"
    __table_args__ = (
        one_of("status", PaymentStatus),
        CheckConstraint("amount_minor > 0", name="some_amount"),
        CheckConstraint(
            "authorized_minor >= 0 and captured_minor >= 0 and refunded_minor >= 0", name="not_negative"
        ),
        one_of("risk_result", RiskResult),
        CheckConstraint("risk_score between 0 and 9.99", name="risk_in_range"),
        CheckConstraint("length(ip_address) <= 45", name="address_fits"),
        refers_to("bookings", "booking_id"),
        Index(None, "tenant_id", "booking_id"),
        Index(
            "ix_payments_open",
            "created_at",
            postgresql_where=text("status in ('pending', 'processing', 'requires_action', 'authorized')"),
        ),
        Index("ix_payments_provider_status", "tenant_id", "provider", "status"),
        Index(None, "tenant_id", "status"),
        Index(None, "tenant_id", "booking_reference"),
        Index("ix_payments_newest", "tenant_id", "created_at", "id"),
        Index("ix_payments_user", "tenant_id", "user_id", text("created_at desc")),
        Index("uq_payments_transaction_reference", "tenant_id", "transaction_reference", unique=True),
        Index(
            "uq_payments_provider_ref",
            "provider",
            "account",
            "provider_ref",
            unique=True,
            postgresql_where=text("provider_ref is not null"),
        ),
    )

    id: Id
    booking_id: UUID
    provider: Words
    account: Words
    method: MaybeWords
    hosted: bool
    return_url: Words
    amount_minor: Minor
    currency: CurrencyCode
    manual: Flag
    to_capture_minor: MaybeMinor
    settles_seconds: int | None
    review: Flag
    status: Words
    authorized_minor: MinorSum
    captured_minor: MinorSum
    captured_currency: MaybeCurrency
    refunded_minor: MinorSum
    declines: Tally
    decline_code: MaybeWords
    provider_ref: MaybeWords
    checkout: MaybeJson
    create_calls: Tally
    created_at: Stamped
    changed_at: Stamped
    transaction_reference: Words
    merchant_reference: MaybeWords
    resource_type: MaybeWords
    resource_id: UUID | None
    booking_reference: MaybeWords
    user_id: MaybeWords
    ip_address: MaybeWords
    user_agent: MaybeWords
    metadata_: Metadata
    card_brand: MaybeWords
    card_last4: MaybeWords
    risk_score: RiskScore
    risk_result: MaybeWords
    authorized_at: MaybeInstant
    captured_at: MaybeInstant
    portions: Portions


class PaymentWish(TenantRow, table=True):
    """Who asked for a payment, from where: written at the door, before the payment's row is.

    It is a person's data, so it goes from here into the payment's row and through no saga.
    """

    __tablename__ = "payment_wishes"
    __table_args__ = (CheckConstraint("length(ip_address) <= 45", name="address_fits"),)

    payment_id: Id
    user_id: MaybeWords
    ip_address: MaybeWords
    user_agent: MaybeWords
    metadata_: Metadata
    created_at: Stamped


class PaymentOperation(TenantRow, table=True):
    """One thing a provider said it did: told twice, it is one row.

    `operation` is the provider's reference of the charge, capture, decline or refund.
    """

    __tablename__ = "payment_operations"
    __table_args__ = (
        one_of("kind", FactKind),
        one_of("source", FactSource),
        refers_to("payments", "payment_id"),
        Index(
            "uq_payment_operations_operation",
            "provider",
            "account",
            "kind",
            "operation",
            unique=True,
            postgresql_where=text("kind in ('captured', 'refunded')"),
        ),
    )

    payment_id: Id
    kind: KeyWords
    operation: KeyWords
    provider: Words
    account: Words
    provider_ref: Words
    event_id: Words
    amount_minor: MaybeMinor
    currency: MaybeCurrency
    decline_code: MaybeWords
    decline_reason: MaybeWords
    occurred_at: Instant
    source: Words
    recorded_at: Stamped
    method: MaybeWords
    card_brand: MaybeWords
    card_last4: MaybeWords
    risk_score: RiskScore
    risk_result: MaybeWords
    refund_id: UUID | None


class Refund(TenantRow, table=True):
    """One giving back, ours (`n`-th of the payment) or the provider's own (without `n`).

    `original_ref` and `provider_ref` are the provider's references of what was paid and of what went back.
    `calls` counts how often the provider was asked for it, `key_calls` of them under the `key_n`-th key since
    `keyed_at`. Until `told_at` is set nobody has told Temporal; the relay asks again from `next_at`. Since
    `recorded_at` the booking knows how it ended.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        one_of("status", RefundStatus),
        one_of("hindrance", Hindrance),
        CheckConstraint("amount_minor > 0", name="some_amount"),
        CheckConstraint("length(reason) <= 500", name="reason_fits"),
        refers_to("payments", "payment_id"),
        Index("uq_refunds_n", "tenant_id", "payment_id", "n", unique=True),
        Index("uq_refunds_reference", "tenant_id", "reference", unique=True),
        Index("uq_refunds_retry_of", "tenant_id", "retry_of", unique=True),
        Index("ix_refunds_tenant_id_payment_id", "tenant_id", "payment_id"),
        Index("ix_refunds_tenant_id_booking_id", "tenant_id", "booking_id"),
        Index(None, "tenant_id", "status"),
        Index("ix_refunds_untold", "next_at", postgresql_where=text("told_at is null")),
        Index(
            "ix_refunds_unrecorded",
            "created_at",
            postgresql_where=text("recorded_at is null and n is not null"),
        ),
        Index(
            "uq_refunds_provider_ref",
            "tenant_id",
            "payment_id",
            "provider_ref",
            unique=True,
            postgresql_where=text("provider_ref is not null"),
        ),
    )

    id: Id
    booking_id: UUID
    payment_id: UUID
    n: int | None
    reference: Words
    original_ref: MaybeWords
    amount_minor: Minor
    currency: CurrencyCode
    status: Words
    cause: Words
    reason: Annotated[str, Field(sa_type=Text, sa_column_kwargs={"server_default": text("''")})]
    initiated_by: Annotated[str, Field(sa_type=Text, sa_column_kwargs={"server_default": text("'holdfast'")})]
    retry_of: UUID | None
    provider_ref: MaybeWords
    hindrance: MaybeWords
    failure_code: MaybeWords
    calls: Tally
    key_n: Tally
    key_calls: Tally
    keyed_at: MaybeInstant
    created_at: Stamped
    changed_at: Stamped
    processed_at: MaybeInstant
    recorded_at: MaybeInstant
    told_at: MaybeInstant
    next_at: Stamped
    tellings: Tally
    portions: Portions
