"""Disputes: a payer's bank wants a charge back, and we may answer with evidence.

    warning  -> open -> evidence_submitted -> won | lost
             -> closed                     -> (open: the bank asks again)

A `warning` is an inquiry: no money moves before it becomes a dispute. Where the case stands and where the
money is are two things: money moves by itself, as `FundsMoved`, sometimes before the case is told of and
sometimes after it has ended. Words of no provider.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.ids import BookingId, DisputeId, PaymentId, TenantId
from domain.money import Money
from domain.value import Value


class DisputeState(StrEnum):
    """Where a dispute stands."""

    WARNING = "warning"
    OPEN = "open"
    EVIDENCE_SUBMITTED = "evidence_submitted"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"

    @property
    def ended(self) -> bool:
        """Return whether nothing has to be done any more; a bank may still begin anew."""
        return self in (DisputeState.WON, DisputeState.LOST, DisputeState.CLOSED)

    @property
    def may_be_answered(self) -> bool:
        """Return whether evidence is taken."""
        return self in (DisputeState.WARNING, DisputeState.OPEN)


class FundsMoved(Value):
    """One movement of our balance by a dispute, as the provider reports it.

    `amount` is negative when it is taken; `fee` is what the provider keeps for it, negative when it gives a
    fee back. `reference` is the movement's own.
    """

    reference: str
    amount: Money
    fee: Money
    occurred_at: datetime


class DisputeFact(Value):
    """What a provider says of a dispute, whole: where it stands now and every movement so far.

    `charge` is the provider's reference of what is disputed, and `payment_id` ours, where it is told.
    `reason` is the provider's own word. Evidence is taken until `evidence_due`; `answered` says that some of
    ours was.
    """

    reference: str
    charge: str
    state: DisputeState
    amount: Money
    reason: str
    payment_id: PaymentId | None = None
    evidence_due: datetime | None = None
    answered: bool = False
    funds: tuple[FundsMoved, ...] = ()


class Evidence(Value):
    """What speaks for us: an account in words, what was sold, and when it took place."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    product: str | None = None
    service_on: date | None = None


class DisputeRequest(Value):
    """Follow a dispute of a payment: `provider_ref` names it at the provider, `reference` the booking to
    people.
    """

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    dispute_id: DisputeId
    provider: str
    account: str
    provider_ref: str
    reference: str


class DisputeReport(Value):
    """Where a dispute stands, as of the last look; `taken` is what it has taken of us and not given back."""

    state: DisputeState
    amount: Money
    taken: Money
