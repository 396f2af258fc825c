"""Payments in words of no provider: facts, what they add up to, and what late money means.

A payment row is one attempt. Its state:

    pending → processing ⇄ requires_action → authorized → captured
    ends: failed, cancelled, expired · conflicted: the provider reports another amount or currency, or has
    taken it twice

`MOVES` is the whole table, which the database holds, too. `reduce` folds facts into a state; every order and
every repetition of the same facts ends in the same state. Refunded and disputed are derived from amounts,
never stored over `captured`. A decline is counted by the provider's reference of the failed operation; the
row stays open while its checkout can still be paid.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import Field

from domain.bank import BankTransfer
from domain.ids import BookingId, MethodId, PaymentId, RefundId, TenantId
from domain.money import Money
from domain.route import AccountName
from domain.split import Share
from domain.value import Value

# The provider of what is paid in cash; everywhere else somebody else holds the money.
CASH = "cash"


class PaymentStatus(StrEnum):
    """Where one attempt stands (state machine 3.2)."""

    PENDING = "pending"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CONFLICTED = "conflicted"


class FactKind(StrEnum):
    """What a provider says has happened, whichever provider it is. A word we do not know is `pending`."""

    PENDING = "pending"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    DECLINED = "declined"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"


class FactSource(StrEnum):
    """Where we heard it."""

    API = "api"
    WEBHOOK = "webhook"
    REPORT = "report"


class RiskResult(StrEnum):
    """What a provider's check for fraud came to: nothing found, a person should look, not let through."""

    PASSED = "passed"
    REVIEW = "review"
    BLOCKED = "blocked"


class PaymentFact(Value):
    """One thing a provider said about one payment.

    `event_id` names the telling (the provider's event, or the look-up); `operation` the provider's id of the
    charge, capture or refund it is about: two tellings of one operation count once. `amount` is what that
    operation moved. With what it was tried is told where the provider tells it: the `method` (card, ideal …),
    of a card what may be kept (`card_brand`, `card_last4`), and the check for fraud (`risk_score` from 0.00,
    no risk, to 9.99). A decline has our word for why (`decline_code`, `domain.decline`) and the provider's
    own, for operators alone (`decline_reason`). Of a refund `refund_id` is the label that we gave it.
    """

    event_id: str
    provider: str
    account: str
    payment_id: PaymentId
    kind: FactKind
    provider_ref: str
    operation: str = ""
    amount: Money | None = None
    occurred_at: datetime
    source: FactSource
    decline_code: str | None = None
    decline_reason: str | None = None
    method: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    risk_score: Decimal | None = None
    risk_result: RiskResult | None = None
    refund_id: RefundId | None = None


class PaymentState(Value):
    """What the facts of one payment add up to; amounts in minor units of `asked`'s currency, one entry per
    provider operation. `to_capture` is what we have asked to take of an authorisation, if less than all;
    `foreign` are captures in a currency that nobody asked for.
    """

    asked: Money
    to_capture: Money | None = None
    status: PaymentStatus = PaymentStatus.PENDING
    authorized: dict[str, int] = Field(default_factory=dict)
    captured: dict[str, int] = Field(default_factory=dict)
    foreign: frozenset[tuple[str, Money]] = frozenset()
    refunded: dict[str, int] = Field(default_factory=dict)
    declines: frozenset[str] = frozenset()
    decline_code: str | None = None

    @property
    def captured_minor(self) -> int:
        """How much was taken, in minor units of `captured_currency`."""
        if self.captured_currency == self.asked.currency:
            return sum(self.captured.values())
        taken = dict[str, int]()
        for operation, amount in self.foreign:
            if amount.currency == self.captured_currency:
                taken[operation] = max(taken.get(operation, 0), amount.minor)
        return sum(taken.values())

    @property
    def captured_currency(self) -> str:
        """In which currency it was taken: the one that was asked for, unless nothing was taken in it."""
        if self.captured or not self.foreign:
            return self.asked.currency
        return min(amount.currency for _, amount in self.foreign)

    @property
    def refunded_minor(self) -> int:
        """How much went back, in minor units."""
        return sum(self.refunded.values())


# Somebody may still pay, or a bank is deciding.
PAYABLE = frozenset({PaymentStatus.PENDING, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING})
# Nothing was granted, and nothing will be.
LAPSED = frozenset({PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED})

_S = PaymentStatus
_GRANTED = frozenset({_S.AUTHORIZED, _S.CANCELLED, _S.CAPTURED, _S.CONFLICTED})

# What each state may become. Facts come in any order, so a later word never lowers an earlier, stronger one:
# of any two states one may become the other, and whatever that may become the first may, too. A checkout that
# has expired may have been authorised a moment before; an authorisation may be released or lapse; what was
# taken stays.
MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.PENDING: _GRANTED | {_S.REQUIRES_ACTION, _S.PROCESSING, _S.FAILED, _S.EXPIRED},
    _S.REQUIRES_ACTION: _GRANTED | {_S.PROCESSING, _S.FAILED, _S.EXPIRED},
    _S.PROCESSING: _GRANTED | {_S.FAILED, _S.EXPIRED},
    _S.FAILED: _GRANTED | {_S.EXPIRED},
    _S.EXPIRED: _GRANTED,
    _S.AUTHORIZED: frozenset({_S.CANCELLED, _S.CAPTURED, _S.CONFLICTED}),
    _S.CANCELLED: frozenset({_S.CAPTURED, _S.CONFLICTED}),
    _S.CAPTURED: frozenset({_S.CONFLICTED}),
    _S.CONFLICTED: frozenset(),
}

_MEANS = {
    FactKind.PENDING: PaymentStatus.PENDING,
    FactKind.PROCESSING: PaymentStatus.PROCESSING,
    FactKind.REQUIRES_ACTION: PaymentStatus.REQUIRES_ACTION,
    FactKind.AUTHORIZED: PaymentStatus.AUTHORIZED,
    FactKind.CAPTURED: PaymentStatus.CAPTURED,
    FactKind.FAILED: PaymentStatus.FAILED,
    FactKind.CANCELLED: PaymentStatus.CANCELLED,
    FactKind.EXPIRED: PaymentStatus.EXPIRED,
}


def reduce(state: PaymentState, fact: PaymentFact) -> PaymentState:
    """Add one fact. Pure and total: facts in any order and number give the same state."""
    if fact.kind is FactKind.REFUNDED and not fact.operation:
        return state  # the sum of refunds that are told each by itself
    status, changes = _MEANS.get(fact.kind, PaymentStatus.PENDING), dict[str, Any]()
    if fact.amount is not None and fact.amount.currency != state.asked.currency:
        status = PaymentStatus.CONFLICTED
        if fact.kind is FactKind.CAPTURED:
            changes = {"foreign": state.foreign | {(fact.operation or fact.provider_ref, fact.amount)}}
    elif fact.kind is FactKind.DECLINED:
        declines = state.declines | {fact.operation or fact.event_id}
        changes = {
            "declines": declines,
            "decline_code": min(filter(None, (state.decline_code, fact.decline_code)), default=None),
        }
    elif fact.amount is not None and fact.kind in (FactKind.AUTHORIZED, FactKind.CAPTURED, FactKind.REFUNDED):
        sums: dict[str, int] = getattr(state, fact.kind.value)
        key = fact.operation or fact.provider_ref
        sums = {**sums, key: max(sums.get(key, 0), fact.amount.minor)}
        changes = {fact.kind.value: sums}
        taken_twice = fact.kind is FactKind.CAPTURED and len(sums) > 1
        if taken_twice or not is_as_asked(fact, state.asked, state.to_capture):
            status = PaymentStatus.CONFLICTED
    moved = status if status in MOVES[state.status] else state.status
    return state.model_copy(update={**changes, "status": moved})


def is_as_asked(fact: PaymentFact, asked: Money, to_capture: Money | None) -> bool:
    """Say whether a charge, capture or refund moved what we have asked for; of a refund any part."""
    if fact.kind is FactKind.CAPTURED and to_capture is not None:
        return fact.amount == to_capture
    return fact.kind is FactKind.REFUNDED or fact.amount == asked


def fold(asked: Money, facts: Iterable[PaymentFact], *, to_capture: Money | None = None) -> PaymentState:
    """Give the state that `facts` add up to, from nothing."""
    state = PaymentState(asked=asked, to_capture=to_capture)
    for fact in facts:
        state = reduce(state, fact)
    return state


class StartPayment(Value):
    """The wish to pay: `payment_id` was made at the door and stored with the caller's key.

    `hosted` asks for a page of the provider's (answered with its address), else for a secret the client pays
    with itself. With `method_id` it is tried at once with what the buyer has stored; `keeps` has the provider
    keep what they pay with, where it does so as they pay. `manual` only authorises: the saga captures right
    before it confirms. `review` asks a person to accept the payment before that. `settles_within` is how long
    a method that settles late may take. `due` is what was due of the whole booking when the amount was
    reckoned: when something else is, the wish is refused. `otherwise` are the accounts to turn to, one after
    the other, while those before them do nothing. `shares` are the vendors' parts of the price.
    """

    payment_id: PaymentId
    provider: str
    account: str
    amount: Money
    hosted: bool = True
    return_url: str
    method: str | None = None
    method_id: MethodId | None = None
    keeps: bool = False
    manual: bool = False
    review: bool = False
    settles_within: timedelta | None = None
    due: Money | None = None
    otherwise: tuple[AccountName, ...] = ()
    shares: tuple[Share, ...] = ()

    def next_account(self, account: AccountName) -> AccountName | None:
        """Give the account to turn to after this one; nothing after the last."""
        route = (AccountName(provider=self.provider, name=self.account), *self.otherwise)
        return dict(zip(route, self.otherwise, strict=False)).get(account)


class CreatePayment(Value):
    """Ask for a checkout at the provider; also what its undo is asked with.

    `summary` is shown to the buyer; a checkout that outlives `expires_at` is closed by us.
    """

    tenant_id: TenantId
    booking_id: BookingId
    reference: str
    wish: StartPayment
    summary: str = ""
    expires_at: datetime | None = None

    @property
    def payment_id(self) -> PaymentId:
        """The attempt it is about."""
        return self.wish.payment_id


class Checkout(Value):
    """An open checkout: where to pay (`payment_url`), with what (`client_secret`) or whom (`transfer`),
    one of them; none when it is `paid` already, as cash is. With `ends_wait` it lapses at `expires_at` by
    itself, and with it the wait for the money.
    """

    payment_id: PaymentId
    provider: str
    account: str = "default"
    payment_url: str | None = None
    client_secret: str | None = None
    transfer: BankTransfer | None = None
    expires_at: datetime | None = None
    paid: bool = False
    ends_wait: bool = False


class TakePayment(Value):
    """The wish to take what was authorised now, or `amount` of it; the rest is released."""

    payment_id: PaymentId
    amount: Money | None = None


class CapturePayment(Value):
    """Ask to take `amount` of what was authorised; the rest is released."""

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    amount: Money


class AskPayment(Value):
    """Ask about one payment of a booking: what the provider says now (`check_payment`), or to close it
    (`close_payment`).

    `n` numbers the asking within the run. A repeat asks again and may hear more, never less: what is known of
    a payment only grows.
    """

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    n: int = 0


class PaymentReport(Value):
    """What we know of one payment after asking. Amounts in minor units of `currency`, the one in which it was
    taken; `refunded_minor` counts the `refunds`
    asked for, unless they failed, as `refunds_failed` of them did.

    `booking_kept_minor`, `booking_authorized_minor` and `booking_declines` add up all attempts of the
    booking: what was taken and not given back, what could be taken (conflicted payments left out of both),
    and how often a bank declined. `review` says that a person should look at the payment before it counts.
    """

    payment_id: PaymentId
    status: PaymentStatus
    currency: str
    asked_minor: int
    captured_minor: int = 0
    refunded_minor: int = 0
    refunds: int = 0
    refunds_failed: int = 0
    decline_code: str | None = None
    review: bool = False
    booking_kept_minor: int = 0
    booking_authorized_minor: int = 0
    booking_declines: int = 0

    @property
    def kept_minor(self) -> int:
        """What was taken and has not gone back."""
        return self.captured_minor - self.refunded_minor

    @property
    def may_be_held(self) -> bool:
        """Whether money may be held that was not taken: what was authorised, also over another amount."""
        return self.status is PaymentStatus.AUTHORIZED or (
            self.status is PaymentStatus.CONFLICTED and not self.captured_minor
        )

    @property
    def booking_secured_minor(self) -> int:
        """What the booking has: taken, or to be taken whenever we want."""
        return self.booking_kept_minor + self.booking_authorized_minor


class Closing(StrEnum):
    """What became of a checkout that we closed: nothing can be paid any more, it was paid already, or the
    bank has not decided.
    """

    CLOSED = "closed"
    PAID = "paid"
    PROCESSING = "processing"


class Closed(Value):
    """The answer of `close_payment`: what became of the checkout, and what is known of its payment."""

    closing: Closing
    report: PaymentReport
