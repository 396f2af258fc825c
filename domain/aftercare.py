"""Money that reaches a payment after what it pays for has ended: who is told of it, and what it becomes."""

from datetime import timedelta
from enum import StrEnum

from domain.ids import BookingId, PaymentId, TenantId
from domain.payment import PaymentFact
from domain.value import Value


class HandOver(Value):
    """A fact that a booking's run did not use before it ended, for the aftercare of its payment."""

    tenant_id: TenantId
    booking_id: BookingId
    reference: str
    fact: PaymentFact


class AftercareRequest(Value):
    """What the aftercare of a payment is started with; it ends when no fact came for `idle`."""

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    reference: str
    idle: timedelta = timedelta(minutes=5)


class LateMoney(Value):
    """Ask what late money becomes (the places again, or a refund of what is kept), or what its refund means
    for the booking.
    """

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId


class Settlement(StrEnum):
    """What late money became, or what has to become of it."""

    CONFIRMED = "confirmed"
    REFUND = "refund"


class Settled(Value):
    """The verdict over late money; `cause` says why it goes back (a refusal's code)."""

    settlement: Settlement
    cause: str = ""
