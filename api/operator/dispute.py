"""Disputes: what payers' banks want back, as their providers tell it."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from api import problem
from api.body import StrictRoute
from api.deps import BASE, Caller, Parts
from api.operator.desk import NOS, Operator, at_desk, note, place, turned
from api.shape import Answer, Cursor, Limit, Shape, example
from db import dispute as disputes
from db.booking.read import find
from db.dispute import Dispute
from db.session import Connection
from domain.dispute import DisputeState, Evidence
from domain.ids import DisputeId
from domain.money import Money
from domain.refusal import Forbidden, IllegalMove, Unauthenticated, Unknown

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


class EvidenceWish(Shape):
    """What speaks for us: an account in words, what was sold, and on which day it took place."""

    model_config = example(
        text="The ticket was scanned at the door.", product="Guided tour", service_on="2026-11-20"
    )

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
    product: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    service_on: date | None = None


class EvidenceAnswer(Answer):
    """What has become of the evidence: on its way, taken by the provider, or not."""

    told_by: str
    told_at: datetime
    submitted_at: datetime | None
    refused_at: datetime | None


class DisputeDetail(DisputeAnswer):
    """A dispute, and what has become of the evidence that was told."""

    evidence: EvidenceAnswer | None = None


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
async def read_dispute(parts: Parts, caller: Operator, dispute_id: UUID) -> DisputeDetail:
    """Show where a dispute stands."""
    async with at_desk(parts, caller) as connection:
        return await _detail(connection, caller, DisputeId(dispute_id))


@router.post(
    "/{dispute_id}/evidence",
    status_code=202,
    responses=problem.answers(Unauthenticated, Forbidden, Unknown, IllegalMove),
)
async def tell_evidence(
    parts: Parts, caller: Operator, dispute_id: UUID, wish: EvidenceWish
) -> DisputeDetail:
    """Say what speaks for us; it is handed in at the provider, which takes it once. A repeat changes nothing.

    Refuses IllegalMove when the bank has heard us, or has decided, or something else was told before. Where
    the provider takes documents alone (Adyen) it shows as refused.
    """
    asked = DisputeId(dispute_id)
    async with parts.payments.tenant(caller.tenant_id) as connection:
        dispute = await disputes.find(connection, caller.tenant_id, asked)
        told = await disputes.evidence_stands(connection, caller.tenant_id, asked)
        is_news = told is None or told.refused_at is not None
        evidence = Evidence.model_validate(wish.model_dump())
        if is_news and not dispute.state.may_be_answered:
            raise _unheard(dispute)
        if not await disputes.tell_evidence(connection, caller.tenant_id, asked, evidence, by=caller.name):
            raise _unheard(dispute)
        if is_news:
            await note(connection, caller, "dispute.evidence", dispute.id)
    async with at_desk(parts, caller) as connection:
        booking = await find(connection, caller.tenant_id, dispute.booking_id)
        detail = await _detail(connection, caller, asked)
    await parts.sagas.dispute(dispute.request(caller.tenant_id, booking.reference))
    return detail


async def _detail(connection: Connection, caller: Caller, dispute_id: DisputeId) -> DisputeDetail:
    dispute = await disputes.find(connection, caller.tenant_id, dispute_id)
    told = await disputes.evidence_stands(connection, caller.tenant_id, dispute_id)
    evidence = EvidenceAnswer(**told.model_dump()) if told else None
    return DisputeDetail.of(dispute).model_copy(update={"evidence": evidence})


def _unheard(dispute: Dispute) -> IllegalMove:
    return IllegalMove("Evidence is handed in once.", status=dispute.state.value, trigger="evidence")
