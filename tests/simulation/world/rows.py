"""The rows of the model world, and who is told of what happens to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from db.inventory.wait import FOR_JUDGE
from domain.aftercare import AftercareRequest
from domain.booking import MOVES, BookingRequest, BookingStatus, Judge
from domain.ids import BookingId, NoticeId, PaymentId, TenantId, derived
from domain.inventory import HoldStatus
from domain.money import Money
from domain.notice import NoticeKind, SendNotice, SendResult
from domain.payment import (
    Checkout,
    FactKind,
    PaymentFact,
    PaymentReport,
    PaymentState,
    PaymentStatus,
    StartPayment,
    fold,
)
from domain.refund import RefundPayment, RefundReport, RefundRequest, RefundStatus
from domain.refusal import BookingEnded, SalesClosed, Unknown
from tests.simulation.clock import Clock
from tests.simulation.fault import Faults
from tests.simulation.provider import AtProvider, Provider, State

LEGAL = {(before, after) for (before, _), after in MOVES.items()} | {
    (BookingStatus(source), waits_in)
    for waits_in, from_states in FOR_JUDGE.values()
    for source in from_states
}
GIVEN_UP = (PaymentStatus.CANCELLED, PaymentStatus.EXPIRED, PaymentStatus.FAILED)
STANDS = {FactKind.REFUNDED: RefundStatus.COMPLETED, FactKind.REFUND_FAILED: RefundStatus.FAILED}


class Violation(AssertionError):
    """Raised when something is that must never be."""


class Teller(Protocol):
    """Whoever tells runs what happened, and knows which are open."""

    def hear(self, fact: PaymentFact) -> None:
        """Bring what the provider says on its way."""

    def arrive(self, fact: PaymentFact) -> None:
        """Read what has arrived in the inbox."""

    def report(self, fact: PaymentFact, booking: "Booking", *, ended: bool) -> None:
        """Tell a fact to the booking's run or, it having `ended`, to the payment's aftercare."""

    def owns(self, booking_id: UUID) -> bool:
        """Say whether a run of this booking is open."""

    def begin(self, booking: "Booking") -> object:
        """Begin the run of a booking."""

    def aftercare(self, fact: PaymentFact, request: AftercareRequest) -> None:
        """Tell a fact to the aftercare of its payment."""

    def refund(self, request: RefundRequest) -> None:
        """Begin the run of a refund."""

    def notify(self, ask: SendNotice) -> None:
        """Begin to send a notice."""

    def ask(self, booking_id: UUID, judge: Judge) -> None:
        """Ask a partner or reviewer."""


@dataclass
class HeldPlace:
    """One hold of one place."""

    expires_at: datetime | None
    kept_until: datetime | None
    status: HoldStatus = HoldStatus.ACTIVE


@dataclass(eq=False)
class Booking:
    """A booking's row, and what belongs to it."""

    request: BookingRequest
    total: Money
    due: Money
    hold_for: timedelta
    status: BookingStatus = BookingStatus.INITIATED
    cause: str = ""
    expires_at: datetime | None = None
    holds: list[HeldPlace] = field(default_factory=list)
    payments: list["Payment"] = field(default_factory=list)
    tickets: int = 0
    confirmations: int = 0
    reviewed: bool = False

    @property
    def id(self) -> BookingId:
        """Its id."""
        return self.request.booking_id


@dataclass(eq=False)
class Refund:
    """A refund's row."""

    ask: RefundPayment
    amount: Money
    reference: str
    status: RefundStatus = RefundStatus.PENDING
    ref: str | None = None
    calls: int = 0

    @property
    def id(self) -> str:
        """Its id, as the provider knows it."""
        return str(self.ask.refund_id)

    @property
    def request(self) -> RefundRequest:
        """What its run is begun with."""
        ids = self.ask.model_dump(include={"tenant_id", "booking_id", "payment_id", "refund_id"})
        return RefundRequest(**ids, reference=self.reference, amount=self.amount)

    @property
    def report(self) -> RefundReport:
        """What its run is told."""
        again = self.ask.retry_of is not None
        return RefundReport(
            refund_id=self.ask.refund_id,
            status=self.status,
            amount=self.amount,
            cause=self.ask.cause,
            retry=again,
            attention="sent_back_twice" if again and self.status is RefundStatus.FAILED else "",
        )

    def stands(self, ref: str, status: RefundStatus) -> None:
        """Write how it stands: failed is the last word."""
        self.ref = ref
        if self.status is not RefundStatus.FAILED:
            self.status = status


@dataclass(eq=False)
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

    @property
    def is_given_up(self) -> bool:
        """Say whether nobody is to pay it any more."""
        return self.state.status in GIVEN_UP

    def record(self, facts: Iterable[PaymentFact]) -> PaymentReport:
        """Add what a provider said; gives what is known now."""
        for fact in facts:
            self.facts.setdefault(about(fact), fact)
            refund = self.refund_of(fact)
            if refund and fact.kind in STANDS:
                refund.stands(fact.operation, STANDS[fact.kind])
        return self.report()

    def refund_of(self, fact: PaymentFact) -> Refund | None:
        """Find the refund of ours that a fact is about."""
        return self.refunds.get(fact.operation.removeprefix("re_"))

    def report(self) -> PaymentReport:
        """Say what is known of it, and of its booking's payments together."""
        state, together = self.state, self.booking.payments
        authorized = [each for each in together if each.state.status is PaymentStatus.AUTHORIZED]
        return PaymentReport(
            payment_id=self.id,
            status=state.status,
            currency=state.captured_currency,
            asked_minor=self.wish.amount.minor,
            captured_minor=state.captured_minor,
            refunded_minor=self.given_back,
            refunds=len(self.refunds),
            refunds_failed=sum(each.status is RefundStatus.FAILED for each in self.refunds.values()),
            review=self.wish.review,
            booking_kept_minor=sum(each.kept for each in together if each.counts),
            booking_authorized_minor=sum(each.wish.amount.minor for each in authorized),
            booking_declines=sum(len(each.state.declines) for each in together),
        )


@dataclass(eq=False)
class Notice:
    """A notice's row; `sent` counts what the mail service took."""

    id: NoticeId
    claimed: bool = False
    result: SendResult | None = None
    sent: int = 0


class Rows:
    """All rows, and the provider behind them; `answers` is what steps have stored, `arrived` the inbox."""

    teller: Teller

    def __init__(self, clock: Clock, faults: Faults, *, capacity: int) -> None:
        self.clock, self.faults, self.capacity = clock, faults, capacity
        self.provider = Provider(clock, self._happened)
        self.on_sale = True
        self.bookings: dict[UUID, Booking] = {}
        self.payments: dict[PaymentId, Payment] = {}
        self.notices: dict[tuple[UUID, NoticeKind, int], Notice] = {}
        self.answers: dict[str, Any] = {}
        self.arrived: set[str] = set()

    def _happened(self, fact: PaymentFact) -> None:
        self.teller.hear(fact)

    def payment(self, payment_id: PaymentId, booking_id: UUID) -> Payment:
        """Find a payment of a booking. Refuses Unknown."""
        payment = self.payments.get(payment_id)
        if payment is None or payment.booking.id != booking_id:
            raise Unknown("This booking has no such payment.")
        return payment

    def move(self, booking: Booking, allowed: list[str], after: BookingStatus) -> None:
        """Move a booking from one of the `allowed` states. Refuses BookingEnded; raises Violation."""
        if booking.status.value not in allowed:
            raise BookingEnded("ended", status=booking.status.value)
        if booking.status is not after and (booking.status, after) not in LEGAL:
            raise Violation(f"{booking.status} → {after} is no legal move")
        self.clock.note(f"{booking.request.reference} {booking.status.value} → {after.value}")
        booking.status = after

    def owe(self, booking: Booking, kind: NoticeKind, version: int = 1) -> None:
        """Owe the buyer a notice, once."""
        if (booking.id, kind, version) not in self.notices:
            notice = Notice(NoticeId(derived(booking.id, f"{kind}:{version}")))
            self.notices[booking.id, kind, version] = notice
            self.teller.notify(SendNotice(tenant_id=TenantId(booking.request.tenant_id), notice_id=notice.id))

    def check_on_sale(self) -> None:
        """Make sure that the slot may be sold. Refuses SalesClosed."""
        if not self.on_sale:
            raise SalesClosed("This slot is not on sale.")

    def open_checkouts(self, booking: Booking) -> list[AtProvider]:
        """List the booking's checkouts that can be paid.

        Without one that a stalled call has opened beside a payment's own, and died before it closed it:
        nobody was told of it.
        """
        return [
            checkout
            for checkout in self.provider.checkouts.values()
            if checkout.state is State.OPEN and self.is_of(checkout, booking)
        ]

    def is_of(self, checkout: AtProvider, booking: Booking) -> bool:
        """Say whether a checkout is one that the booking's payments know, or may yet hear of."""
        payment = self.payments[checkout.payment_id]
        return payment.booking is booking and payment.ref in (None, checkout.ref)


def about(fact: PaymentFact) -> tuple[FactKind, str]:
    """Name what a fact is about, so that two tellings are one row."""
    return fact.kind, fact.operation or fact.provider_ref


def care(booking: Booking, payment_id: PaymentId) -> AftercareRequest:
    """Write down what the aftercare of a payment is begun with."""
    return AftercareRequest(
        tenant_id=booking.request.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        reference=booking.request.reference,
    )
