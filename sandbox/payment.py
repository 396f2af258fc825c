"""Payments, provider-neutral: what a buyer owes, each try to pay it, and what became of the money.

    unstarted -> unconfirmed -> needs_action -> authorized -> captured
                             -> processing -----------------> captured
                                                            -> cancelled (from all but these two)

A declined try falls back to `unstarted`; the same payment may be tried again. `processing` waits for a bank.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sandbox import bank, card as cards, later, ledger, share
from sandbox.bank import BankAccount
from sandbox.card import Card, Decline
from sandbox.later import Later, LaterName
from sandbox.record import Json, Record
from sandbox.work import Work

Status = Literal[
    "unstarted", "unconfirmed", "needs_action", "processing", "authorized", "captured", "cancelled"
]
Capture = Literal["automatic", "automatic_async", "manual"]
MethodType = Literal["card", "debit", "klarna", "afterpay", "paypal"]
Means = Card | BankAccount | Later
Outcome = Literal["paid", "approved", "processing", "declined", "needs_action"]

HOLD_SECONDS = 7 * 24 * 3600
SETTLE_AFTER_SECONDS, REGRETTED_AFTER_SECONDS = 1, 2


class NotTaken(Exception):
    """Raised when a payment does not take this type of method; nothing has changed."""

    def __init__(self, payment: "Payment", method: "Method") -> None:
        super().__init__(f"{payment.id} takes {', '.join(payment.takes)}, no {method.type}")


class Unexpected(Exception):
    """Raised when a payment is not in a state that allows what was asked; nothing has changed."""

    def __init__(self, payment: "Payment", wanted: str) -> None:
        super().__init__(f"{payment.id} is {payment.status}, cannot {wanted}")
        self.payment, self.wanted = payment, wanted


@dataclass(kw_only=True)
class Payment(Record):
    """What a buyer owes, in minor units; `parts` of it go to payees. `left_held` of what was authorized can
    still be taken beside what was captured. `about` holds what only the provider's face wants to remember.
    """

    kind: ClassVar[str] = "payment"

    amount: int
    currency: str
    capture: Capture = "automatic_async"
    hold_seconds: int = HOLD_SECONDS
    takes: list[MethodType] = field(default_factory=lambda: ["card"])
    status: Status = "unstarted"
    method: str | None = None
    attempt: str | None = None
    checkout: str | None = None
    decline: Json | None = None
    authorized: int = 0
    captured: int = 0
    left_held: int = 0
    refunded: int = 0
    disputed: int = 0
    cancelled_at: int | None = None
    cancel_reason: str | None = None
    parts: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    about: Json = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Return what is neither refunded nor taken by a dispute."""
        return self.captured - self.refunded - self.disputed

    def verify(self) -> None:
        """Raise BooksDoNotBalance unless what is gone ≤ captured ≤ authorized."""
        parts = (self.refunded, self.disputed, self.left)
        if min(parts) < 0 or not self.captured <= self.authorized <= max(self.amount, self.authorized):
            raise ledger.BooksDoNotBalance(f"{self.id}: {parts} / {self.captured} / {self.authorized}")


@dataclass(kw_only=True)
class Method(Record):
    """A buyer's means of payment: one of the test cards or bank accounts, or with whom they pay later."""

    kind: ClassVar[str] = "method"

    card: str | None = None
    iban: str | None = None
    later: LaterName | None = None
    customer: str | None = None
    detached: bool = False
    billing: Json = field(default_factory=dict)

    @property
    def type(self) -> MethodType:
        """Return what kind of means this is."""
        if self.later is not None:
            return self.later
        return "card" if self.card is not None else "debit"

    @property
    def behaviour(self) -> Means:
        """Return how this means behaves."""
        if self.later is not None:
            return later.BY_NAME[self.later]
        if self.card is None:
            return bank.BY_IBAN[self.iban or ""]
        return cards.BY_NUMBER[self.card].held_by(self.billing.get("name"))


@dataclass(kw_only=True)
class Attempt(Record):
    """One try to pay a payment with one method."""

    kind: ClassVar[str] = "attempt"

    payment: str
    method: str
    amount: int
    currency: str
    status: Literal["pending", "succeeded", "failed"]
    authorized: bool = False
    captured: int = 0
    refunded: int = 0
    hold_ends: int | None = None
    collects_at: int | None = None
    released: bool = False
    movement: str | None = None
    decline: Json | None = None
    challenged: bool = False
    about: Json = field(default_factory=dict)

    @property
    def parent(self) -> str:
        """Return the payment this is a try of."""
        return self.payment

    @property
    def by_debit(self) -> bool:
        """Return whether a bank collects it."""
        return self.collects_at is not None


def open_payment(work: Work, payment: Payment) -> Payment:
    """Write down a new payment and tell of it."""
    work.add(payment)
    work.tell("payment.created", payment)
    return payment


def new_method(work: Work, means: Means, customer: str | None = None, billing: Json | None = None) -> Method:
    """Make a means of payment out of a test card or bank account, or of a plan to pay later."""
    method = Method(
        id=work.new_id("method"),
        account=work.account.id,
        created=work.now,
        card=means.number if isinstance(means, Card) else None,
        iban=means.iban if isinstance(means, BankAccount) else None,
        later=means.name if isinstance(means, Later) else None,
        customer=customer,
        billing=billing or {},
    )
    work.add(method)
    return method


def submit(
    work: Work, payment: Payment, method: Method, *, challenged: bool = False, absent: bool = False
) -> Outcome:
    """Try to pay with a method and tell what came of it.

    `challenged`: the buyer has just passed the challenge. `absent`: the buyer cannot be challenged.
    """
    if payment.status not in ("unstarted", "unconfirmed", "needs_action"):
        raise Unexpected(payment, "confirm")
    if method.type not in payment.takes:
        raise NotTaken(payment, method)
    card = method.behaviour
    payment.method = method.id
    if isinstance(card, BankAccount):
        return _debit(work, payment, method, card)
    if card.challenge and not challenged:
        if absent:
            return _decline(work, payment, method, cards.AUTHENTICATION_REQUIRED)
        payment.status, payment.decline = "needs_action", None
        work.save(payment)
        work.tell("payment.needs_action", payment)
        return "needs_action"
    if card.decline is not None:
        return _decline(work, payment, method, card.decline, challenged=challenged)
    return _authorize(work, payment, method, challenged=challenged)


def fail_challenge(work: Work, payment: Payment) -> Outcome:
    """Note that the buyer did not pass the challenge; the payment may be tried again."""
    if payment.status != "needs_action" or payment.method is None:
        raise Unexpected(payment, "fail the challenge of")
    payment.status, payment.decline = "unstarted", _told(cards.AUTHENTICATION_FAILED, payment.method)
    payment.method = None
    work.save(payment)
    work.tell("payment.declined", payment)
    return "declined"


def _told(decline: Decline, method: str) -> Json:
    return {"code": decline.code, "reason": decline.reason, "message": decline.message, "method": method}


def _new_attempt(
    work: Work, payment: Payment, method: Method, status: Literal["pending", "succeeded", "failed"]
) -> Attempt:
    return Attempt(
        id=work.new_id("attempt" if method.type == "card" else "debit"),
        account=work.account.id,
        created=work.now,
        payment=payment.id,
        method=method.id,
        amount=payment.amount,
        currency=payment.currency,
        status=status,
    )


def _decline(
    work: Work, payment: Payment, method: Method, decline: Decline, *, challenged: bool = False
) -> Outcome:
    attempt = _new_attempt(work, payment, method, "failed")
    attempt.challenged = challenged
    work.add(attempt)
    turn_down(work, payment, attempt, decline)
    return "declined"


def turn_down(work: Work, payment: Payment, attempt: Attempt, decline: Decline) -> None:
    """Let a try fail; the payment may be tried again."""
    attempt.status, attempt.decline = "failed", _told(decline, attempt.method)
    payment.status, payment.method, payment.attempt = "unstarted", None, attempt.id
    payment.decline = attempt.decline | {"attempt": attempt.id}
    work.save(attempt)
    work.save(payment)
    work.tell("attempt.failed", attempt)
    work.tell("payment.declined", payment)


def _debit(work: Work, payment: Payment, method: Method, means: BankAccount) -> Outcome:
    attempt = _new_attempt(work, payment, method, "pending")
    attempt.collects_at = work.now + bank.settle_seconds(work) + means.slower
    payment.status, payment.attempt, payment.decline = "processing", attempt.id, None
    work.add(attempt)
    work.save(payment)
    work.later("debit.collect", attempt.id, attempt.collects_at)
    work.tell("attempt.pending", attempt)
    work.tell("payment.processing", payment)
    return "processing"


def _authorize(work: Work, payment: Payment, method: Method, *, challenged: bool) -> Outcome:
    attempt = _new_attempt(work, payment, method, "succeeded")
    attempt.challenged = challenged
    work.add(attempt)
    if payment.capture != "manual":
        take(work, payment, attempt)
        return "paid"
    attempt.authorized, payment.authorized = True, payment.amount
    attempt.hold_ends, payment.status = work.now + payment.hold_seconds, "authorized"
    payment.attempt, payment.decline = attempt.id, None
    work.later("attempt.lapse", attempt.id, attempt.hold_ends)
    work.save(attempt)
    work.save(payment)
    work.tell("attempt.authorized", attempt)
    work.tell("payment.authorized", payment)
    return "paid"


def take(work: Work, payment: Payment, attempt: Attempt) -> None:
    """Let a try succeed, with all of the money taken at once."""
    attempt.status, attempt.authorized, attempt.captured = "succeeded", True, payment.amount
    payment.authorized = payment.captured = payment.amount
    payment.status, payment.attempt, payment.decline = "captured", attempt.id, None
    work.save(attempt)
    work.save(payment)
    work.tell("attempt.succeeded", attempt)
    work.tell("payment.captured", payment)
    _book(work, payment, attempt)
    _regretted(work, attempt)


def _book(work: Work, payment: Payment, attempt: Attempt) -> None:
    if payment.capture == "automatic":
        settle(work, attempt.id)
    else:
        work.later("attempt.settle", attempt.id, work.now + SETTLE_AFTER_SECONDS)


def _regretted(work: Work, attempt: Attempt) -> None:
    """Let the bank of some cards' holders want the money back soon."""
    if work.get(Method, attempt.method).behaviour.dispute is not None:
        work.later("attempt.dispute", attempt.id, work.now + REGRETTED_AFTER_SECONDS)


def settle(work: Work, attempt_id: str) -> None:
    """Post captured money and its fee to the account's balance."""
    attempt = work.get(Attempt, attempt_id)
    if attempt.movement is not None:
        return
    movement = ledger.move(
        work,
        "charge" if work.get(Method, attempt.method).type == "card" else "payment",
        source=attempt.id,
        currency=attempt.currency,
        amount=attempt.captured,
        fee=ledger.fee_of(attempt.captured, debit=attempt.by_debit),
    )
    attempt.movement = movement.id
    work.save(attempt)
    share.put(work, attempt.id, attempt.currency, work.get(Payment, attempt.payment).parts)
    work.tell("attempt.settled", attempt)


def capture(work: Work, payment: Payment, amount: int, *, keeps: bool = False) -> Attempt:
    """Take up to what was authorized; the rest is released, unless the account `keeps` it held."""
    if payment.status != "authorized" or payment.attempt is None:
        raise Unexpected(payment, "capture")
    attempt = work.get(Attempt, payment.attempt)
    attempt.captured = payment.captured = amount
    payment.left_held = payment.authorized - amount if keeps else 0
    payment.status = "captured"
    payment.verify()
    work.save(attempt)
    work.save(payment)
    work.tell("attempt.captured", attempt)
    work.tell("payment.captured", payment)
    _book(work, payment, attempt)
    _regretted(work, attempt)
    return attempt


def cancel(work: Work, payment: Payment, reason: str | None) -> None:
    """Give the payment up and release what was held."""
    if payment.status in ("processing", "captured", "cancelled"):
        raise Unexpected(payment, "cancel")
    held = payment.status == "authorized"
    payment.status, payment.cancelled_at, payment.cancel_reason = "cancelled", work.now, reason
    payment.authorized = 0
    work.save(payment)
    if held and payment.attempt is not None:
        attempt = work.get(Attempt, payment.attempt)
        attempt.released = True
        work.save(attempt)
        work.tell("attempt.lapsed" if reason == "automatic" else "attempt.released", attempt)
    work.tell("payment.cancelled", payment)


def lapse(work: Work, attempt_id: str) -> None:
    """Release a hold that nobody captured in time, or what is left of it."""
    payment = work.get(Payment, work.get(Attempt, attempt_id).payment)
    if payment.status == "authorized" and payment.attempt == attempt_id:
        cancel(work, payment, "automatic")
    elif payment.left_held:
        payment.left_held = 0
        work.save(payment)
