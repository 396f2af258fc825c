"""The checkouts of a booking's run: opened one at a time, closed, and what was authorised taken or let go."""

from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from domain.ids import PaymentId
from domain.inventory import Hold, Kept
from domain.payment import (
    Checkout,
    Closed,
    Closing,
    CreatePayment,
    PaymentReport,
    PaymentStatus,
    StartPayment,
    TakePayment,
)
from domain.refusal import (
    AlreadyCaptured,
    AlreadyPaid,
    ExceedsAuthorized,
    IllegalMove,
    LessThanDue,
    PaymentDeclined,
    PaymentNotCompleted,
    Unknown,
)
from domain.settlement import Consequence, at_the_deadline, is_given_up
from workflows import steps
from workflows.asking import Asking
from workflows.deadline import Deadline
from workflows.payment import Payments
from workflows.saga import Saga, given_up, insist, is_refusal, reason


class Checkouts:
    """What may be paid for a booking, and what has been; `tell` shows a person where it stands.

    `hold` is what is held, once it is; its price is final when it is `chosen`. `open` is the checkout that
    may be paid now. The deadline is put off at most `most_put_off` times for a bank that is deciding.
    """

    def __init__(
        self,
        saga: Saga,
        asking: Asking,
        payments: Payments,
        deadline: Deadline,
        tell: Callable[[str], None],
        *,
        most_put_off: int,
    ) -> None:
        self.saga, self.asking, self.payments, self.deadline = saga, asking, payments, deadline
        self.tell, self.most_put_off = tell, most_put_off
        self.hold: Hold | None = None
        self.chosen = False
        self.open: CreatePayment | None = None
        self.put_off = 0
        self.taking = False  # what was authorised: some banks decline only then

    @property
    def settled(self) -> bool:
        """Whether what is due is there: taken, or to be taken at will."""
        return self.hold is not None and self.payments.secured_minor >= self.hold.due.minor

    def failed(self, *, since: int) -> bool:
        """Say whether nothing can come of the open checkout any more, or a bank has declined since there were
        so many declines.
        """
        report = self.payments.reports.get(self.open.payment_id) if self.open else None
        return not self.settled and is_given_up(report, declined=self.payments.declines > since)

    def adopt(self, hold: Hold) -> None:
        """Note what is held, and look after what a run that is lost has asked the provider for: as if this
        one had done it.
        """
        self.hold, self.payments.declines = hold, hold.declines
        for payment in hold.open_payments:
            ask = StartPayment(**payment.model_dump(), return_url="")
            self.open = self.asking.payment(ask, hold.expires_at)
            self.saga.take_over(steps.create_payment, self.open)
            self.payments.to_check.append(payment.payment_id)

    async def hear(self) -> None:
        """Ask the provider about every payment there is news of: a fact is told by anybody, money is believed
        only from the provider.
        """
        news = self.payments.news
        asked = dict.fromkeys([*self.payments.to_check, *(fact.payment_id for fact in news)], False)
        for payment_id in asked:
            asked[payment_id] = answered = await self.check(payment_id)
            self.payments.asked((fact for fact in news if fact.payment_id == payment_id), answered=answered)
        self.payments.checked(asked)

    async def check(self, payment_id: PaymentId) -> bool:
        try:
            self.payments.note(await self.saga.do(steps.check_payment, self.asking.about(payment_id)))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            # No payment of this booking: heard, and nothing to it; no answer: not heard yet.
            return is_refusal(error)
        return True

    async def open_one(self, ask: StartPayment) -> Checkout:
        """Open one checkout, after closing the one before: never two at a time."""
        if self.open:
            await self.close_before(self.open)
            self.refuse_too_much(ask)  # the one before may have been paid meanwhile
        self.choose(await self.saga.do(steps.keep_places, self.asking.keeping(ask)))
        self.refuse_too_much(ask)
        self.open = self.asking.payment(ask, self.deadline.at)
        checkout = await self.saga.do(steps.create_payment, self.open)
        if checkout.paid:
            self.payments.to_check.append(ask.payment_id)
        self.wait_no_longer_than(checkout)
        self.tell(f"waits for the payment of {ask.amount}")
        return checkout

    def wait_no_longer_than(self, checkout: Checkout) -> None:
        """Let the wait be over with a checkout that lapses before the hold does."""
        ends, deadline = checkout.expires_at, self.deadline.at
        if checkout.ends_wait and ends is not None and deadline is not None and ends < deadline:
            self.deadline.count_down(ends - workflow.now())

    def choose(self, kept: Kept) -> None:
        """Note what the choice came to in the end: until the first payment the buyer may choose anew."""
        self.chosen = True
        if self.hold and kept.due and kept.total:
            self.hold = self.hold.model_copy(update={"due": kept.due, "total": kept.total})

    def refuse_too_much(self, ask: StartPayment) -> None:
        if self.hold is None or not self.chosen:
            return  # what is due is not final yet
        if self.settled or ask.amount.minor > self.hold.total.minor - self.payments.secured_minor:
            raise steps.refused(AlreadyPaid("Less is due than this payment asks for."))

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

    async def close(self, why: str) -> None:
        """End the wait unless the provider says that it was paid, or (a bounded number of times) that the
        bank is still deciding.
        """
        if self.open is None:
            raise given_up(why)
        try:
            becomes = at_the_deadline(await self.closed(self.open))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            raise given_up(why) from None
        if becomes is Consequence.WAIT and self.put_off < self.most_put_off:
            self.put_off += 1
            await self.wait_for_the_bank(self.open.wish)
        elif not self.settled:
            raise given_up(why)

    async def wait_for_the_bank(self, wish: StartPayment) -> None:
        """Put the deadline off, for a method that settles late until it has."""
        kept = await self.saga.do(steps.keep_places, self.asking.keeping(wish, again=self.put_off))
        self.deadline.count_down(kept.left)
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

    async def close_left(self) -> None:
        """Close the checkout that is still open though another's money has paid for the booking."""
        if self.open is None or not self.payments.may_be_paid(self.open.payment_id):
            return
        try:
            closed = await insist(steps.close_payment, self.asking.about(self.open.payment_id))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return  # never written down, or not ours to close: what comes by it goes back
        self.payments.note(closed.report)

    async def capture(self) -> bool:
        """Take what was only authorised so far; says whether what is due is there then. Some banks decline
        only now.
        """
        self.taking = True
        for report in self.payments.authorized:
            try:
                self.payments.note(await self.saga.do(steps.capture_payment, self.asking.capture(report)))
            except FailureError as error:
                if reason(error) != PaymentDeclined.__name__:
                    raise
                about = self.asking.about(report.payment_id)
                self.payments.note(await self.saga.do(steps.check_payment, about))
        self.taking = False
        return self.settled


def refuse_captured(report: PaymentReport) -> None:
    """Refuse AlreadyCaptured for a payment that was taken."""
    if report.captured_minor:
        raise steps.refused(AlreadyCaptured("This payment was taken.", captured=report.captured_minor))
