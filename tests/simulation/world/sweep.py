"""The steps of the sweep: what was told and not heard, what is open, what is lost."""

from activities.sweep import settles
from domain.booking import OPEN
from domain.payment import PaymentStatus
from domain.sweep import ListMissed, SweepRequest, Swept
from tests.simulation.world.payment import Pieces
from tests.simulation.world.rows import Payment, Rows, about

UNDECIDED = {
    PaymentStatus.PENDING,
    PaymentStatus.PROCESSING,
    PaymentStatus.REQUIRES_ACTION,
    PaymentStatus.AUTHORIZED,
}


class Sweeps:
    """Looks at everything."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def list_missed(self, ask: ListMissed) -> Pieces[Swept]:
        """Put what the provider has told since into the inbox."""
        told = [fact for each in self._rows.provider.checkouts.values() for fact in each.facts]
        yield
        new = [each for each in told if each.event_id not in self._rows.arrived]
        missed = [each for each in new if each.occurred_at >= ask.since]
        for fact in missed:
            self._rows.teller.arrive(fact)
        return Swept(missed=len(missed))

    def ask_open_payments(self, _: SweepRequest) -> Pieces[Swept]:
        """Ask the provider about open payments, and tell what is news."""
        found = [each for each in self._rows.payments.values() if self._is_open(each)]
        yield
        for payment in found:
            facts = self._rows.provider.checkouts[payment.ref or ""].facts
            news = [fact for fact in facts if settles(fact) and about(fact) not in payment.facts]
            if news:
                ended = payment.booking.status not in OPEN
                self._rows.teller.report(news[0], payment.booking, ended=ended)
        return Swept(asked=len(found))

    def begin_lost(self, _: SweepRequest) -> Swept:
        """Begin the runs of what is open though it should have ended."""
        now = self._rows.clock.now
        lost = [
            each
            for each in self._rows.bookings.values()
            if each.status in OPEN and (each.expires_at is None or each.expires_at < now)
        ]
        for booking in lost:
            self._rows.teller.begin(booking)
        return Swept(begun=len(lost))

    def _is_open(self, payment: Payment) -> bool:
        return payment.ref is not None and payment.state.status in UNDECIDED
