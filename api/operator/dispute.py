"""Disputes: what payers' banks want back, as their providers tell it."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query

from api import problem
from api.body import StrictRoute
from api.deps import BASE, Parts
from api.operator.desk import NOS, Operator, at_desk, place, turned
from api.shape import Answer, Cursor, Limit, Shape
from db import dispute as disputes
from db.dispute import Dispute
from domain.dispute import DisputeState
from domain.ids import DisputeId
from domain.money import Money
from domain.refusal import Forbidden, Unauthenticated

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/disputes", tags=["operators"])


class DisputeFilter(Shape):
    """Which disputes: open or ended ones, `about` a payment or a booking."""

    status: Literal["open", "ended"] | None = None
    about: UUID | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class DisputeAnswer(Answer):
    """A dispute of a payment: `provider_ref` and `reason` are the provider's words.

    `amount` is what the bank wants, `taken` what it has taken and not given back, `fee` what the provider
    keeps for it. Evidence is taken there until `evidence_due`.
    """

    id: UUID
    booking_id: UUID
    payment_id: UUID
    provider: str
    provider_ref: str
    state: DisputeState
    reason: str
    amount: Money
    taken: Money
    fee: Money
    evidence_due: datetime | None
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, dispute: Dispute) -> Self:
        """Write what is shown of a dispute."""
        return cls.model_validate(dispute.model_dump(include=set(cls.model_fields)))


class DisputePage(Answer):
    """Disputes, newest first; `next` is the cursor of the page that follows, if one does."""

    items: tuple[DisputeAnswer, ...]
    next: str | None


@router.get("", responses=problem.answers(Unauthenticated, Forbidden, also=()))
async def list_disputes(
    parts: Parts, caller: Operator, wanted: Annotated[DisputeFilter, Query()]
) -> DisputePage:
    """List a tenant's disputes, newest first."""
    async with at_desk(parts, caller) as connection:
        found = await disputes.page(
            connection,
            caller.tenant_id,
            about=wanted.about,
            is_open=None if wanted.status is None else wanted.status == "open",
            after=place(wanted.cursor),
            limit=wanted.limit + 1,
        )
    shown, last = turned(found, wanted.limit)
    return DisputePage(items=tuple(map(DisputeAnswer.of, shown)), next=str(last.id) if last else None)


@router.get("/{dispute_id}", responses=NOS)
async def read_dispute(parts: Parts, caller: Operator, dispute_id: UUID) -> DisputeAnswer:
    """Show where a dispute stands."""
    async with at_desk(parts, caller) as connection:
        return DisputeAnswer.of(await disputes.find(connection, caller.tenant_id, DisputeId(dispute_id)))
