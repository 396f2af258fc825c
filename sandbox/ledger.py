"""The provider's own books: movements of an account's balance, each with entries that sum to zero.

Books: `balance` what the provider holds for the account, `fees` what it keeps; `buyers` where money comes
from and goes back to, `payees` whom it is moved to and `payers` whom from, `bank` where it is paid out to.
Amounts are minor units; positive entries are money in the book.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import ClassVar, Literal

from sandbox.record import Json, Record
from sandbox.work import Work

FEE_RATE, FEE_FIXED, FEE_OF_DEBIT = Decimal("0.015"), 25, 35
SETTLING_SECONDS = 2 * 24 * 3600

MovementType = Literal[
    "charge",
    "payment",
    "refund",
    "payment_refund",
    "refund_failure",
    "capture_failure",
    "dispute",
    "dispute_reversal",
    "transfer",
    "transfer_reversal",
    "transfer_in",
    "payout",
    "payout_failure",
]
# Who has what leaves the balance, where it is not the buyer.
HAVE = {
    "transfer": "payees",
    "transfer_reversal": "payees",
    "transfer_in": "payers",
    "payout": "bank",
    "payout_failure": "bank",
}


class BooksDoNotBalance(AssertionError):
    """Raised when the sandbox caught itself with books that do not add up; always a defect of its own."""


@dataclass(kw_only=True)
class Movement(Record):
    """One line of an account's statement: `net = amount - fee`, in minor units of `currency`."""

    kind: ClassVar[str] = "movement"

    type: MovementType
    source: str
    currency: str
    amount: int
    fee: int
    available_on: int

    @property
    def parent(self) -> str:
        """Return what the money moved for: a charge or a refund."""
        return self.source

    @property
    def net(self) -> int:
        """Return what the balance changed by."""
        return self.amount - self.fee


def fee_of(amount: int, *, debit: bool = False) -> int:
    """Return what the provider keeps of a charge, never more than the charge.

    1.5 % and 25 minor units of a card's, 35 minor units of a direct debit's.
    """
    share = (FEE_RATE * amount).quantize(Decimal(1), ROUND_HALF_EVEN)
    return min(amount, FEE_OF_DEBIT if debit else int(share) + FEE_FIXED)


def move(
    work: Work, movement_type: MovementType, *, source: str, currency: str, amount: int, fee: int = 0
) -> Movement:
    """Post a movement of `amount` (negative: money leaves the balance) and return it.

    A negative `fee` is one that the provider gives back.
    """
    movement = Movement(
        id=work.new_id("movement"),
        account=work.account.id,
        created=work.now,
        type=movement_type,
        source=source,
        currency=currency,
        amount=amount,
        fee=fee,
        available_on=work.now + (SETTLING_SECONDS if amount > 0 and movement_type not in HAVE else 0),
    )
    work.add(movement)
    entries = [("balance", movement.net), ("fees", fee), (HAVE.get(movement_type, "buyers"), -amount)]
    work.store.db.executemany(
        "INSERT INTO entries (account, movement, book, currency, amount) VALUES (?, ?, ?, ?, ?)",
        [(work.account.id, movement.id, book, currency, value) for book, value in entries if value],
    )
    return movement


def balances(work: Work) -> dict[str, Json]:
    """Return per currency what is `available` now and what is still `pending`, in minor units."""
    totals: dict[str, Json] = {}
    for movement in work.store.all(Movement, work.account.id):
        total = totals.setdefault(movement.currency, {"available": 0, "pending": 0})
        total["available" if movement.available_on <= work.now else "pending"] += movement.net
    return totals


def available(work: Work, currency: str) -> int:
    """Return what can be moved out of the balance now, in minor units."""
    return int(balances(work).get(currency, {"available": 0})["available"])


def check(work: Work) -> None:
    """Raise BooksDoNotBalance unless entries sum to zero and the balance is the sum of the statement."""
    rows = work.store.db.execute(
        "SELECT currency, SUM(amount), SUM(CASE book WHEN 'balance' THEN amount ELSE 0 END) FROM entries"
        " WHERE account = ? GROUP BY currency",
        (work.account.id,),
    ).fetchall()
    statement = {
        currency: total["available"] + total["pending"] for currency, total in balances(work).items()
    }
    for currency, total, balance in rows:
        if total != 0 or balance != statement.get(currency, 0):
            raise BooksDoNotBalance(
                f"{work.account.id} {currency}: entries {total}, balance {balance}, {statement}"
            )
