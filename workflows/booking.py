"""One booking from its hold to its tickets, or back to where nothing is held and nothing was taken.

Handlers note what callers wish and providers say; `run` acts, one thing at a time, so no two steps of a
booking overlap and their order is decided in one place.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from domain import refusal
from domain.booking import (
    BookingRequest,
    BookingStatus,
    CancelBooking,
    EndReason,
    Judge,
    Outcome,
    Progress,
    Verdict,
)
from domain.ids import PaymentId
from domain.inventory import Hold, Kept
from domain.payment import (
    Checkout,
    Closed,
    Closing,
    CreatePayment,
    PaymentFact,
    PaymentReport,
    PaymentStatus,
    StartPayment,
    TakePayment,
)
from domain.refusal import (
    AlreadyCaptured,
    AlreadyPaid,
    AttemptsExhausted,
    BookingEnded,
    ExceedsAuthorized,
    IllegalMove,
    LessThanDue,
    NothingToRetry,
    PaymentDeclined,
    PaymentNotCompleted,
    Unknown,
)
from workflows import names, steps
from workflows.asking import Asking
from workflows.payment import Payments
from workflows.saga import CANCELLED, EXPIRED, Saga, given_up, is_refusal, reason, regardless

T = TypeVar("T")

# Who must accept has said no, or nothing in time.
REFUSED = {Judge.PARTNER: "PartnerRefused", Judge.REVIEWER: "ReviewDeclined"}
SILENT = {Judge.PARTNER: "PartnerSilent", Judge.REVIEWER: "ReviewSilent"}

# What ends a saga, and the end it gives the booking; anything else has failed.
ENDS = {
    EXPIRED: EndReason.EXPIRED,
    "HoldEnded": EndReason.EXPIRED,
    CANCELLED: EndReason.CANCELLED,
    REFUSED[Judge.PARTNER]: EndReason.REFUSED,
    SILENT[Judge.PARTNER]: EndReason.REFUSED,
    SILENT[Judge.REVIEWER]: EndReason.EXPIRED,
}
ENDS_IF_NEVER_HELD = {"SoldOut": EndReason.REJECTED, "SalesClosed": EndReason.REJECTED}
ENDS_IF_HELD = {"SoldOut": EndReason.EXPIRED, "SalesClosed": EndReason.EXPIRED}

# A no to a wish to pay that is a no to the whole booking.
FATAL = {"HoldEnded", "BookingEnded", "ProviderRefused"}


@dataclass(eq=False)
class Wish:
    """A wish to pay whose caller waits for the answer."""

    ask: StartPayment
    answer: "asyncio.Future[Checkout]" = field(default_factory=asyncio.Future)


@dataclass(eq=False)
class Errand:
    """Something to be done about one payment between two steps, whose caller waits for the answer."""

    work: Callable[[], Awaitable[PaymentReport]]
    answer: "asyncio.Future[PaymentReport]" = field(default_factory=asyncio.Future)


@workflow.defn(name="BookingWorkflow")
class BookingWorkflow:
    """The saga of one booking, under the id `booking:<booking id>`."""

    @workflow.init
    def __init__(self, request: BookingRequest) -> None:
        self.request = request
        self.asking = Asking(request)
        self.saga = Saga()
        self.hold: Hold | None = None
        self.chosen = False  # by then the price is final
        self.deadline: datetime | None = None
        self.timer: asyncio.Task[None] | None = None
        self.over = False
        self.put_off = 0
        self.wishes: list[Wish] = []
        self.errands: list[Errand] = []
        self.to_check: list[PaymentId] = []
        self.cancellation: CancelBooking | None = None
        self.open: CreatePayment | None = None  # the checkout that may be paid now
        self.payments = Payments({fact.event_id: fact for fact in request.carried})
        self.judge: Judge | None = None  # who has to accept now
        self.verdicts: dict[Judge, Verdict] = {}
        self.outcome: Outcome | None = None

    @workflow.run
    async def run(self, request: BookingRequest) -> Outcome:
        """Hold the places; wait until it is paid, given up, or the hold ends; have it accepted by whoever
        must; take the money and confirm; hand on what came too late.
        """
        async with self.saga as saga:
            hold = await saga.do(steps.hold_places, self.asking.places(), self.adopt)
            await self.paid_or_given_up_or_over(hold)
            await self.accepted_by_all()
            await self.capture()
            await saga.cross(steps.confirm_booking, self.asking.confirmation())
        return await regardless(self.close())

    # --- the wait for the money

    async def paid_or_given_up_or_over(self, hold: Hold) -> None:
        if hold.left is not None and not self.settled:
            self.count_down(hold.left)
        while not self.settled:
            await workflow.wait_condition(lambda: self.has_work() or self.is_too_long())
            if not self.has_work():
                self.begin_anew()
            await self.act()

    def adopt(self, hold: Hold) -> None:
        """Note what is held, and look after what a run that is lost has asked the provider for: as if this
        one had done it.
        """
        self.hold, self.payments.declines = hold, hold.declines
        for payment in hold.open_payments:
            ask = StartPayment(**payment.model_dump(), return_url="")
            self.open = self.asking.payment(ask, hold.expires_at)
            self.saga.take_over(steps.create_payment, self.open)
            self.to_check.append(payment.payment_id)

    @property
    def settled(self) -> bool:
        return self.hold is not None and self.payments.secured_minor >= self.hold.due.minor

    def has_work(self) -> bool:
        told = self.payments.news or self.to_check
        return bool(self.cancellation or told or self.errands or self.wishes or self.over)

    async def act(self) -> None:
        """Do the most pressing thing: a cancellation wins, then what the provider says, then what becomes of
        a payment, then the deadline, then a new wish to pay.
        """
        declines = self.payments.declines
        if self.cancellation:
            raise given_up(CANCELLED, self.cancellation.cause)
        if self.payments.news or self.to_check:
            await self.hear()
        elif self.errands:
            await self.run_errand()
        elif self.over:
            await self.close_checkout(EXPIRED)
        else:
            await self.open_checkout(self.wishes[0])
        if self.put_off and not self.settled and (self.lapsed or self.payments.declines > declines):
            raise given_up(PaymentDeclined.__name__)  # the deadline was put off for this answer
        if self.payments.declines >= self.request.attempts and not self.settled:
            await self.close_checkout(AttemptsExhausted.__name__)

    @property
    def lapsed(self) -> bool:
        return self.open is not None and self.payments.lapsed(self.open.payment_id)

    def is_too_long(self) -> bool:
        long = workflow.info().get_current_history_length() >= self.request.history_limit
        return long and workflow.all_handlers_finished()

    def begin_anew(self) -> NoReturn:
        """Go on as a new run: it takes over what the rows know, and the facts that nobody has used."""
        workflow.continue_as_new(self.request.model_copy(update={"carried": self.payments.unheard}))

    # --- the money

    async def hear(self) -> None:
        """Ask the provider about every payment there is news of: a fact is told by anybody, money is believed
        only from the provider.
        """
        news, self.to_check = self.payments.news, [*dict.fromkeys(self.to_check)]
        asked = dict.fromkeys([*self.to_check, *(fact.payment_id for fact in news)])
        for payment_id in asked:
            answered = await self.check(payment_id)
            self.payments.asked((fact for fact in news if fact.payment_id == payment_id), answered=answered)
        self.to_check = [payment_id for payment_id in self.to_check if payment_id not in asked]

    async def check(self, payment_id: PaymentId) -> bool:
        try:
            self.payments.note(await self.saga.do(steps.check_payment, self.asking.about(payment_id)))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return is_refusal(
                error
            )  # no payment of this booking: heard, and nothing to it; no answer: not heard yet
        return True

    async def open_checkout(self, wish: Wish) -> None:
        no = await self.answer(wish.answer, self.checkout(wish.ask))
        if no and reason(no) in FATAL:
            raise no
        self.wishes.remove(wish)

    async def run_errand(self) -> None:
        errand = self.errands[0]
        await self.answer(errand.answer, errand.work())
        self.errands.remove(errand)

    async def answer(self, answer: "asyncio.Future[T]", work: Awaitable[T]) -> FailureError | None:
        """Answer a caller with what comes of `work`; gives the no, if it is one."""
        try:
            answer.set_result(await work)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            away = given_up(steps.PROVIDER_AWAY, "The payment provider did not answer.")
            no = error if is_refusal(error) else away
            answer.set_exception(steps.passed_on(no))
            return no
        return None

    async def checkout(self, ask: StartPayment) -> Checkout:
        """Open one checkout, after closing the one before: never two at a time."""
        if self.open:
            await self.close_before(self.open)
            self.refuse_too_much(ask)  # the one before may have been paid meanwhile
        self.choose(await self.saga.do(steps.keep_places, self.asking.keeping(ask.payment_id)))
        self.refuse_too_much(ask)
        self.open = self.asking.payment(ask, self.deadline)
        checkout = await self.saga.do(steps.create_payment, self.open)
        if checkout.paid:
            self.to_check.append(ask.payment_id)
        self.tell(f"waits for the payment of {ask.amount}")
        return checkout

    def choose(self, kept: Kept) -> None:
        """Note what the choice came to in the end: until the first payment the buyer may choose anew."""
        self.chosen = True
        if self.hold and kept.due and kept.total:
            self.hold = self.hold.model_copy(update={"due": kept.due, "total": kept.total})

    async def close_before(self, earlier: CreatePayment) -> None:
        closing = await self.closed(earlier)
        if closing is Closing.PAID and self.settled:
            raise steps.refused(AlreadyPaid("The payment before this one has gone through."))
        if closing is Closing.PROCESSING:
            raise steps.refused(
                IllegalMove(
                    "The bank is deciding on the payment before.",
                    status="processing",
                    trigger="start_payment",
                )
            )
        self.open = None

    async def close_checkout(self, why: str) -> None:
        """End the wait unless the provider says that it was paid, or (a bounded number of times) that the
        bank is still deciding.
        """
        if self.open is None:
            raise given_up(why)
        try:
            closing = await self.closed(self.open)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            raise given_up(why) from None
        if closing is Closing.PROCESSING and self.put_off < self.request.put_off:
            self.put_off += 1
            await self.wait_for_the_bank(self.open.wish)
        elif not self.settled:
            raise given_up(why)

    async def wait_for_the_bank(self, wish: StartPayment) -> None:
        """Put the deadline off, for a method that settles late until it has."""
        keeping = self.asking.keeping(wish.payment_id, again=self.put_off, settles_within=wish.settles_within)
        kept = await self.saga.do(steps.keep_places, keeping)
        self.count_down(kept.left)
        self.tell("waits for the bank")

    async def closed(self, payment: CreatePayment) -> Closing:
        """Close a checkout and note what became of it; a payment that was never written down is closed."""
        try:
            return (await self.noted(payment.payment_id)).closing
        except FailureError as error:
            if reason(error) == Unknown.__name__:
                return Closing.CLOSED
            raise

    async def noted(self, payment_id: PaymentId) -> Closed:
        closed = await self.saga.do(steps.close_payment, self.asking.about(payment_id))
        self.payments.note(closed.report)
        return closed

    async def let_go(self, payment_id: PaymentId) -> PaymentReport:
        """Close a payment's checkout and release what was only authorised."""
        closed = await self.noted(payment_id)
        refuse_captured(closed.report)
        if closed.closing is Closing.PROCESSING:
            raise steps.refused(
                IllegalMove("The bank is deciding.", status="processing", trigger="cancel_payment")
            )
        if closed.closing is Closing.CLOSED:
            return closed.report
        report = await self.saga.do(steps.void_payment, self.asking.about(payment_id))
        self.payments.note(report)
        refuse_captured(report)
        return report

    async def take(self, ask: TakePayment) -> PaymentReport:
        """Take what was authorised, or a part of it that still pays for the booking."""
        report = await self.saga.do(steps.check_payment, self.asking.about(ask.payment_id))
        self.payments.note(report)
        self.refuse_to_take(ask, report)
        report = await self.saga.do(steps.capture_payment, self.asking.capture(report, ask.amount))
        self.payments.note(report)
        return report

    def refuse_to_take(self, ask: TakePayment, report: PaymentReport) -> None:
        refuse_captured(report)
        if report.status is not PaymentStatus.AUTHORIZED:
            raise steps.refused(PaymentNotCompleted("Nothing is authorised.", status=report.status.value))
        if ask.amount is None:
            return
        if ask.amount.currency != report.currency or ask.amount.minor > report.asked_minor:
            raise steps.refused(ExceedsAuthorized("More than was authorised.", most=report.asked_minor))
        due = self.hold.due.minor if self.hold and self.settled else 0
        least = max(0, due - (self.payments.secured_minor - report.asked_minor))
        if ask.amount.minor < least:
            raise steps.refused(LessThanDue("The booking would not be paid.", least=least))

    async def capture(self) -> None:
        """Take what was only authorised so far."""
        for report in self.payments.authorized:
            self.payments.note(await self.saga.do(steps.capture_payment, self.asking.capture(report)))

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
        self.count_down(asked.left - self.request.grace)
        self.tell(f"waits for the {judge}")
        while judge not in self.verdicts:
            await workflow.wait_condition(lambda: judge in self.verdicts or self.has_work())
            await self.act_while_judged(judge)
        self.judge = None
        if not self.verdicts[judge].accepted:
            raise given_up(REFUSED[judge], self.verdicts[judge].cause)

    async def act_while_judged(self, judge: Judge) -> None:
        """Do the most pressing thing while somebody decides: the money must stay, more of it is not taken."""
        if self.cancellation:
            raise given_up(CANCELLED, self.cancellation.cause)
        if self.payments.news or self.to_check:
            await self.hear()
        elif self.errands:
            await self.run_errand()
        elif self.over and judge not in self.verdicts:
            raise given_up(SILENT[judge])
        if not self.settled:
            raise given_up(PaymentNotCompleted.__name__)
        self.turn_away(steps.refused(AlreadyPaid("This booking is paid for.")))

    # --- the deadline

    def count_down(self, left: timedelta) -> None:
        """Let the wait be over when `left` has passed."""
        if self.timer is not None:
            self.timer.cancel()
        left = max(left, timedelta(0))  # a repeated answer may be of long ago
        self.over, self.deadline = False, workflow.now() + left
        self.tell("holds places")
        self.timer = asyncio.create_task(self.strike(left))

    async def strike(self, left: timedelta) -> None:
        await workflow.sleep(left, summary="the wait ends")
        self.over = True

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
        most = self.hold.total.minor if self.hold else 0
        for payment_id in self.payments.surplus(most) if not self.saga.trouble else ():
            kept = self.asking.kept_for_nothing(payment_id, workflow.now())
            await self.saga.cross(steps.hand_over, self.asking.handing_over(kept))
        while unused := self.unused:
            await self.saga.cross(steps.hand_over, self.asking.handing_over(unused[0]))
            self.payments.asked(unused[:1], answered=True)
        return self.outcome

    async def end(self) -> Outcome:
        if not self.saga.trouble:
            return Outcome(status=BookingStatus.CONFIRMED)
        ends = ENDS | (ENDS_IF_HELD if self.hold else ENDS_IF_NEVER_HELD)
        why, cause = ends.get(self.saga.reason, EndReason.FAILED), refusal.code_of(self.saga.reason)
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
        until = f" until {self.deadline:%d %b %H:%M:%S} UTC" if self.deadline and not self.outcome else ""
        workflow.set_current_details(f"**{self.request.reference}** {what}{until}")

    # --- messages

    @workflow.signal
    def payment_reported(self, fact: PaymentFact | None = None) -> None:
        """A provider said something about a payment of this booking."""
        self.payments.told(fact)

    @workflow.update
    async def start_payment(self, ask: StartPayment) -> Checkout:
        """Open a checkout for what is due.

        Refuses AlreadyPaid, HoldEnded, BookingEnded, AttemptsExhausted, ProviderRefused; `ProviderAway` is an
        outage.
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
        self.refuse_too_much(ask)

    def refuse_too_much(self, ask: StartPayment) -> None:
        if self.hold is None or not self.chosen:
            return  # what is due is not final yet
        if self.settled or ask.amount.minor > self.hold.total.minor - self.payments.secured_minor:
            raise steps.refused(AlreadyPaid("Less is due than this payment asks for."))

    @workflow.update
    async def check_payment(self, payment_id: PaymentId) -> Progress:
        """Ask the provider about a payment now, because the buyer says it is paid; answers when it is known,
        and for paid ones when the booking has ended or waits for somebody to accept it.
        """
        self.to_check.append(payment_id)
        await workflow.wait_condition(lambda: payment_id not in self.to_check or self.outcome is not None)
        if self.settled:
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
        return await self.in_turn(lambda: self.let_go(payment_id))

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
        return await self.in_turn(lambda: self.take(ask))

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
            deadline=self.deadline,
            open_payment=self.open.payment_id if self.open else None,
            parked=self.saga.parked,
            due=self.hold.due if self.hold else None,
            judge=self.judge,
        )


def refuse_captured(report: PaymentReport) -> None:
    """Refuse AlreadyCaptured for a payment that was taken."""
    if report.captured_minor:
        raise steps.refused(AlreadyCaptured("This payment was taken.", captured=report.captured_minor))
