"""Hosted checkouts: a page on which a buyer pays one payment, until it is paid, given up or over."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sandbox import payment as payments
from sandbox.payment import Capture, Means, MethodType, Outcome, Payment
from sandbox.record import Json, Record
from sandbox.work import Work


@dataclass(kw_only=True)
class Checkout(Record):
    """One buyer's page; the payment is made at the first try.

    `note` is what the merchant says on it. `complete` with a payment that is still processing: the buyer has
    done their part, the bank has not. With `approval` the buyer only approves, with a method of their choice:
    the money moves when the merchant takes it, which the buyer's bank may decline then. The card that pays is
    kept for the customer it `keeps_for`.
    """

    kind: ClassVar[str] = "checkout"

    amount: int
    currency: str
    expires_at: int
    success_url: str
    cancel_url: str | None = None
    status: Literal["open", "approved", "complete", "expired"] = "open"
    approval: bool = False
    payment: str | None = None
    capture: Capture = "automatic_async"
    hold_seconds: int = payments.HOLD_SECONDS
    takes: list[MethodType] = field(default_factory=lambda: ["card"])
    reference: str | None = None
    email: str | None = None
    keeps_for: str | None = None
    note: str | None = None
    buyer: Json | None = None
    lines: list[Json] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    payment_metadata: dict[str, str] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    about: Json = field(default_factory=dict)

    @property
    def parent(self) -> str | None:
        """Return the payment made on this page, once there is one."""
        return self.payment


class Closed(Exception):
    """Raised when a checkout is complete or expired and something wants it open; nothing has changed."""

    def __init__(self, checkout: Checkout) -> None:
        super().__init__(f"{checkout.id} is {checkout.status}")
        self.checkout = checkout


def open_checkout(work: Work, checkout: Checkout) -> Checkout:
    """Write down a new checkout and have it end at its time."""
    work.add(checkout)
    work.later("checkout.expire", checkout.id, checkout.expires_at)
    return checkout


def pay(work: Work, checkout: Checkout, means: Means, buyer: Json, *, after_expiry: bool = False) -> Outcome:
    """Try to pay with a means of payment, as the page's form and the control API do.

    `after_expiry`: the buyer's bank was at it when the checkout expired, and the money comes all the same.
    """
    payable = ("open", "approved") if checkout.approval else ("open",)
    if checkout.status not in payable and not (after_expiry and checkout.status == "expired"):
        raise Closed(checkout)
    checkout.buyer = buyer
    payment = _payment_of(work, checkout)
    method = payments.new_method(work, means, billing=buyer)
    if checkout.approval:
        return _approved(work, checkout, payment, method)
    outcome = payments.submit(work, payment, method)
    return _settled(work, checkout, outcome)


def take(work: Work, checkout: Checkout) -> Outcome:
    """Take or hold the money that the buyer has approved; declined, it can be approved anew."""
    if checkout.status != "approved" or checkout.payment is None:
        raise Closed(checkout)
    payment = work.get(Payment, checkout.payment)
    outcome = payments.submit(
        work, payment, work.get(payments.Method, checkout.about["method"]), challenged=True
    )
    return _settled(work, checkout, outcome)


def _approved(work: Work, checkout: Checkout, payment: Payment, method: payments.Method) -> Outcome:
    if method.type not in payment.takes:
        raise payments.NotTaken(payment, method)
    checkout.status, checkout.about["method"] = "approved", method.id
    work.save(checkout)
    work.tell("checkout.approved", checkout)
    return "approved"


def pass_challenge(work: Work, checkout: Checkout | None, payment: Payment) -> Outcome:
    """Go on after the buyer has passed the challenge."""
    if checkout is not None and checkout.status != "open":
        raise Closed(checkout)
    if payment.status != "needs_action" or payment.method is None:
        raise payments.Unexpected(payment, "pass the challenge of")
    outcome = payments.submit(work, payment, work.get(payments.Method, payment.method), challenged=True)
    return outcome if checkout is None else _settled(work, checkout, outcome)


def _payment_of(work: Work, checkout: Checkout) -> Payment:
    if checkout.payment is not None:
        return work.get(Payment, checkout.payment)
    payment = Payment(
        id=work.new_id("payment"),
        account=work.account.id,
        created=work.now,
        amount=checkout.amount,
        currency=checkout.currency,
        capture=checkout.capture,
        hold_seconds=checkout.hold_seconds,
        takes=checkout.takes,
        checkout=checkout.id,
        parts=checkout.parts,
        metadata=checkout.payment_metadata,
        about=dict(checkout.about.get("payment", {})),
    )
    checkout.payment = payment.id
    return payments.open_payment(work, payment)


def _settled(work: Work, checkout: Checkout, outcome: Outcome) -> Outcome:
    done = outcome in ("paid", "processing")
    if done:
        checkout.status = "complete"
    work.save(checkout)
    if outcome == "paid" and checkout.keeps_for is not None:
        _keep(work, checkout, checkout.keeps_for)
    if done:
        work.tell("checkout.completed", checkout)
    return outcome


def _keep(work: Work, checkout: Checkout, customer: str) -> None:
    payment = work.get(Payment, checkout.payment or "")
    method = work.get(payments.Method, payment.method or "")
    if method.type == "card":
        method.customer = customer
        work.save(method)


def expire(work: Work, checkout: Checkout) -> None:
    """End an open checkout; its unpaid payment is given up with it."""
    if checkout.status not in ("open", "approved"):
        raise Closed(checkout)
    checkout.status = "expired"
    work.save(checkout)
    if checkout.payment is not None:
        payment = work.get(Payment, checkout.payment)
        if payment.status in ("unstarted", "unconfirmed", "needs_action"):
            payments.cancel(work, payment, "expired")
    work.tell("checkout.expired", checkout)


def expire_in_time(work: Work, checkout_id: str) -> None:
    """End a checkout whose time is over, unless it has ended already."""
    checkout = work.get(Checkout, checkout_id)
    if checkout.status in ("open", "approved"):
        expire(work, checkout)
