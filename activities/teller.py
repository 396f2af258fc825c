"""Who tells the sagas of money: what steps need of whoever knows Temporal."""

from typing import Protocol

from domain.aftercare import AftercareRequest
from domain.ids import BookingId
from domain.payment import PaymentFact


class Teller(Protocol):
    """Whoever can tell a payment's aftercare, and knows whether the booking's own run is over.

    Both raise ConnectionError when nobody can be reached now.
    """

    async def owns(self, booking_id: BookingId) -> bool:
        """Say whether a run of this booking is open."""

    async def after(self, fact: PaymentFact, request: AftercareRequest) -> None:
        """Tell a fact to the aftercare of its payment, which is started if none runs."""
