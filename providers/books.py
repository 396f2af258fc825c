"""What a provider holds for us, and the lines of its statement that moved it.

The statement is the provider's own: a gateway gives every line, whatever it is, with the provider's amounts.
A kind that the gateway does not know is `unknown`, never left out: the lines add up to the balance. Amounts
are signed from our side: what leaves the balance is negative. `net` is `gross` less `fee`.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

from pydantic import model_validator

from domain.ids import PaymentId
from domain.money import Money
from domain.value import Value


class LineKind(StrEnum):
    """What moved the balance.

    A `charge` that came back (a debit that the bank returns, a capture that failed) is a `charge_failure`; a
    fee that stands for itself is a `fee`, while what is kept of a charge is in that line's own `fee`.
    """

    CHARGE = "charge"
    CHARGE_FAILURE = "charge_failure"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    FEE = "fee"
    TRANSFER = "transfer"
    TRANSFER_REVERSAL = "transfer_reversal"
    PAYOUT = "payout"
    PAYOUT_FAILURE = "payout_failure"
    ADJUSTMENT = "adjustment"
    UNKNOWN = "unknown"


class Balance(Value):
    """What the provider holds for us in one currency: to be used now, and not yet; either may be negative."""

    available: Money
    pending: Money


class Line(Value):
    """One line of the statement.

    `reference` is the line's own, and unique in the account; `source` is the provider's reference of what it
    is about: the charge, refund, dispute, transfer or payout. `payment_id` is ours, where the provider says
    it. `payout` names the batch that paid the line out to our bank.
    """

    reference: str
    kind: LineKind
    gross: Money
    fee: Money
    net: Money
    occurred_at: datetime
    source: str | None = None
    payment_id: PaymentId | None = None
    available_on: datetime | None = None
    payout: str | None = None

    @model_validator(mode="after")
    def adds_up(self) -> Self:
        """Refuse a line whose net is not its gross less its fee."""
        if self.net != self.gross - self.fee:
            raise ValueError("the net of a line is its gross less its fee")
        return self


class Lines(Value):
    """A bounded page of the statement, the newest line first; `more` asks for the next, none is the end."""

    lines: tuple[Line, ...]
    more: str | None = None


class Books(Protocol):
    """The books of one account at one provider; raises what a gateway raises."""

    async def balances(self) -> Sequence[Balance]:
        """Tell what is held for us, one entry per currency.

        Raises NotExecuted, OutcomeUnknown.
        """

    async def lines(self, since: datetime, until: datetime, *, more: str | None = None) -> Lines:
        """Give a page of what was booked from `since` on and before `until`.

        `more` is the page before's. Raises NotExecuted, OutcomeUnknown.
        """
