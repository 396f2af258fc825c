"""What each event of the feed says, as a schema that programs may rely on.

Within a version an event gains no member and loses none; what has to change gets the next version.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from domain import event
from domain.dispute import DisputeState
from domain.money import Money
from domain.value import Value

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Data(Value):
    """The members of an event's `data`: no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Initiated(Data):
    """A booking was accepted at this price."""

    reference: str
    offer_id: UUID
    source: str
    total: Money


class Created(Data):
    """A booking is there, with a number that people use; what it is for follows."""

    reference: str
    total: Money


class Reserved(Data):
    """The places of a booking are held."""

    slot_id: UUID


class Changed(Data):
    """Something else is held instead, at this price."""

    slot_id: UUID
    total: Money


class Asked(Data):
    """Somebody has to accept the booking until then."""

    until: datetime


class Confirmed(Data):
    """The booking is the buyer's."""

    reference: str


class Ended(Data):
    """The booking ended, and why, in one word."""

    cause: str


class PaidBack(Data):
    """The money of a booking has gone back."""


class Paid(Data):
    """So much of a booking is paid."""

    amount: Money


class Issued(Data):
    """The ticket belongs to this booking."""

    booking_id: UUID


class Voided(Data):
    """The ticket of this booking admits nobody any more."""

    booking_id: UUID


class PaymentBegun(Data):
    """An attempt to pay so much of a booking."""

    booking_id: UUID
    amount: Money


class PaymentMoved(Data):
    """The payment of a booking has come to this state."""

    booking_id: UUID


class PaymentCompleted(Data):
    """The provider has taken this much of a booking's price."""

    booking_id: UUID
    amount: Money


class PaymentFailed(Data):
    """The payment was declined, or has failed for good; `decline_code` is our word for why."""

    booking_id: UUID
    decline_code: str | None = None


class RefundMoved(Data):
    """The refund of a payment has come to this state."""

    payment_id: UUID
    amount: Money


class DisputeMoved(Data):
    """What the payer's bank wants back of a payment, and where that stands."""

    booking_id: UUID
    payment_id: UUID
    state: DisputeState
    amount: Money


class Schema(Value):
    """The present version of an event's schema."""

    version: int = Field(ge=1)
    data: type[Data]


SCHEMAS: Mapping[str, Schema] = {
    event.BOOKING_CREATED: Schema(version=1, data=Created),
    event.BOOKING_INITIATED: Schema(version=1, data=Initiated),
    event.INVENTORY_RESERVED: Schema(version=1, data=Reserved),
    event.BOOKING_CHANGED: Schema(version=1, data=Changed),
    event.REVIEW_ASKED: Schema(version=1, data=Asked),
    event.PARTNER_ASKED: Schema(version=1, data=Asked),
    event.PAYMENT_CREATED: Schema(version=1, data=PaymentBegun),
    event.PAYMENT_AUTHORIZED: Schema(version=1, data=PaymentMoved),
    event.PAYMENT_CAPTURED: Schema(version=1, data=PaymentMoved),
    event.PAYMENT_COMPLETED: Schema(version=1, data=PaymentCompleted),
    event.PAYMENT_FAILED: Schema(version=1, data=PaymentFailed),
    event.PAYMENT_CANCELLED: Schema(version=1, data=PaymentMoved),
    event.PAYMENT_PROCESSED: Schema(version=1, data=Paid),
    event.BOOKING_CONFIRMED: Schema(version=1, data=Confirmed),
    event.TICKET_GENERATED: Schema(version=1, data=Issued),
    event.TICKET_CANCELLED: Schema(version=1, data=Voided),
    event.BOOKING_EXPIRED: Schema(version=1, data=Ended),
    event.BOOKING_FAILED: Schema(version=1, data=Ended),
    event.BOOKING_CANCELLED: Schema(version=1, data=Ended),
    event.BOOKING_REFUNDED: Schema(version=1, data=PaidBack),
    event.REFUND_INITIATED: Schema(version=1, data=RefundMoved),
    event.REFUND_COMPLETED: Schema(version=1, data=RefundMoved),
    event.REFUND_FAILED: Schema(version=1, data=RefundMoved),
    event.DISPUTE_OPENED: Schema(version=1, data=DisputeMoved),
    event.DISPUTE_CHANGED: Schema(version=1, data=DisputeMoved),
    event.DISPUTE_CLOSED: Schema(version=1, data=DisputeMoved),
}


def version(kind: str) -> int:
    """Give the present version of an event's schema."""
    return SCHEMAS[kind].version


def written(kind: str) -> dict[str, Any]:
    """Write the schema of a whole event as it is told, in JSON Schema (draft 2020-12)."""
    known = SCHEMAS[kind]
    data = known.data.model_json_schema()
    shared = data.pop("$defs", {})
    return {
        "$schema": DIALECT,
        "title": kind,
        "description": data.pop("description"),
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "Counts from 1 without a gap per subject"},
            "type": {"const": kind},
            "version": {"const": known.version},
            "at": {"type": "string", "format": "date-time"},
            "data": data,
        },
        "required": ["n", "type", "version", "at", "data"],
        "additionalProperties": False,
        "$defs": shared,
    }
