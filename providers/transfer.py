"""Money that we owe others: moved to a payee's balance at the provider, and from there to the payee's bank.

`payee` is the provider's reference of whom we pay. Every call that changes something takes `op_key` and an
id of ours, by which it can be found again when its answer was lost. Where the provider pays a bank or a
wallet in one step (PayPal), a transfer is all there is, and paying out is refused as `not_offered`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.money import Money
from domain.value import Value


class TransferStatus(StrEnum):
    """Where a transfer stands; what came back after it had arrived is `returned`."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    RETURNED = "returned"


class Transferred(Value):
    """What the provider says of a transfer; `reversed_amount` is what was taken back of it, `transfer_id` our
    id of it where the provider knows one.
    """

    provider_ref: str
    status: TransferStatus
    amount: Money
    reversed_amount: Money
    transfer_id: str | None = None


class PayoutStatus(StrEnum):
    """Where a payout to a bank stands. `paid` is not the last word: days later a bank may send it back, and
    it is `failed`.
    """

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PaidOut(Value):
    """What the provider says of a payout; `failure` is its own word for why a bank did not take it,
    `payout_id` our id of it where the provider knows one.
    """

    provider_ref: str
    status: PayoutStatus
    amount: Money
    arrives_on: datetime | None = None
    failure: str | None = None
    payout_id: str | None = None


class Transfers(Protocol):
    """What one account at one provider pays to others; raises what a gateway raises."""

    async def transfer(self, payee: str, amount: Money, *, transfer_id: str, op_key: str) -> Transferred:
        """Move money from our balance to a payee's; the same key moves it once.

        Raises NeedsFunds, Refused (no such payee, or one that may not be paid), NotExecuted, OutcomeUnknown.
        """

    async def find_transfer(self, payee: str, *, transfer_id: str) -> Transferred | None:
        """Look for a transfer that an earlier call may have made, by our id of it.

        Raises NotExecuted, OutcomeUnknown.
        """

    async def fetch_transfer(self, provider_ref: str) -> Transferred:
        """Tell where a transfer stands. Raises NotFound, NotExecuted, OutcomeUnknown."""

    async def reverse_transfer(self, provider_ref: str, amount: Money, *, op_key: str) -> Transferred:
        """Take `amount` of a transfer back; the same key takes it once.

        Raises StateConflict (more than is left of it), NeedsFunds (the payee has it no more), Refused,
        NotExecuted, OutcomeUnknown.
        """

    async def pay_out(self, payee: str, amount: Money, *, payout_id: str, op_key: str) -> PaidOut:
        """Send money from a payee's balance to the payee's bank; the same key sends it once.

        Raises NeedsFunds, Refused, NotExecuted, OutcomeUnknown.
        """

    async def find_payout(self, payee: str, *, payout_id: str) -> PaidOut | None:
        """Look for a payout that an earlier call may have made, by our id of it.

        Raises NotExecuted, OutcomeUnknown.
        """

    async def fetch_payout(self, payee: str, provider_ref: str) -> PaidOut:
        """Tell where a payout stands. Raises NotFound, NotExecuted, OutcomeUnknown."""
