"""The books: double entry, append-only, every transaction summing to zero per currency.

"A → B" below means debit A, credit B; a debit is positive. Balances come from entries, never from bookings.

    payment captured    provider_clearing:<account> (or a place of our own) → customer_deposits
    booking confirmed   customer_deposits → vendor_payable:<vendor>, organizer_payable:pending, platform_fee
    refund decided      whoever has earned it, else customer_deposits → refund_payable
    refund completed    refund_payable → provider_clearing:<account>
    dispute takes money dispute_receivable, dispute_fee_expense → provider_clearing:<account>; or back
    dispute lost        whoever has earned it, else customer_deposits → dispute_receivable

What a provider has put to vendors' balances as it took it lies in vendor_clearing:<account> instead of
provider_clearing, and is given back from there. A refund that failed takes its completion back: the money is
owed again. It stays so until another refund of the payment is decided, which releases the old one first.
"""

from collections.abc import Mapping, Sequence

from domain.bank import BANK
from domain.dispute import FundsMoved
from domain.ids import BookingId, DisputeId, PaymentId, RefundId
from domain.money import Money, allocate, zero
from domain.payment import CASH
from domain.split import Portion, Share, parts, passed_on
from domain.value import Value

CUSTOMER_DEPOSITS = "customer_deposits"
ORGANIZER_PENDING = "organizer_payable:pending"
PLATFORM_FEE = "platform_fee"
REFUND_PAYABLE = "refund_payable"
DISPUTE_RECEIVABLE = "dispute_receivable"
DISPUTE_FEE_EXPENSE = "dispute_fee_expense"
# What lies here is the buyers', or in dispute; what lies elsewhere, somebody has earned.
NOBODYS = frozenset({CUSTOMER_DEPOSITS, REFUND_PAYABLE, DISPUTE_RECEIVABLE})


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
    """Name the account for what a provider holds for us; cash and transfers lie in places of our own."""
    ours = {CASH: f"cash_drawer:{account}", BANK: f"bank_account:{account}"}
    return ours.get(provider, f"provider_clearing:{provider}:{account}")


def vendor_clearing(clearing: str) -> str:
    """Name the account for what the same provider holds for vendors."""
    return clearing.replace("provider_", "vendor_", 1)


def vendor_payable(vendor: str) -> str:
    """Name the account for what a vendor has earned."""
    return f"vendor_payable:{vendor}"


def payment_captured(
    payment_id: PaymentId, operation: str, clearing: str, amount: Money, portions: Sequence[Portion] = ()
) -> Posting:
    """Post money a provider has taken for us, divided into `portions`: it is owed to the buyer until the
    booking is confirmed.
    """
    sides = [*_held(clearing, amount, portions), (CUSTOMER_DEPOSITS, -amount)]
    return _posting(f"payment:{payment_id}:captured", operation, sides)


def booking_confirmed(
    booking_id: BookingId, amount: Money, fee_basis_points: int, shares: Sequence[Share] = ()
) -> Posting:
    """Post what a confirmed booking of `amount` earns: its vendors their `shares` less commission, the
    organizer the rest less the platform's fee (in 1/10,000 of it).
    """
    earned = parts(amount, shares, fee_basis_points)
    commissions = sum((part.commission for part in earned), zero(amount.currency))
    entries = [
        (CUSTOMER_DEPOSITS, amount),
        *((vendor_payable(part.vendor), -part.amount) for part in earned if part.vendor is not None),
        (ORGANIZER_PENDING, -earned[-1].amount),
        (PLATFORM_FEE, -commissions),
    ]
    return _posting(booking_source(booking_id), str(booking_id), entries)


def refund_decided(refund_id: RefundId, amount: Money, earned: Mapping[str, int]) -> Posting:
    """Post that `amount` is owed back to its buyer.

    `earned` is who has it by now: minor units per account, what is left of them. They give their share; what
    nobody has earned lies in the buyer's deposits. Whoever gives all back, in however many parts, gives each
    unit once.
    """
    sides = [*_given_by(earned, amount), (REFUND_PAYABLE, -amount)]
    return _posting(refund_source(refund_id, "decided"), str(refund_id), sides)


def refund_completed(
    refund_id: RefundId, operation: str, clearing: str, amount: Money, portions: Sequence[Portion] = ()
) -> Posting:
    """Post that a provider has given back what was owed, from vendors' balances as the `portions` say."""
    given = [(account, -minor) for account, minor in _held(clearing, amount, portions)]
    return _posting(refund_source(refund_id, "completed"), operation, [(REFUND_PAYABLE, amount), *given])


def dispute_moved(dispute_id: DisputeId, moved: FundsMoved, clearing: str) -> Posting:
    """Post what a dispute has taken of our balance, or given back: it stays a claim until it is decided. The
    fee is posted as the provider reports it, also one that it gives back.
    """
    sides = [
        (DISPUTE_RECEIVABLE, -moved.amount),
        (DISPUTE_FEE_EXPENSE, moved.fee),
        (clearing, moved.amount - moved.fee),
    ]
    return _posting(f"dispute:{dispute_id}:moved", moved.reference, sides)


def dispute_lost(dispute_id: DisputeId, n: int, amount: Money, earned: Mapping[str, int]) -> Posting:
    """Post that `amount` is lost, for the `n`-th time; it is given as a refund's is, by who has `earned`."""
    sides = [*_given_by(earned, amount), (DISPUTE_RECEIVABLE, -amount)]
    return _posting(dispute_source(dispute_id, n, "lost"), str(dispute_id), sides)


def dispute_source(dispute_id: DisputeId, n: int, what: str) -> str:
    """Name the transaction of a dispute's `n`-th decision against us: `lost`, or `regained` (taken back)."""
    return f"dispute:{dispute_id}:{what}:{n}"


def _held(clearing: str, amount: Money, portions: Sequence[Portion]) -> list[tuple[str, Money]]:
    """Say for whom a provider holds an amount: for us, and for vendors."""
    vendors = passed_on(portions, amount.currency)
    return [(clearing, amount - vendors), (vendor_clearing(clearing), vendors)]


def _given_by(earned: Mapping[str, int], amount: Money) -> list[tuple[str, Money]]:
    """Share `amount` among who has it by now; what nobody has earned lies in the buyer's deposits."""
    given = Money(minor=min(amount.minor, sum(earned.values())), currency=amount.currency)
    shares = allocate(given, [*earned.values()]) if given else []
    return [*zip(earned, shares, strict=False), (CUSTOMER_DEPOSITS, amount - given)]


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
