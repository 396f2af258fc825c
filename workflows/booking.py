"""One booking from its hold to its tickets, or back to where nothing is held and nothing was taken.

Handlers note what callers wish and providers say; `run` acts, one thing at a time, so no two steps of a
booking overlap and their order is decided in one place.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain import refusal
from domain.booking import BookingRequest, BookingStatus, CancelBooking, Judge, Outcome, Progress, Verdict
from domain.ids import PaymentId
from domain.inventory import Hold
from domain.payment import Checkout, PaymentFact, PaymentReport, StartPayment, TakePayment
from domain.refusal import (
    AlreadyPaid,
    AttemptsExhausted,
    BookingEnded,
    IllegalMove,
    NothingToRetry,
    PaymentDeclined,
    PaymentNotCompleted,
    Unknown,
)
from workflows import ending, names, steps
from workflows.asking import Asking
from workflows.checkout import Checkouts
from workflows.deadline import Deadline
from workflows.payment import Payments
from workflows.saga import CANCELLED, EXPIRED, Saga, given_up, reason, regardless
from workflows.wish import FATAL, Errand, Wish, answered

# How long a payment waits about which nobody could be asked, unless there is news before.
ASK_AGAIN = timedelta(minutes=1)


@workflow.defn(name="BookingWorkflow")
class BookingWorkflow:
    """The saga of one booking, under the id `booking:<booking id>`."""

    @workflow.init
    def __init__(self, request: BookingRequest) -> None:
        self.request = request
        self.asking = Asking(request)
        self.saga = Saga()
        self.deadline = Deadline()
        self.wishes: list[Wish] = []
        self.errands: list[Errand] = []
        self.cancellation: CancelBooking | None = None
        self.payments = Payments({fact.event_id: fact for fact in request.carried})
        self.checkouts = Checkouts(
            self.saga, self.asking, self.payments, self.deadline, self.tell, most_put_off=request.put_off
        )
        self.judge: Judge | None = None  # who has to accept now
        self.verdicts: dict[Judge, Verdict] = {}
        self.outcome: Outcome | None = None

    @workflow.run
    async def run(self, request: BookingRequest) -> Outcome:
        """Hold the places; wait until it is paid, given up, or the hold ends; have it accepted by whoever
        must; take the money and confirm; hand on what came too late.
        """
        async with self.saga as saga:
            hold = await saga.do(steps.hold_places, self.asking.places(), self.checkouts.adopt)
            await self.paid(hold)
            await saga.cross(steps.confirm_booking, self.asking.confirmation())
        return await regardless(self.close())

    # --- the wait for the money

    async def paid(self, hold: Hold) -> None:
        """Wait for the money, have the booking accepted, take the money; whose bank declines only then may
        pay in another way.
        """
        if hold.left is not None and not self.checkouts.settled:
            self.deadline.count_down(hold.left)
        while True:
            await self.paid_or_given_up_or_over()
            await self.accepted_by_all()
            if await self.checkouts.capture():
                return

    async def paid_or_given_up_or_over(self) -> None:
        while not self.checkouts.settled:
            await self.wait_for(lambda: self.has_work() or self.is_too_long())
            if not self.has_work():
                self.begin_anew()
            await self.act()

    async def wait_for(self, something: Callable[[], bool]) -> None:
        """Wait for something to do. What nobody could be asked about is asked about again: it may be written
        down by an asking whose answer was lost, and then no sweep tells of it anew.
        """
        pause = ASK_AGAIN if self.payments.in_doubt else None
        try:
            await workflow.wait_condition(
                something,
                timeout=pause,
                timeout_summary="until the provider is asked again" if pause else None,
            )
        except TimeoutError:
            self.payments.ask_again()

    def has_work(self) -> bool:
        told = self.payments.news or self.payments.to_check
        return bool(self.cancellation or told or self.errands or self.wishes or self.deadline.over)

    async def act(self) -> None:
        """Do the most pressing thing: a cancellation wins, then what the provider says, then what becomes of
        a payment, then the deadline, then a new wish to pay.
        """
        declines = self.payments.declines
        if self.cancellation:
            raise given_up(CANCELLED, self.cancellation.cause)
        if self.payments.news or self.payments.to_check:
            await self.checkouts.hear()
        elif self.errands:
            await self.run_errand()
        elif self.deadline.over:
            await self.checkouts.close(EXPIRED)
        else:
            await self.open_checkout(self.wishes[0])
        if self.checkouts.put_off and self.checkouts.failed(since=declines):
            raise given_up(PaymentDeclined.__name__)  # the deadline was put off for this answer
        if self.payments.declines >= self.request.attempts and not self.checkouts.settled:
            await self.checkouts.close(AttemptsExhausted.__name__)

    def is_too_long(self) -> bool:
        long = workflow.info().get_current_history_length() >= self.request.history_limit
        return long and workflow.all_handlers_finished()

    def begin_anew(self) -> NoReturn:
        """Go on as a new run: it takes over what the rows know, and the facts that nobody has used."""
        workflow.continue_as_new(self.request.model_copy(update={"carried": self.payments.unheard}))

    # --- the money

    async def open_checkout(self, wish: Wish) -> None:
        no = await answered(wish.answer, self.checkouts.open_one(wish.ask))
        if no and reason(no) in FATAL:
            raise no
        self.wishes.remove(wish)

    async def run_errand(self) -> None:
        errand = self.errands[0]
        await answered(errand.answer, errand.work())
        self.errands.remove(errand)

    # --- who else must accept

    async def accepted_by_all(self) -> None:
        """Have a risky payment accepted by a reviewer, and then the booking by its partner."""
        if self.payments.suspicious:
            await self.accepted_by(Judge.REVIEWER)
        if self.request.partner_within is not None:
            await self.accepted_by(Judge.PARTNER)

    async def accepted_by(self, judge: Judge) -> None:
        """Wait until `judge` accepts; a no, and silence until the deadline, end the booking."""
        asked = await self.saga.do(steps.ask_judge, self.asking.judge(judge))
        self.judge = judge
        self.deadline.count_down(asked.left - self.request.grace)
        self.tell(f"waits for the {judge}")
        while judge not in self.verdicts:
            await self.wait_for(lambda: judge in self.verdicts or self.has_work())
            await self.act_while_judged(judge)
        self.judge = None
        if not self.verdicts[judge].accepted:
            raise given_up(ending.REFUSED[judge], self.verdicts[judge].cause)

    async def act_while_judged(self, judge: Judge) -> None:
        """Do the most pressing thing while somebody decides: the money must stay, more of it is not taken."""
        if self.cancellation:
            raise given_up(CANCELLED, self.cancellation.cause)
        if self.payments.news or self.payments.to_check:
            await self.checkouts.hear()
        elif self.errands:
            await self.run_errand()
        elif self.deadline.over and judge not in self.verdicts:
            raise given_up(ending.SILENT[judge])
        if not self.checkouts.settled:
            raise given_up(PaymentNotCompleted.__name__)
        self.turn_away(steps.refused(AlreadyPaid("This booking is paid for.")))

    # --- the end

    async def close(self) -> Outcome:
        """Write the end, answer who still waits, and hand on the facts that no step has used: nobody may
        close over news of money.
        """
        self.outcome = await self.end()
        workflow.upsert_search_attributes([names.BOOKING_STATUS.value_set(self.outcome.status.value)])
        self.tell(f"ended: {self.outcome.status.value}")
        self.turn_away(self.ended())
        for errand in self.errands:
            errand.answer.set_exception(self.ended())
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self.saga.trouble:
            await self.checkouts.close_left()
        most = self.checkouts.hold.total.minor if self.checkouts.hold else 0
        for payment_id in self.payments.for_aftercare(most) if not self.saga.trouble else ():
            kept = self.asking.kept_for_nothing(payment_id, workflow.now())
            await self.saga.cross(steps.hand_over, self.asking.handing_over(kept))
        while unused := self.unused:
            await self.saga.cross(steps.hand_over, self.asking.handing_over(unused[0]))
            self.payments.asked(unused[:1], answered=True)
        return self.outcome

    async def end(self) -> Outcome:
        if not self.saga.trouble:
            return Outcome(status=BookingStatus.CONFIRMED)
        why = ending.of(self.saga.reason, held=self.checkouts.hold is not None)
        cause = refusal.code_of(self.saga.reason)
        ended = await self.saga.cross(steps.end_booking, self.asking.ending(why, cause))
        return Outcome(status=ended.status, cause=cause, undone=tuple(self.saga.undone))

    async def end_known(self) -> Outcome:
        await workflow.wait_condition(lambda: self.outcome is not None)
        return self.outcome or await self.end_known()

    @property
    def unused(self) -> list[PaymentFact]:
        return self.payments.unused

    def ended(self) -> ApplicationError:
        status = self.outcome.status.value if self.outcome else "ending"
        return steps.refused(BookingEnded("This booking has ended.", status=status))

    def turn_away(self, no: ApplicationError) -> None:
        """Say no to everybody who waits to pay."""
        for wish in self.wishes:
            if not wish.answer.done():
                wish.answer.set_exception(no)
        self.wishes.clear()

    def tell(self, what: str) -> None:
        until = (
            f" until {self.deadline.at:%d %b %H:%M:%S} UTC" if self.deadline.at and not self.outcome else ""
        )
        workflow.set_current_details(f"**{self.request.reference}** {what}{until}")

    # --- messages

    @workflow.signal
    def payment_reported(self, fact: PaymentFact | None = None) -> None:
        """A provider said something about a payment of this booking."""
        self.payments.told(fact)

    @workflow.update
    async def start_payment(self, ask: StartPayment) -> Checkout:
        """Open a checkout for what is due.

        Refuses AlreadyPaid, PriceChanged, HoldEnded, BookingEnded, AttemptsExhausted, ProviderRefused;
        `ProviderAway` is an outage.
        """
        wish = Wish(ask)
        self.wishes.append(wish)
        return await wish.answer

    @start_payment.validator
    def may_pay(self, ask: StartPayment) -> None:
        self.refuse_ended()
        if self.payments.declines >= self.request.attempts:
            raise steps.refused(
                AttemptsExhausted("Every allowed attempt was declined.", attempts=self.request.attempts)
            )
        if not self.checkouts.taking:
            self.checkouts.refuse_too_much(ask)

    @workflow.update
    async def check_payment(self, payment_id: PaymentId) -> Progress:
        """Ask the provider about a payment now, because the buyer says it is paid; answers when it is known,
        and for paid ones when the booking has ended or waits for somebody to accept it.
        """
        self.payments.to_check.append(payment_id)
        await workflow.wait_condition(
            lambda: payment_id not in self.payments.to_check or self.outcome is not None
        )
        if self.checkouts.settled:
            await workflow.wait_condition(lambda: self.outcome is not None or self.judge is not None)
        return self.status()

    @check_payment.validator
    def may_check(self, payment_id: PaymentId) -> None:
        if self.outcome:
            raise self.ended()
        if not isinstance(payment_id, UUID):  # a wish by hand without a payload
            raise steps.refused(Unknown())

    @workflow.update
    async def cancel_payment(self, payment_id: PaymentId) -> PaymentReport:
        """Let a payment go that was not taken yet: nobody can pay it any more, what was authorised is free;
        answers how it stands then.

        Refuses Unknown, AlreadyCaptured, IllegalMove (the bank is deciding), BookingEnded; `ProviderAway` is
        an outage.
        """
        return await self.in_turn(lambda: self.checkouts.let_go(payment_id))

    @cancel_payment.validator
    def may_cancel_payment(self, payment_id: PaymentId) -> None:
        self.refuse_ended()
        if not isinstance(payment_id, UUID):  # a wish by hand without a payload
            raise steps.refused(Unknown())

    @workflow.update
    async def take_payment(self, ask: TakePayment) -> PaymentReport:
        """Take what was authorised now, whole or in part, instead of right before the booking is confirmed;
        answers how the payment stands then.

        Refuses Unknown, AlreadyCaptured, PaymentNotCompleted, ExceedsAuthorized, LessThanDue, BookingEnded;
        `ProviderAway` is an outage.
        """
        return await self.in_turn(lambda: self.checkouts.take(ask))

    @take_payment.validator
    def may_take_payment(self, ask: TakePayment) -> None:
        self.refuse_ended()

    async def in_turn(self, work: Callable[[], Awaitable[PaymentReport]]) -> PaymentReport:
        errand = Errand(work)
        self.errands.append(errand)
        return await errand.answer

    def refuse_ended(self) -> None:
        if self.outcome or self.saga.trouble:
            raise self.ended()

    @workflow.update
    async def decide(self, verdict: Verdict) -> Outcome:
        """Accept or refuse the booking, as the partner or reviewer it waits for; answers how it ended, or
        where it stands if somebody else must accept as well.
        """
        self.verdicts[verdict.judge] = verdict
        await workflow.wait_condition(
            lambda: self.outcome is not None or self.judge not in (None, verdict.judge)
        )
        return self.outcome or Outcome(status=BookingStatus.AWAITING_PARTNER)

    @decide.validator
    def may_decide(self, verdict: Verdict) -> None:
        if self.outcome:
            raise self.ended()
        if self.judge is not verdict.judge or verdict.judge in self.verdicts:
            waits_for = self.judge.value if self.judge else "nobody"
            raise steps.refused(
                IllegalMove("This booking does not wait for this answer.", status=waits_for, trigger="decide")
            )

    @workflow.update
    async def cancel(self, wish: CancelBooking) -> Outcome:
        """Cancel before the booking is confirmed; answers how it ended, which is *confirmed* when the wish
        came too late.
        """
        self.cancellation = self.cancellation or wish
        return await self.end_known()

    @cancel.validator
    def may_cancel(self, wish: CancelBooking) -> None:
        if self.outcome:
            raise self.ended()

    @workflow.update
    async def retry_step(self) -> Progress:
        """Try the parked undo again, at an operator's wish."""
        self.saga.retry()
        await workflow.wait_condition(lambda: self.saga.parked is None)
        return self.status()

    @retry_step.validator
    def may_retry(self) -> None:
        if self.saga.parked is None:
            raise steps.refused(NothingToRetry("No step of this booking waits for an operator."))

    @workflow.query
    def status(self) -> Progress:
        """Where the run stands."""
        waits = f"waits for the {self.judge}" if self.judge else "waits for the payment"
        return Progress(
            step=self.saga.step or (self.outcome.status.value if self.outcome else waits),
            attempts_left=max(0, self.request.attempts - self.payments.declines),
            deadline=self.deadline.at,
            open_payment=self.checkouts.open.payment_id if self.checkouts.open else None,
            parked=self.saga.parked,
            due=self.checkouts.hold.due if self.checkouts.hold else None,
            judge=self.judge,
        )
