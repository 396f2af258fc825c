"""The model world: rows in memory, and every step of the sagas done on them as the real activities do it.

A method without an underscore whose name is a declared step is that step; adding a step is adding a method.
Which state may be left for which is not modelled but read: from `domain.booking` and from the guards of the
real statements. What must never be, the world says at once, by `Violation`.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from db.booking import confirm as pivot, end
from db.inventory import JUDGED, STILL_OF_INTEREST
from domain.booking import (
    ENDED,
    MOVES,
    OPEN,
    AskJudge,
    BookingRequest,
    BookingStatus,
    ConfirmBooking,
    Confirmed,
    EndBooking,
    Ended,
    Judge,
    Trigger,
    sources,
)
from domain.ids import BookingId, NoticeId, PaymentId, TenantId, derived
from domain.inventory import Hold, HoldPlaces, HoldStatus, KeepPlaces, Kept, OpenPayment
from domain.money import Money, zero
from domain.notice import NoticeKind, SendNotice, SendResult, Sent
from domain.payment import (
    AftercareRequest,
    AskPayment,
    CapturePayment,
    Checkout,
    Closed,
    Closing,
    CreatePayment,
    FactKind,
    FactSource,
    HandOver,
    LateMoney,
    PaymentFact,
    PaymentReport,
    PaymentState,
    PaymentStatus,
    Settled,
    Settlement,
    StartPayment,
    fold,
)
from domain.refund import RefundPayment, RefundReport, RefundRequest, RefundStatus
from domain.refusal import (
    BookingEnded,
    ExceedsCaptured,
    HoldEnded,
    IllegalMove,
    NotOnSale,
    PaymentNotCompleted,
    ProviderRefused,
    SalesClosed,
    SoldOut,
    Unknown,
)
from tests.simulation.clock import Clock
from tests.simulation.fault import Fault, Faults
from tests.simulation.provider import AtProvider, Provider, State
from tests.simulation.step import Outage

T = TypeVar("T")
Pieces = Generator[None, None, T]

LEGAL = {(before, after) for (before, _), after in MOVES.items()} | {
    (BookingStatus(source), waits_in) for waits_in, source_list in JUDGED.values() for source in source_list
}
STANDS = {FactKind.REFUNDED: RefundStatus.COMPLETED, FactKind.REFUND_FAILED: RefundStatus.FAILED}
GIVEN_UP = (PaymentStatus.CANCELLED, PaymentStatus.EXPIRED, PaymentStatus.FAILED)


class Violation(AssertionError):
    """Raised when something is that must never be."""


@dataclass
class HeldPlace:
    """One hold of one place."""

    expires_at: datetime | None
    kept_until: datetime | None
    status: HoldStatus = HoldStatus.ACTIVE


@dataclass
class Booking:
    """A booking's row, and what belongs to it."""

    request: BookingRequest
    total: Money
    due: Money
    hold_for: timedelta
    status: BookingStatus = BookingStatus.INITIATED
    expires_at: datetime | None = None
    holds: list[HeldPlace] = field(default_factory=list)
    tickets: int = 0
    confirmations: int = 0
    reviewed: bool = False

    @property
    def id(self) -> BookingId:
        """Its id."""
        return self.request.booking_id


@dataclass
class Refund:
    """A refund's row."""

    ask: RefundPayment
    amount: Money
    status: RefundStatus = RefundStatus.PENDING
    ref: str | None = None
    calls: int = 0

    @property
    def id(self) -> str:
        """Its id, as the provider knows it."""
        return str(self.ask.refund_id)

    @property
    def report(self) -> RefundReport:
        """What its run is told."""
        again = self.ask.retry_of is not None
        stuck = again and self.status is RefundStatus.FAILED
        return RefundReport(
            refund_id=self.ask.refund_id,
            status=self.status,
            amount=self.amount,
            cause=self.ask.cause,
            retry=again,
            attention="sent_back_twice" if stuck else "",
        )


@dataclass
class Payment:
    """A payment's row, and the rows of what its provider said."""

    id: PaymentId
    booking: Booking
    wish: StartPayment
    facts: dict[tuple[FactKind, str], PaymentFact] = field(default_factory=dict)
    ref: str | None = None
    checkout: Checkout | None = None
    calls: int = 0
    to_capture: Money | None = None
    refunds: dict[str, Refund] = field(default_factory=dict)

    @property
    def state(self) -> PaymentState:
        """What the facts add up to."""
        return fold(self.wish.amount, self.facts.values(), to_capture=self.to_capture)

    @property
    def given_back(self) -> int:
        """What was asked to go back and did not fail, in minor units."""
        return sum(
            each.amount.minor for each in self.refunds.values() if each.status is not RefundStatus.FAILED
        )

    @property
    def kept(self) -> int:
        """What was taken and does not go back."""
        return self.state.captured_minor - self.given_back

    @property
    def counts(self) -> bool:
        """Say whether its money is money for the booking."""
        return self.state.status is not PaymentStatus.CONFLICTED


@dataclass
class Notice:
    """A notice's row; `sent` counts what the mail service took."""

    id: NoticeId
    claimed: bool = False
    result: SendResult | None = None
    sent: int = 0


class World:
    """Rows, the provider behind them, and the steps.

    Who listens is set from outside: `tell` hears what the provider says, `aftercare` what reaches a payment
    after its booking's end, `owed` of a notice that is due, `refunding` of a refund, `asked` of who must
    accept; `owned` says whether a booking's own run is open.
    """

    def __init__(self, clock: Clock, faults: Faults, *, capacity: int) -> None:
        self.clock, self.faults, self.capacity = clock, faults, capacity
        self.provider = Provider(clock, lambda fact: self.tell(fact))  # noqa: PLW0108 - who listens comes later
        self.on_sale = True
        self.bookings: dict[UUID, Booking] = {}
        self.payments: dict[PaymentId, Payment] = {}
        self.notices: dict[tuple[UUID, NoticeKind, int], Notice] = {}
        self.tell: Callable[[PaymentFact], None] = lambda _: None
        self.aftercare: Callable[[PaymentFact, AftercareRequest], None] = lambda _fact, _request: None
        self.owned: Callable[[UUID], bool] = lambda _: False
        self.owed: Callable[[SendNotice], None] = lambda _: None
        self.refunding: Callable[[RefundRequest], None] = lambda _: None
        self.asked: Callable[[UUID, Judge], None] = lambda _booking, _judge: None
        self._answers: dict[str, Any] = {}

    # --- places

    @property
    def taken(self) -> int:
        """How many places are held or sold."""
        claims = (HoldStatus.ACTIVE, HoldStatus.PURCHASED)
        return sum(hold.status in claims for booking in self.bookings.values() for hold in booking.holds)

    def take(self, booking: Booking, hold_for: timedelta | None) -> None:
        """Take a place, from overdue holds if need be. Refuses SoldOut."""
        if self.taken >= self.capacity:
            for hold in (hold for other in self.bookings.values() for hold in other.holds):
                overdue = hold.kept_until is not None and hold.kept_until < self.clock.now
                if hold.status is HoldStatus.ACTIVE and overdue:
                    hold.status = HoldStatus.EXPIRED
        if self.taken >= self.capacity:
            raise SoldOut("There are not enough places left.")
        until = None if hold_for is None else self.clock.now + hold_for
        booking.holds.append(HeldPlace(until, until))
        if self.taken > self.capacity:
            raise Violation("more places are taken than there are")

    def hold_places(self, ask: HoldPlaces) -> Hold:
        """Adopt the door's hold, or take one."""
        booking = self._booking(ask.booking_id)
        if booking.status in ENDED | {BookingStatus.CANCELLING, BookingStatus.REFUNDING}:
            raise BookingEnded("ended", status=booking.status.value)
        if booking.status in (BookingStatus.PAID, BookingStatus.CONFIRMED):
            nothing = zero(booking.due.currency)
            return Hold(left=None, expires_at=booking.expires_at, due=nothing, total=nothing)
        if not booking.holds:
            self._check_on_sale()
            self.take(booking, booking.hold_for if booking.due.minor else None)
            booking.expires_at = booking.holds[-1].expires_at
            self._move(booking, sources(Trigger.PLACES_HELD), BookingStatus.HELD)
        hold = booking.holds[-1]
        answer = self._hold(booking)
        passed = hold.kept_until is not None and hold.kept_until < self.clock.now
        if (hold.status is not HoldStatus.ACTIVE or passed) and not answer.open_payments:
            raise HoldEnded("The time to pay is over.")
        return answer

    def release_places(self, ask: HoldPlaces) -> None:
        """Give back what is held; by then nobody may be able to pay."""
        booking = self._booking(ask.booking_id)
        for checkout in self.provider.checkouts.values():
            if self.is_of(checkout, booking) and checkout.state is State.OPEN:
                raise Violation(f"places are given back, and {checkout.ref} can still be paid")
        self._release(booking)

    def keep_places(self, ask: KeepPlaces) -> Kept:
        """Keep the place a grace longer."""

        def keep(booking: Booking) -> Kept:
            longer = ask.settles_within or timedelta(0)
            kept = self._keep(booking, ask.grace + longer, again=ask.again > 0)
            self._move(booking, sources(Trigger.CHECKOUT_OPENED), BookingStatus.AWAITING_PAYMENT)
            return kept

        return self._kept_once(f"keep_places:{ask.payment_id}:{ask.again}", ask.booking_id, keep)

    def ask_judge(self, ask: AskJudge) -> Kept:
        """Wait for whoever must accept."""

        def keep(booking: Booking) -> Kept:
            kept = self._keep(booking, ask.within + ask.grace, again=True)
            waits_in, from_states = JUDGED[ask.judge]
            self._move(booking, from_states, waits_in)
            self.asked(booking.id, ask.judge)
            return kept

        return self._kept_once(f"ask_judge:{ask.booking_id}:{ask.judge}", ask.booking_id, keep)

    # --- payments

    def create_payment(self, ask: CreatePayment) -> Pieces[Checkout]:
        """Open a checkout, looking first for one that an earlier try has left."""
        booking = self._booking(ask.booking_id)
        payment = self.payments.setdefault(ask.payment_id, Payment(ask.payment_id, booking, ask.wish))
        if payment.checkout is not None:
            return payment.checkout
        payment.calls += 1
        key = f"{payment.id}:create:{-(-payment.calls // 2)}"  # each key is used twice
        look = payment.calls > 1
        yield
        if self.faults.strike(Fault.PROVIDER_REFUSES):
            raise ProviderRefused("The account is shut.")
        opened = self.provider.find(payment.id) if look else None
        if opened is None:
            opened = self.provider.open(payment.id, ask.wish.amount, key=key, manual=ask.wish.manual)
        yield
        if answer := self._opened(payment, opened):
            return answer
        yield
        self.provider.close(opened.ref)
        raise BookingEnded("This payment was given up.")

    def check_payment(self, ask: AskPayment) -> Pieces[PaymentReport]:
        """Ask the provider."""
        payment = self._payment(ask.payment_id, ask.booking_id)
        yield
        facts = self._said(payment)
        yield
        return self.record(payment, facts)

    def close_payment(self, ask: AskPayment) -> Pieces[Closed]:
        """Close a checkout."""
        payment = self._payment(ask.payment_id, ask.booking_id)
        yield
        closing, facts = self._close(payment)
        yield
        return Closed(closing=closing, report=self.record(payment, facts))

    def return_payment(self, ask: CreatePayment) -> Pieces[None]:
        """Close, void, or hand over what was taken."""
        payment = self.payments.get(ask.payment_id)
        if payment is None:
            return
        yield
        _, facts = self._close(payment)
        yield
        report = self.record(payment, facts)
        if report.status is PaymentStatus.AUTHORIZED:
            yield
            facts = self._void(payment)
            yield
            report = self.record(payment, facts)
        taken = [fact for fact in facts if fact.kind is FactKind.CAPTURED]
        if taken and report.kept_minor > 0:
            self.aftercare(taken[0], self.care(payment.booking, payment.id))

    def void_payment(self, ask: AskPayment) -> Pieces[PaymentReport]:
        """Release what was authorised."""
        payment = self._payment(ask.payment_id, ask.booking_id)
        yield
        facts = self._void(payment)
        yield
        return self.record(payment, facts)

    def capture_payment(self, ask: CapturePayment) -> Pieces[PaymentReport]:
        """Take what was authorised."""
        payment = self._payment(ask.payment_id, ask.booking_id)
        payment.to_capture = payment.to_capture or ask.amount
        if payment.ref is None:
            raise PaymentNotCompleted("Nothing was authorised.")
        yield
        self.provider.capture(payment.ref)
        facts = self._said(payment)
        yield
        report = self.record(payment, facts)
        if not report.captured_minor:
            raise PaymentNotCompleted("The authorisation is gone.")
        return report

    # --- the ends

    def confirm_booking(self, ask: ConfirmBooking) -> Confirmed:
        """Cross the pivot."""
        booking = self._booking(ask.booking_id)
        if booking.status is BookingStatus.CONFIRMED:
            return Confirmed(tickets=booking.tickets)
        if booking.status in ENDED | {BookingStatus.CANCELLING, BookingStatus.REFUNDING}:
            raise BookingEnded("ended", status=booking.status.value)
        self._check_paid(booking)
        return self._confirm(booking, pivot.ON_TIME if booking.due.minor else pivot.FREE)

    def end_booking(self, ask: EndBooking) -> Ended:
        """Write the end."""
        booking = self._booking(ask.booking_id)
        target = end.MOVES[ask.reason].get(booking.status.value)
        if target is None:
            if booking.status in OPEN:
                raise IllegalMove("This booking cannot end so.", status=booking.status.value)
            return Ended(status=booking.status)
        self._move(booking, [booking.status.value], BookingStatus(target))
        if booking.status in end.NOTICES:
            self._owe(booking, end.NOTICES[booking.status])
        self._refunded(booking)
        return Ended(status=booking.status)

    # --- after the end

    def hand_over(self, ask: HandOver) -> None:
        """Tell the aftercare."""
        self.aftercare(ask.fact, self.care(self._booking(ask.booking_id), ask.fact.payment_id))

    def settle_late_money(self, ask: LateMoney) -> Settled:
        """Take the places again, or say why the money goes back."""
        if self.owned(ask.booking_id):
            raise Outage("the booking's own run is open")
        key = f"settle_late_money:{ask.payment_id}"
        if key not in self._answers:
            settled = self._settle(self._payment(ask.payment_id, ask.booking_id))
            if settled.settlement is Settlement.REFUND and settled.cause != pivot.ALREADY_PAID:
                booking = self._booking(ask.booking_id)
                if booking.status.value in pivot.UNPAID_ENDS:
                    self._move(booking, pivot.UNPAID_ENDS, BookingStatus.REFUNDING)
            self._answers[key] = settled
        answer: Settled = self._answers[key]
        return answer

    def open_refund(self, ask: RefundPayment) -> RefundReport:
        """Write down that money goes back; its run is begun by the relay."""
        payment = self._payment(ask.payment_id, ask.booking_id)
        if str(ask.refund_id) not in payment.refunds:
            amount = ask.amount or Money(minor=payment.kept, currency=payment.wish.amount.currency)
            if not 0 < amount.minor <= payment.kept:
                raise ExceedsCaptured("More would go back than is left.")
            refund = payment.refunds[str(ask.refund_id)] = Refund(ask, amount)
            self.refunding(self._request(payment, refund))
        return payment.refunds[str(ask.refund_id)].report

    def refund_payment(self, ask: RefundRequest) -> Pieces[RefundReport]:
        """Give money back, once."""
        refund = self.payments[ask.payment_id].refunds[str(ask.refund_id)]
        ref = self.payments[ask.payment_id].ref
        assert ref, "a refund of what was never paid"
        refund.calls += 1
        look = refund.calls > 1
        yield
        given = self.provider.find_refund(ref, refund_id=refund.id) if look else None
        given = given or self.provider.refund(ref, ask.amount.minor, refund_id=refund.id)
        sent_back = given in self.provider.checkouts[ref].returned
        yield
        self._refund_stands(refund, given, RefundStatus.FAILED if sent_back else RefundStatus.COMPLETED)
        return refund.report

    def record_refund(self, ask: LateMoney) -> None:
        """Say what the refunds mean for the booking."""
        booking = self._booking(ask.booking_id)
        taken = [refund for each in self._payments(booking) for refund in each.refunds.values()]
        for version, refund in enumerate(taken, 1):
            mine = refund.id in self.payments[ask.payment_id].refunds
            if mine and refund.ref is not None and refund.status is not RefundStatus.FAILED:
                self._owe(booking, NoticeKind.PAYMENT_REFUNDED, version)
        self._refunded(booking)

    def send_notice(self, ask: SendNotice) -> Pieces[Sent]:
        """Send a mail, once."""
        notice = next(each for each in self.notices.values() if each.id == ask.notice_id)
        if notice.result is None:
            if notice.claimed:
                notice.result = SendResult.UNKNOWN
            else:
                notice.claimed = True
                yield
                notice.sent += 1
                yield
                notice.result = SendResult.ACCEPTED
        return Sent(result=notice.result)

    # --- rows

    def place(self, booking: Booking) -> None:
        """Accept a booking as the door does, with its hold. Refuses SoldOut."""
        self.take(booking, booking.hold_for if booking.due.minor else None)
        booking.expires_at, booking.status = booking.holds[-1].expires_at, BookingStatus.HELD
        self.bookings[booking.id] = booking

    def record(self, payment: Payment, facts: Iterable[PaymentFact]) -> PaymentReport:
        """Add what a provider said; gives what is known now."""
        for fact in facts:
            payment.facts.setdefault(about(fact), fact)
            refund = payment.refunds.get(fact.operation.removeprefix("re_"))
            if refund and fact.kind in STANDS:
                self._refund_stands(refund, fact.operation, STANDS[fact.kind])
        return self._report(payment)

    def is_known(self, fact: PaymentFact) -> bool:
        """Say whether what a fact tells was recorded before."""
        return about(fact) in self.payments[fact.payment_id].facts

    def is_of(self, checkout: AtProvider, booking: Booking) -> bool:
        """Say whether a checkout is the booking's, and not one that a stalled call has opened beside it: that
        one has no buyer, for nobody was told of it.
        """
        payment = self.payments[checkout.payment_id]
        return payment.booking is booking and payment.ref in (None, checkout.ref)

    def refund_request(self, fact: PaymentFact) -> RefundRequest | None:
        """Say which refund of ours a fact is about, if it is about one."""
        payment = self.payments[fact.payment_id]
        refund = payment.refunds.get(fact.operation.removeprefix("re_"))
        return self._request(payment, refund) if refund else None

    def care(self, booking: Booking, payment_id: PaymentId) -> AftercareRequest:
        """Write down what the aftercare of a payment is begun with."""
        return AftercareRequest(
            tenant_id=booking.request.tenant_id,
            booking_id=booking.id,
            payment_id=payment_id,
            reference=booking.request.reference,
        )

    def _report(self, payment: Payment) -> PaymentReport:
        state, all_of_it = payment.state, self._payments(payment.booking)
        authorized = [each for each in all_of_it if each.state.status is PaymentStatus.AUTHORIZED]
        return PaymentReport(
            payment_id=payment.id,
            status=state.status,
            currency=payment.wish.amount.currency,
            asked_minor=payment.wish.amount.minor,
            captured_minor=state.captured_minor,
            refunded_minor=payment.given_back,
            refunds=len(payment.refunds),
            refunds_failed=sum(each.status is RefundStatus.FAILED for each in payment.refunds.values()),
            review=payment.wish.review,
            booking_kept_minor=sum(each.kept for each in all_of_it if each.counts),
            booking_authorized_minor=sum(each.wish.amount.minor for each in authorized),
            booking_declines=sum(len(each.state.declines) for each in all_of_it),
        )

    def _refund_stands(self, refund: Refund, ref: str, status: RefundStatus) -> None:
        """Write how a refund stands: failed is the last word."""
        refund.ref = ref
        if refund.status is not RefundStatus.FAILED:
            refund.status = status

    def _request(self, payment: Payment, refund: Refund) -> RefundRequest:
        request = payment.booking.request
        return RefundRequest(
            tenant_id=request.tenant_id,
            booking_id=request.booking_id,
            payment_id=payment.id,
            refund_id=refund.ask.refund_id,
            reference=request.reference,
            amount=refund.amount,
        )

    def _settle(self, payment: Payment) -> Settled:
        booking, refund = payment.booking, partial(Settled, settlement=Settlement.REFUND)
        if f"paid_by:{payment.id}" in self._answers:
            return Settled(settlement=Settlement.CONFIRMED)
        if not payment.counts:
            return refund(cause=pivot.CONFLICTED)
        if booking.status in (BookingStatus.CONFIRMED, BookingStatus.COMPLETED):
            return refund(cause=pivot.ALREADY_PAID)
        if booking.status.value not in pivot.LATE + pivot.LOST:
            return refund(cause="booking_ended")
        try:
            self._check_paid(booking)
            if booking.status.value in pivot.LATE:
                self._check_on_sale()
            self._confirm(booking, pivot.LATE + pivot.LOST)
        except (NotOnSale, PaymentNotCompleted) as no:
            return refund(cause=no.code)
        return Settled(settlement=Settlement.CONFIRMED)

    def _check_paid(self, booking: Booking) -> None:
        captured = [each for each in self._payments(booking) if each.state.status is PaymentStatus.CAPTURED]
        if sum(each.kept for each in captured) < booking.due.minor:
            raise PaymentNotCompleted("Less has been paid than is due.")

    def _confirm(self, booking: Booking, allowed: list[str]) -> Confirmed:
        if booking.status.value not in allowed:
            raise IllegalMove("This booking has moved on.", status=booking.status.value)
        if booking.holds[-1].status is not HoldStatus.ACTIVE:
            self.take(booking, None)
        booking.holds[-1].status = HoldStatus.PURCHASED
        booking.status, booking.tickets = BookingStatus.CONFIRMED, 1
        booking.confirmations += 1
        reached = 0
        for payment in self._payments(booking):
            if (
                payment.state.status is PaymentStatus.CAPTURED
                and payment.kept
                and reached < booking.due.minor
            ):
                reached += payment.kept
                self._answers[f"paid_by:{payment.id}"] = True
        self._owe(booking, NoticeKind.BOOKING_CONFIRMED)
        return Confirmed(tickets=booking.tickets)

    def _refunded(self, booking: Booking) -> None:
        """Let a booking be refunded once nothing of its money is with us, and nothing on its way."""
        payments = self._payments(booking)
        done = all(refund.status.is_final for each in payments for refund in each.refunds.values())
        if booking.status is BookingStatus.REFUNDING and done and not any(each.kept for each in payments):
            self._move(booking, sources(Trigger.REFUND_DONE), BookingStatus.REFUNDED)

    def _opened(self, payment: Payment, opened: AtProvider) -> Checkout | None:
        """Write down a checkout, the first that comes; nothing to pay with when it was given up meanwhile."""
        if payment.ref is None:
            payment.ref = opened.ref
        if payment.state.status in GIVEN_UP:
            return None
        if payment.checkout is None:
            payment.checkout = Checkout(payment_id=payment.id, provider=payment.wish.provider)
        self._check_alone(payment)
        return payment.checkout

    def _check_alone(self, payment: Payment) -> None:
        """Make sure that no other checkout of the booking can be paid."""
        for other in self._payments(payment.booking):
            open_too = other.ref and self.provider.checkouts[other.ref].state is State.OPEN
            if other is not payment and open_too and other.state.status not in GIVEN_UP:
                raise Violation(f"{payment.ref} can be paid, and {other.ref} as well")

    def _close(self, payment: Payment) -> tuple[Closing, list[PaymentFact]]:
        ref = self._ref(payment)
        if ref is None:
            return Closing.CLOSED, [never_opened(payment, self.clock.now)]
        return self.provider.close(ref), self._said(payment)

    def _void(self, payment: Payment) -> list[PaymentFact]:
        ref = self._ref(payment)
        if ref:
            self.provider.void(ref)
        return self._said(payment)

    def _said(self, payment: Payment) -> list[PaymentFact]:
        ref = self._ref(payment)
        return list(self.provider.checkouts[ref].facts) if ref else []

    def _ref(self, payment: Payment) -> str | None:
        opened = self.provider.find(payment.id)
        return payment.ref or (opened.ref if opened else None)

    def _keep(self, booking: Booking, longer: timedelta, *, again: bool) -> Kept:
        hold = booking.holds[-1]
        in_time = hold.expires_at is None or hold.expires_at > self.clock.now
        if booking.status in ENDED:
            raise BookingEnded("ended", status=booking.status.value)
        if hold.status is not HoldStatus.ACTIVE or not (again or in_time):
            raise HoldEnded("The time to pay is over.")
        begins = self.clock.now if again or hold.expires_at is None else hold.expires_at
        hold.kept_until = max(hold.kept_until or begins, begins + longer)
        left, until = hold.kept_until - self.clock.now, hold.kept_until
        return Kept(left=left, kept_until=until, due=booking.due, total=booking.total)

    def _kept_once(self, key: str, booking_id: BookingId, keep: Callable[[Booking], Kept]) -> Kept:
        if key not in self._answers:
            self._answers[key] = keep(self._booking(booking_id))
        first: Kept = self._answers[key]
        return first.model_copy(update={"left": first.kept_until - self.clock.now})

    def _hold(self, booking: Booking) -> Hold:
        now, payments = self.clock.now, self._payments(booking)
        return Hold(
            left=None if booking.expires_at is None else max(timedelta(0), booking.expires_at - now),
            expires_at=booking.expires_at,
            due=booking.due,
            total=booking.total,
            declines=sum(len(each.state.declines) for each in payments),
            open_payments=tuple(
                OpenPayment(**each.wish.model_dump(include=set(OpenPayment.model_fields)))
                for each in payments
                if each.state.status.value in STILL_OF_INTEREST
            ),
        )

    def _release(self, booking: Booking) -> None:
        for hold in booking.holds:
            if hold.status is HoldStatus.ACTIVE:
                over = hold.expires_at is not None and hold.expires_at <= self.clock.now
                hold.status = HoldStatus.EXPIRED if over else HoldStatus.RELEASED

    def _move(self, booking: Booking, allowed: list[str], after: BookingStatus) -> None:
        if booking.status.value not in allowed:
            raise BookingEnded("ended", status=booking.status.value)
        if booking.status is not after and (booking.status, after) not in LEGAL:
            raise Violation(f"{booking.status} → {after} is no legal move")
        self.clock.note(f"{booking.request.reference} {booking.status.value} → {after.value}")
        booking.status = after

    def _check_on_sale(self) -> None:
        if not self.on_sale:
            raise SalesClosed("This slot is not on sale.")

    def _owe(self, booking: Booking, kind: NoticeKind, version: int = 1) -> None:
        if (booking.id, kind, version) not in self.notices:
            notice = Notice(NoticeId(derived(booking.id, f"{kind}:{version}")))
            self.notices[booking.id, kind, version] = notice
            self.owed(SendNotice(tenant_id=TenantId(booking.request.tenant_id), notice_id=notice.id))

    def _booking(self, booking_id: UUID) -> Booking:
        return self.bookings[booking_id]

    def _payment(self, payment_id: PaymentId, booking_id: UUID) -> Payment:
        payment = self.payments.get(payment_id)
        if payment is None or payment.booking.id != booking_id:
            raise Unknown("This booking has no such payment.")
        return payment

    def _payments(self, booking: Booking) -> list[Payment]:
        return [each for each in self.payments.values() if each.booking is booking]


def about(fact: PaymentFact) -> tuple[FactKind, str]:
    """Name what a fact is about, so that two tellings are one row."""
    return fact.kind, fact.operation or fact.provider_ref


def never_opened(payment: Payment, now: datetime) -> PaymentFact:
    """Say that the provider has nothing to be paid."""
    return PaymentFact(
        event_id=f"look:{payment.id}:nothing",
        provider=payment.wish.provider,
        account=payment.wish.account,
        payment_id=payment.id,
        kind=FactKind.CANCELLED,
        provider_ref="",
        operation="never_opened",
        occurred_at=now,
        source=FactSource.API,
    )
