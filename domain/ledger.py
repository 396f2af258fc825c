"""The books: double entry, append-only, every transaction summing to zero per currency.

"A → B" below means debit A, credit B; a debit is positive. Balances come from entries, never from bookings.

    payment captured    provider_clearing:<account> → customer_deposits
    booking confirmed   customer_deposits → organizer_payable:pending, platform_fee
    payment refunded    customer_deposits → refund_payable, and refund_payable → provider_clearing:<account>
"""

from collections.abc import Sequence

from domain.ids import BookingId, PaymentId, RefundId
from domain.money import Money, allocate
from domain.value import Value

CUSTOMER_DEPOSITS = "customer_deposits"
ORGANIZER_PENDING = "organizer_payable:pending"
PLATFORM_FEE = "platform_fee"
REFUND_PAYABLE = "refund_payable"


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
    """Name the account for what a provider holds for us."""
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
    return _posting(f"booking:{booking_id}:confirmed", str(booking_id), entries)


def refund_completed(refund_id: RefundId, operation: str, clearing: str, amount: Money) -> Posting:
    """Post unearned money that a provider has given back for us."""
    entries = [
        (CUSTOMER_DEPOSITS, amount),
        (REFUND_PAYABLE, -amount),
        (REFUND_PAYABLE, amount),
        (clearing, -amount),
    ]
    return _posting(f"refund:{refund_id}:completed", operation, entries)


def _posting(source: str, external_ref: str, sides: Sequence[tuple[str, Money]]) -> Posting:
    entries = tuple(Entry(account=account, amount=amount) for account, amount in sides if amount)
    return Posting(source=source, external_ref=external_ref, entries=entries)
