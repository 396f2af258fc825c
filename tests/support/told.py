"""Whoever tells sagas, where none run: it writes down what they would have been told."""

from domain.aftercare import AftercareRequest
from domain.booking import BookingRequest
from domain.dispute import DisputeRequest
from domain.ids import BookingId
from domain.notice import SendNotice
from domain.payment import PaymentFact
from domain.refund import RefundRequest


class Told:
    """Facts for runs of bookings (`runs`), for aftercares and for refunds, and disputes, in their order."""

    def __init__(self) -> None:
        self.runs: list[PaymentFact] = []
        self.aftercares: list[PaymentFact] = []
        self.refunds: list[PaymentFact | None] = []
        self.disputes: list[DisputeRequest] = []

    async def begin(self, request: BookingRequest) -> None:
        """Begin nothing."""

    async def report(self, fact: PaymentFact, request: BookingRequest, *, ended: bool) -> None:  # noqa: ARG002 - the protocol's
        """Write down who is told."""
        (self.aftercares if ended else self.runs).append(fact)

    async def refund(self, request: RefundRequest, fact: PaymentFact | None = None) -> None:  # noqa: ARG002 - the protocol's
        """Write down that a refund's run is begun, or told."""
        self.refunds.append(fact)

    async def dispute(self, request: DisputeRequest) -> None:
        """Write down which dispute is followed."""
        self.disputes.append(request)

    async def notify(self, notice: SendNotice) -> None:
        """Send nothing."""

    async def owns(self, booking_id: BookingId) -> bool:  # noqa: ARG002 - the protocol's
        """Say that no run is open."""
        return False

    async def after(self, fact: PaymentFact, request: AftercareRequest) -> None:  # noqa: ARG002 - the protocol's
        """Write down that the aftercare is told."""
        self.aftercares.append(fact)
