"""Between the provider and the runs: webhooks on their way, the inbox, the sweep, and who is told."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from activities.relay.inbox import MOVES, MOVES_MONEY
from domain.booking import OPEN
from domain.ids import PaymentId
from domain.notice import SendNotice
from domain.payment import AftercareRequest, FactKind, PaymentFact
from domain.refund import RefundRequest
from tests.simulation.clock import Clock
from tests.simulation.engine import Engine, Run
from tests.simulation.fault import Fault, Faults
from tests.simulation.world import Booking, World
from workflows import names

# When the provider is asked for what no webhook told, and lost runs are looked for.
SWEEPS = [timedelta(hours=hours) for hours in (1, 3, 7, 26, 50, 75, 100, 150, 200, 400)]


class Relay:
    """Tells runs what happened."""

    def __init__(self, clock: Clock, faults: Faults, world: World, engine: Engine) -> None:
        self.clock, self.faults, self.world, self.engine = clock, faults, world, engine

    def hear(self, fact: PaymentFact) -> None:
        """Bring a webhook on its way."""
        faults = self.faults
        if faults.strike(Fault.WEBHOOK_LOST):
            return
        if faults.strike(Fault.STRANGER):
            strange = PaymentId(UUID(int=faults.chance.getrandbits(128), version=4))
            changed = {"payment_id": strange, "event_id": f"{fact.event_id}_strange"}
            self.clock.after(timedelta(seconds=1), partial(self._tell_anybody, fact, changed))
        for _ in range(2 if faults.strike(Fault.WEBHOOK_TWICE) else 1):
            late, early = faults.strike(Fault.WEBHOOK_LATE, 0.3), faults.strike(Fault.WEBHOOK_EARLY)
            wait = faults.between(3_600, 100_000) if late else faults.between(0.1, 0 if early else 5)
            self.clock.after(max(timedelta(0), wait), partial(self.arrive, fact))

    def arrive(self, fact: PaymentFact) -> None:
        """Judge an event of the inbox, and tell whoever owns its payment."""
        payment = self.world.payments[fact.payment_id]
        ended = payment.booking.status not in OPEN
        if self.world.is_known(fact) or fact.kind not in (MOVES_MONEY if ended else MOVES):
            return
        for _ in range(2 if self.faults.strike(Fault.TOLD_TWICE) else 1):
            if refund := self.world.refund_request(fact):
                self.refund(refund, fact)
            else:
                self.report(fact, payment.booking, ended=ended)

    def report(self, fact: PaymentFact, booking: Booking, *, ended: bool) -> None:
        """Tell a fact to the booking's run, begun if it is lost, or to the payment's aftercare."""
        run = None if ended else self.begin(booking)
        if run:
            self.engine.signal(run, "payment_reported", fact)
            if self.faults.strike(Fault.EMPTY_SIGNAL):
                self.engine.signal(run, "payment_reported")
            return
        self.aftercare(fact, self.world.care(booking, fact.payment_id))

    def aftercare(self, fact: PaymentFact, request: AftercareRequest) -> None:
        """Tell a fact to the aftercare of its payment."""
        run = self.engine.start("AftercareWorkflow", names.aftercare(request.payment_id), request, again=True)
        assert run
        self.engine.signal(run, "payment_reported", fact)

    def begin(self, booking: Booking) -> Run | None:
        """Begin the run of a booking, or find it; nothing when it is over."""
        return self.engine.start("BookingWorkflow", names.booking(booking.id), booking.request)

    def notify(self, ask: SendNotice) -> None:
        """Begin to send a notice."""
        self.engine.start("NoticeWorkflow", names.notice(ask.notice_id), ask)

    def refund(self, request: RefundRequest, fact: PaymentFact | None = None) -> None:
        """Begin the run of a refund; with a fact, tell it."""
        run = self.engine.start("RefundWorkflow", names.refund(request.refund_id), request, again=True)
        if run and fact:
            self.engine.signal(run, "payment_reported", fact)

    def sweep(self) -> None:
        """Ask for what no webhook told, and begin anew the runs that are lost."""
        for booking in self.world.bookings.values():
            if booking.status in OPEN:
                self.begin(booking)
        for checkout in self.world.provider.checkouts.values():
            for fact in checkout.facts:
                if fact.kind in MOVES_MONEY and fact.kind is not FactKind.AUTHORIZED:
                    self.arrive(fact)

    def sweep_from_time_to_time(self) -> None:
        """Sweep as long as a story may take."""
        for wait in SWEEPS:
            self.clock.after(wait, self.sweep)

    def _tell_anybody(self, fact: PaymentFact, changed: dict[str, object]) -> None:
        """Tell a booking's run of a payment that is not its own."""
        booking = self.world.payments[fact.payment_id].booking
        run = self.engine.open(names.booking(booking.id))
        if run:
            self.engine.signal(run, "payment_reported", fact.model_copy(update=changed))
