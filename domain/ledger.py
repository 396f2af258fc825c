"""The books: double entry, append-only, every transaction summing to zero per currency.

"A → B" below means debit A, credit B; a debit is positive. Balances come from entries, never from bookings.

    payment captured    provider_clearing:<account> (cash: cash_drawer:<account>) → customer_deposits
    booking confirmed   customer_deposits → organizer_payable:pending, platform_fee
    refund decided      whoever has earned it, else customer_deposits → refund_payable
    refund completed    refund_payable → provider_clearing:<account>

A refund that failed takes its completion back: the money is owed again. It stays so until another refund of
the payment is decided, which releases the old one first.
"""

from collections.abc import Mapping, Sequence

from domain.ids import BookingId, PaymentId, RefundId
from domain.money import Money, allocate
from domain.payment import CASH
from domain.value import Value

CUSTOMER_DEPOSITS = "customer_deposits"
ORGANIZER_PENDING = "organizer_payable:pending"
PLATFORM_FEE = "platform_fee"
REFUND_PAYABLE = "refund_payable"
# What lies here is the buyers'; what lies elsewhere, somebody has earned.
BUYERS = frozenset({CUSTOMER_DEPOSITS, REFUND_PAYABLE})


class Entry(Value):
    """One side of a transaction: minor units, debit positive, credit negative."""

    account: str
    amount: Money


class Posting(Value):
    """One transaction of the books.

    (`source`, `external_ref`) is unique, so posting it again changes nothing.
    """

    source: str
    external_ref: str
    entries: tuple[Entry, ...]


def provider_clearing(provider: str, account: str) -> str:
    """Name the account for what a provider holds for us; cash lies in a drawer of our own."""
    if provider == CASH:
        return f"cash_drawer:{account}"
    return f"provider_clearing:{provider}:{account}"


def payment_captured(payment_id: PaymentId, operation: str, clearing: str, amount: Money) -> Posting:
    """Post money a provider has taken for us: it is owed to the buyer until the booking is confirmed."""
    return _posting(
        f"payment:{payment_id}:captured", operation, [(clearing, amount), (CUSTOMER_DEPOSITS, -amount)]
    )


def booking_confirmed(booking_id: BookingId, amount: Money, fee_basis_points: int) -> Posting:
    """Post what a confirmed booking of `amount` earns: the platform's fee (in 1/10,000 of the amount), the
    rest the organizer's.
    """
    organizer, fee = allocate(amount, [10_000 - fee_basis_points, fee_basis_points])
    entries = [(CUSTOMER_DEPOSITS, amount), (ORGANIZER_PENDING, -organizer), (PLATFORM_FEE, -fee)]
    return _posting(booking_source(booking_id), str(booking_id), entries)


def refund_decided(refund_id: RefundId, amount: Money, earned: Mapping[str, int]) -> Posting:
    """Post that `amount` is owed back to its buyer.

    `earned` is who has it by now: minor units per account, what is left of them. They give their share; what
    nobody has earned lies in the buyer's deposits. Whoever gives all back, in however many parts, gives each
    unit once.
    """
    given = Money(minor=min(amount.minor, sum(earned.values())), currency=amount.currency)
    shares = allocate(given, [*earned.values()]) if given else []
    unearned = amount - given
    return _posting(
        refund_source(refund_id, "decided"),
        str(refund_id),
        [*zip(earned, shares, strict=False), (CUSTOMER_DEPOSITS, unearned), (REFUND_PAYABLE, -amount)],
    )


def refund_completed(refund_id: RefundId, operation: str, clearing: str, amount: Money) -> Posting:
    """Post that a provider has given back what was owed."""
    return _posting(
        refund_source(refund_id, "completed"), operation, [(REFUND_PAYABLE, amount), (clearing, -amount)]
    )


def refund_source(refund_id: RefundId, what: str) -> str:
    """Name the transaction of a refund: `decided`, `completed`, `failed` (completed, taken back) or
    `released` (decided, taken back).
    """
    return f"refund:{refund_id}:{what}"


def booking_source(booking_id: BookingId) -> str:
    """Name the transaction of what a confirmed booking has earned."""
    return f"booking:{booking_id}:confirmed"


def _posting(source: str, external_ref: str, sides: Sequence[tuple[str, Money]]) -> Posting:
    entries = tuple(Entry(account=account, amount=amount) for account, amount in sides if amount)
    return Posting(source=source, external_ref=external_ref, entries=entries)
