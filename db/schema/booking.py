"""Bookings: what was accepted, under which terms, and where it stands."""

from typing import Annotated
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field

from db.schema.base import (
    CurrencyCode,
    Id,
    Instant,
    Json,
    KeyWords,
    MaybeInstant,
    MaybeWords,
    Minor,
    Stamped,
    Tally,
    TenantRow,
    Words,
    one_of,
    refers_to,
)
from domain.booking import BookingStatus
from domain.ticket import Delivery


class Booking(TenantRow, table=True):
    """One booking.

    `terms` are frozen as they were when it was accepted, `due_minor` is what confirms it, `starts_at` the
    slot's start. `expires_at` is what the buyer was told. Until `saga_started_at` is set nobody has told
    Temporal; the relay asks again from `next_at`.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        one_of("status", BookingStatus),
        one_of("source", ("web", "mobile", "api")),
        one_of("delivery", Delivery),
        CheckConstraint("due_minor between 0 and total_minor", name="due_within_total"),
        Index("uq_bookings_reference", "tenant_id", "reference", unique=True),
        Index("ix_bookings_buyer", "tenant_id", text("lower(contact_email)"), "offer_id"),
        Index("ix_bookings_offer_status", "tenant_id", "offer_id", "status", "created_at"),
        Index(
            "ix_bookings_travel",
            "tenant_id",
            "starts_at",
            "status",
            postgresql_where=text(
                "status in ('held', 'awaiting_payment', 'payment_review', 'paid', 'awaiting_partner',"
                " 'confirmed')"
            ),
        ),
        Index("ix_bookings_source", "tenant_id", "source", "created_at"),
        Index("ix_bookings_newest", "tenant_id", "created_at", "id"),
        Index(
            "ix_bookings_user",
            "tenant_id",
            "user_id",
            "created_at",
            postgresql_where=text("user_id is not null"),
        ),
        Index(
            "ix_bookings_overdue",
            text("coalesce(expires_at, created_at)"),
            postgresql_where=text(
                "status in ('held', 'awaiting_payment', 'payment_review', 'paid', 'awaiting_partner')"
            ),
        ),
        Index("ix_bookings_untold", "next_at", postgresql_where=text("saga_started_at is null")),
    )

    id: Id
    channel_id: UUID
    source: Words
    reference: Words
    offer_id: UUID
    slot_id: UUID
    starts_at: Instant
    quote_id: UUID | None
    status: Words
    cause: Words
    total_minor: Minor
    due_minor: Minor
    currency: CurrencyCode
    terms: Json
    summary: Words
    locale: Words
    delivery: Annotated[str, Field(sa_type=Text, sa_column_kwargs={"server_default": text("'email'")})]
    contact_name: Words
    contact_email: Words
    contact_phone: MaybeWords
    user_id: MaybeWords
    expires_at: MaybeInstant
    created_at: Stamped
    confirmed_at: MaybeInstant
    ended_at: MaybeInstant
    saga_started_at: MaybeInstant
    next_at: Stamped
    tellings: Tally


class BookingLine(TenantRow, table=True):
    """One variant of a booking, at the price it was accepted with."""

    __tablename__ = "booking_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="some_quantity"),
        CheckConstraint("total_minor = unit_minor * quantity", name="adds_up"),
        refers_to("bookings", "booking_id"),
    )

    booking_id: Id
    position: int = Field(primary_key=True)
    variant_id: UUID
    name: Words
    quantity: int
    unit_minor: Minor
    total_minor: Minor


class BookingPayment(TenantRow, table=True):
    """A payment that counted when the booking was confirmed; one payment confirms one booking at most."""

    __tablename__ = "booking_payments"
    __table_args__ = (
        refers_to("bookings", "booking_id"),
        Index("uq_booking_payments_payment_id", "tenant_id", "payment_id", unique=True),
    )

    booking_id: Id
    payment_id: Id
    amount_minor: Minor
    created_at: Stamped


class IdempotencyKey(TenantRow, table=True):
    """A caller's key: what it was used for and, once there is one, the answer.

    `subject` is the id that was made at the door (of a booking, of a payment).
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("(status is null) = (answer is null)", name="answered_whole"),
        Index(None, "created_at"),
    )

    caller: KeyWords
    route: KeyWords
    key: KeyWords
    fingerprint: Words
    subject: UUID
    status: int | None
    answer: bytes | None
    created_at: Stamped


class StepAnswer(TenantRow, table=True):
    """The first answer of a step that must not be done anew: `<step>:<id of what it is done to>[:<n>]`."""

    __tablename__ = "step_answers"

    key: KeyWords
    answer: Json
    created_at: Stamped
