"""Between the provider and the runs: webhooks on their way, the inbox, the sweep, and who is told."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from domain.aftercare import AftercareRequest
from domain.booking import Judge, Verdict, standing_of
from domain.ids import PaymentId
from domain.notice import SendNotice
from domain.payment import FactKind, PaymentFact
from domain.refund import RefundRequest
from domain.settlement import Standing, moves, news_of
from domain.sweep import SweepRequest
from tests.simulation.clock import Clock
from tests.simulation.command import Answered
from tests.simulation.engine import Engine, Run
from tests.simulation.fault import Fault, Faults
from tests.simulation.provider import ACCOUNT, PROVIDER
from tests.simulation.world.rows import Booking, about, care
from tests.simulation.world.world import World
from workflows import names

# When the provider is asked for what no webhook told, and lost runs are looked for.
SWEEPS = [timedelta(hours=hours) for hours in (1, 3, 7, 26, 50, 75, 100, 150, 200, 400)]


class Relay:
    """Tells runs what happened."""

    def __init__(self, clock: Clock, faults: Faults, world: World, engine: Engine) -> None:
        self.clock, self.faults, self.world, self.engine = clock, faults, world, engine
        self.judges = Judges(clock, faults, engine)

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
        self.world.arrived.add(fact.event_id)
        payment = self.world.payments[fact.payment_id]
        standing = standing_of(payment.booking.status)
        counted = about(fact.model_copy(update={"kind": FactKind.CAPTURED})) in payment.facts
        captured_minor = payment.state.captured_minor
        news = news_of(fact, standing, counted=counted, captured_minor=captured_minor)
        if about(fact) in payment.facts or not moves(news, standing):
            return
        for _ in range(2 if self.faults.strike(Fault.TOLD_TWICE) else 1):
            if refund := payment.refund_of(fact):
                self._tell_refund(refund.request, fact)
            else:
                self.report(fact, payment.booking, ended=standing is not Standing.HELD)

    def report(self, fact: PaymentFact, booking: Booking, *, ended: bool) -> None:
        """Tell a fact to the booking's run, begun if it is lost, or to the payment's aftercare."""
        run = None if ended else self.begin(booking)
        if run:
            self.engine.signal(run, "payment_reported", fact)
            if self.faults.strike(Fault.EMPTY_SIGNAL):
                self.engine.signal(run, "payment_reported")
            return
        self.aftercare(fact, care(booking, fact.payment_id))

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

    def refund(self, request: RefundRequest) -> None:
        """Begin the run of a refund; its bank may send it back, hours or days later."""
        self.engine.start("RefundWorkflow", names.refund(request.refund_id), request, again=True)
        if self.faults.strike(Fault.REFUND_RETURNED, 1):
            self.clock.after(self.faults.between(3_600, 400_000), partial(self._send_back, request))

    def ask(self, booking_id: UUID, judge: Judge) -> None:
        """Ask a partner or reviewer."""
        self.judges.asked(booking_id, judge)

    def owns(self, booking_id: UUID) -> bool:
        """Say whether a run of this booking is open."""
        return self.engine.open(names.booking(booking_id)) is not None

    def sweep_from_time_to_time(self) -> None:
        """Sweep as long as a story may take."""
        for number, wait in enumerate(SWEEPS):
            sweep_id = f"{names.sweep(PROVIDER, ACCOUNT)}-{number}"
            request = SweepRequest(provider=PROVIDER, account=ACCOUNT)
            self.clock.after(wait, partial(self._start, "SweepWorkflow", sweep_id, request))

    def _start(self, kind: str, run_id: str, request: SweepRequest) -> None:
        self.engine.start(kind, run_id, request)

    def _tell_refund(self, request: RefundRequest, fact: PaymentFact) -> None:
        run = self.engine.start("RefundWorkflow", names.refund(request.refund_id), request, again=True)
        assert run
        self.engine.signal(run, "payment_reported", fact)

    def _send_back(self, request: RefundRequest) -> None:
        """Let the buyer's bank send a refund back, if it was given."""
        ref, refund = self.world.payments[request.payment_id].ref, f"re_{request.refund_id}"
        if ref and refund in self.world.provider.checkouts[ref].refunds:
            self.world.provider.send_back(ref, refund)

    def _tell_anybody(self, fact: PaymentFact, changed: dict[str, object]) -> None:
        """Tell a booking's run of a payment that is not its own."""
        booking = self.world.payments[fact.payment_id].booking
        run = self.engine.open(names.booking(booking.id))
        if run:
            self.engine.signal(run, "payment_reported", fact.model_copy(update=changed))


class Judges:
    """Partners and reviewers."""

    def __init__(self, clock: Clock, faults: Faults, engine: Engine) -> None:
        self.clock, self.faults, self.engine = clock, faults, engine

    def asked(self, booking_id: UUID, judge: Judge) -> None:
        """Decide some time later, or keep silent."""
        accepted = self.faults.chance.choices([True, False, None], [6, 2, 2])[0]
        if accepted is not None:
            verdict = Verdict(judge=judge, accepted=accepted, by="partner")
            self.clock.after(self.faults.between(0.01, 4_000), partial(self.decide, booking_id, verdict, 1))

    def decide(self, booking_id: UUID, verdict: Verdict, tries: int) -> None:
        """Say it; again, a few times, as long as it is not heard."""
        run = self.engine.open(names.booking(booking_id))
        if run is None:
            return

        def answered(answer: Answered | None) -> None:
            if answer and answer.answer is None and tries < 5:
                wait = timedelta(seconds=5)
                self.clock.after(wait, partial(self.decide, booking_id, verdict, tries + 1))

        self.engine.update(run, "decide", f"decide:{verdict.judge}:{tries}", verdict, answered)
