"""The events of the feed: what happened, told once and in order per subject, to whoever reads it from
whatever cursor.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from domain.value import Value

BOOKING_CREATED = "booking.created"
BOOKING_INITIATED = "booking.initiated"
INVENTORY_RESERVED = "inventory.reserved"
BOOKING_CHANGED = "booking.changed"
PAYMENT_CREATED = "payment.created"
PAYMENT_AUTHORIZED = "payment.authorized"
PAYMENT_CAPTURED = "payment.captured"
PAYMENT_COMPLETED = "payment.completed"
PAYMENT_FAILED = "payment.failed"
PAYMENT_CANCELLED = "payment.cancelled"
PAYMENT_PROCESSED = "payment.processed"
REVIEW_ASKED = "booking.review_asked"
PARTNER_ASKED = "booking.partner_asked"
BOOKING_CONFIRMED = "booking.confirmed"
TICKET_GENERATED = "ticket.generated"
TICKET_CANCELLED = "ticket.cancelled"
BOOKING_EXPIRED = "booking.expired"
BOOKING_FAILED = "booking.failed"
BOOKING_CANCELLED = "booking.cancelled"
BOOKING_REFUNDED = "booking.refunded"
REFUND_INITIATED = "refund.initiated"
REFUND_COMPLETED = "refund.completed"
REFUND_FAILED = "refund.failed"
DISPUTE_OPENED = "dispute.opened"
DISPUTE_CHANGED = "dispute.changed"
DISPUTE_CLOSED = "dispute.closed"

# Told of a booking itself, which people follow; every other type is told of something that belongs to one.
OF_BOOKING = frozenset(
    {
        BOOKING_CREATED,
        BOOKING_INITIATED,
        INVENTORY_RESERVED,
        BOOKING_CHANGED,
        PAYMENT_PROCESSED,
        REVIEW_ASKED,
        PARTNER_ASKED,
        BOOKING_CONFIRMED,
        BOOKING_EXPIRED,
        BOOKING_FAILED,
        BOOKING_CANCELLED,
        BOOKING_REFUNDED,
    }
)


class Event(Value):
    """One event.

    `n` counts from 1 without a gap per subject (booking, payment, ticket …); (`xid`, `seq`) is its place in
    the whole feed.
    """

    seq: int
    xid: int
    subject: UUID
    n: int
    type: str
    data: dict[str, Any]
    at: datetime
