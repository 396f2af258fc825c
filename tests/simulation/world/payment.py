"""The steps on payments: ask the provider, then write what it said."""

from collections.abc import Generator
from datetime import datetime
from typing import TypeVar

from domain.payment import (
    AskPayment,
    CapturePayment,
    Checkout,
    Closed,
    Closing,
    CreatePayment,
    FactKind,
    FactSource,
    PaymentFact,
    PaymentReport,
    PaymentStatus,
)
from domain.refusal import BookingEnded, PaymentNotCompleted, ProviderRefused
from tests.simulation.fault import Fault
from tests.simulation.provider import AtProvider
from tests.simulation.world.rows import Payment, Rows, Violation, care

T = TypeVar("T")
# A step that asks somebody else: a worker may die, or stall, wherever it yields.
Pieces = Generator[None, None, T]


class Payments:
    """Checkouts and what became of them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def create_payment(self, ask: CreatePayment) -> Pieces[Checkout]:
        """Open a checkout, looking first for one that an earlier try has left."""
        payment = self._row(ask)
        if payment.checkout is not None:
            return payment.checkout
        payment.calls += 1
        key = f"{payment.id}:create:{-(-payment.calls // 2)}"  # each key is used twice
        look = payment.calls > 1
        yield
        if self._rows.faults.strike(Fault.PROVIDER_REFUSES):
            raise ProviderRefused("The account is shut.")
        opened = self._rows.provider.find(payment.id) if look else None
        if opened is None:
            opened = self._rows.provider.open(payment.id, ask.wish.amount, key=key, manual=ask.wish.manual)
        yield
        answer = self._opened(payment, opened)
        if payment.ref != opened.ref:
            yield
            self._rows.provider.close(opened.ref)
        if answer:
            return answer
        yield
        self._rows.provider.close(opened.ref)
        raise BookingEnded("This payment was given up.")

    def check_payment(self, ask: AskPayment) -> Pieces[PaymentReport]:
        """Ask the provider."""
        payment = self._rows.payment(ask.payment_id, ask.booking_id)
        yield
        facts = self._said(payment)
        yield
        return payment.record(facts)

    def close_payment(self, ask: AskPayment) -> Pieces[Closed]:
        """Close a checkout."""
        payment = self._rows.payment(ask.payment_id, ask.booking_id)
        yield
        closing, facts = self._close(payment)
        yield
        return Closed(closing=closing, report=payment.record(facts))

    def return_payment(self, ask: CreatePayment) -> Pieces[None]:
        """Close, void, or hand over what was taken."""
        payment = self._rows.payments.get(ask.payment_id)
        if payment is None:
            return
        yield
        _, facts = self._close(payment)
        yield
        report = payment.record(facts)
        if report.status is PaymentStatus.AUTHORIZED:
            yield
            facts = self._void(payment)
            yield
            report = payment.record(facts)
        taken = [fact for fact in facts if fact.kind is FactKind.CAPTURED]
        if taken and report.kept_minor > 0:
            self._rows.teller.aftercare(taken[0], care(payment.booking, payment.id))

    def void_payment(self, ask: AskPayment) -> Pieces[PaymentReport]:
        """Release what was authorised."""
        payment = self._rows.payment(ask.payment_id, ask.booking_id)
        yield
        facts = self._void(payment)
        yield
        return payment.record(facts)

    def capture_payment(self, ask: CapturePayment) -> Pieces[PaymentReport]:
        """Take what was authorised."""
        payment = self._rows.payment(ask.payment_id, ask.booking_id)
        payment.to_capture = payment.to_capture or ask.amount
        if payment.ref is None:
            raise PaymentNotCompleted("Nothing was authorised.")
        yield
        self._rows.provider.capture(payment.ref)
        facts = self._said(payment)
        yield
        report = payment.record(facts)
        if not report.captured_minor:
            raise PaymentNotCompleted("The authorisation is gone.")
        return report

    def _row(self, ask: CreatePayment) -> Payment:
        """Write the row before the provider hears of it."""
        if ask.payment_id not in self._rows.payments:
            payment = Payment(ask.payment_id, self._rows.bookings[ask.booking_id], ask.wish)
            self._rows.payments[ask.payment_id] = payment
            payment.booking.payments.append(payment)
        return self._rows.payments[ask.payment_id]

    def _opened(self, payment: Payment, opened: AtProvider) -> Checkout | None:
        """Write down a checkout, the first that comes; nothing to pay with when it was given up meanwhile."""
        if payment.ref is None:
            payment.ref = opened.ref
        if payment.is_given_up:
            return None
        if payment.checkout is None:
            payment.checkout = Checkout(payment_id=payment.id, provider=payment.wish.provider)
        can_be_paid = [
            checkout.ref
            for checkout in self._rows.open_checkouts(payment.booking)
            if not self._rows.payments[checkout.payment_id].is_given_up
        ]
        if payment.ref in can_be_paid and len(can_be_paid) > 1:
            raise Violation(f"{' and '.join(can_be_paid)} can be paid at a time")
        return payment.checkout

    def _close(self, payment: Payment) -> tuple[Closing, list[PaymentFact]]:
        ref = self._ref(payment)
        if ref is None:
            return Closing.CLOSED, [never_opened(payment, self._rows.clock.now)]
        return self._rows.provider.close(ref), self._said(payment)

    def _void(self, payment: Payment) -> list[PaymentFact]:
        ref = self._ref(payment)
        if ref:
            self._rows.provider.void(ref)
        return self._said(payment)

    def _said(self, payment: Payment) -> list[PaymentFact]:
        ref = self._ref(payment)
        return list(self._rows.provider.checkouts[ref].facts) if ref else []

    def _ref(self, payment: Payment) -> str | None:
        opened = self._rows.provider.find(payment.id)
        return payment.ref or (opened.ref if opened else None)


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
