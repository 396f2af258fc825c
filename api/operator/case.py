"""Cases: what waits for a person, with everything that is known about it in the order it happened."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import JsonValue

from api import problem
from api.body import StrictRoute
from api.deps import Caller, Parts
from api.operator.desk import ADMIN, NOS, Operator, Words, at_desk, note, place, turned
from api.shape import Answer, Cursor, Limit, Shape, example
from db import audit, case as cases, event as feed, webhook as inbox
from db.audit import Entry
from db.case import Case
from db.payment import read as payments
from db.session import Connection
from domain.case import CaseKind
from domain.ids import PaymentId
from domain.refusal import CaseClosed, Forbidden, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, prefix=ADMIN, tags=["operators"])


class CaseFilter(Shape):
    """Which cases: open or closed ones, of a kind, `about` a subject or a booking."""

    status: Literal["open", "closed"] | None = None
    kind: CaseKind | None = None
    about: UUID | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class CaseAnswer(Answer):
    """Something a person has to look at: `subject` is the id of the event, payment, refund, notice or booking
    it is about, `cause` why, in one word. Closed cases say by whom, and what was done.
    """

    id: UUID
    kind: CaseKind
    status: Literal["open", "closed"]
    subject: UUID
    booking_id: UUID | None
    cause: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None
    note: str | None

    @classmethod
    def of(cls, case: Case) -> Self:
        """Write what is shown of a case."""
        shown = case.model_dump(exclude={"tenant_id"})
        return cls(**shown, status="open" if case.closed_at is None else "closed")


class Moment(Answer):
    """One thing that happened: told by a provider, done by us, or an act of somebody's (`by`), who may have
    given a reason (`detail`) and changed something (`before`, `after`).
    """

    at: datetime
    source: Literal["provider", "holdfast", "operator"]
    what: str
    detail: str
    by: str | None = None
    before: dict[str, JsonValue] | None = None
    after: dict[str, JsonValue] | None = None

    @classmethod
    def of_act(cls, act: Entry) -> Self:
        """Write down what somebody did."""
        after = act.after or {}
        return cls(
            at=act.at,
            source="operator",
            what=act.action,
            detail=after.get("reason") or after.get("note") or "",
            by=act.actor,
            before=act.before,
            after=act.after,
        )


class CaseDetail(CaseAnswer):
    """A case with its timeline, the first first."""

    timeline: tuple[Moment, ...] = ()


class CasePage(Answer):
    """Cases, newest first; `next` is the cursor of the page that follows, if one does."""

    items: tuple[CaseAnswer, ...]
    next: str | None


class CloseWish(Shape):
    """What was found and done, in words; no person's data."""

    model_config = example(note="Refunded at the provider by hand; the customer was called.")

    note: Words


@router.get("/cases", responses=problem.answers(Unauthenticated, Forbidden, also=()))
async def list_cases(parts: Parts, caller: Operator, wanted: Annotated[CaseFilter, Query()]) -> CasePage:
    """List what waits, or waited, for a person, newest first."""
    async with at_desk(parts, caller) as connection:
        found = await cases.page(
            connection,
            is_open=None if wanted.status is None else wanted.status == "open",
            kind=wanted.kind,
            about=wanted.about,
            after=place(wanted.cursor),
            limit=wanted.limit + 1,
        )
    shown, last = turned(found, wanted.limit)
    return CasePage(items=tuple(map(CaseAnswer.of, shown)), next=str(last.id) if last else None)


@router.get("/cases/{case_id}", responses=NOS)
async def read_case(parts: Parts, caller: Operator, case_id: UUID) -> CaseDetail:
    """Show a case with what providers told, what we did and what operators did about it."""
    async with at_desk(parts, caller) as connection:
        return await _detail(connection, caller, await cases.find(connection, case_id))


@router.post(
    "/cases/{case_id}/close", responses=problem.answers(Unauthenticated, Forbidden, Unknown, CaseClosed)
)
async def close_case(parts: Parts, caller: Operator, case_id: UUID, wish: CloseWish) -> CaseDetail:
    """Close a case with a note of what was found and done."""
    async with at_desk(parts, caller) as connection:
        case = await cases.find(connection, case_id)
        if case.closed_at is not None or not await cases.close(
            connection, case.tenant_id, case.subject, closed_by=caller.name, note=wish.note, kind=case.kind
        ):
            raise CaseClosed("This case is closed.", closed_by=case.closed_by)
        await note(connection, caller, "case.close", case.subject, after={"note": wish.note})
        return await _detail(connection, caller, await cases.find(connection, case_id))


@router.post("/transactions/{payment_id}/investigate", status_code=201, responses=NOS)
async def investigate(parts: Parts, caller: Operator, payment_id: UUID, response: Response) -> CaseDetail:
    """Open a case about a payment, or attach to the one that is open (200)."""
    async with at_desk(parts, caller) as connection:
        payment = await payments.find(connection, caller.tenant_id, PaymentId(payment_id))
        new = await cases.open_case(
            connection,
            caller.tenant_id,
            CaseKind.INVESTIGATION,
            payment.id,
            cause="investigated",
            booking_id=payment.booking_id,
            opened_by=caller.name,
        )
        await note(connection, caller, "payment.investigate", payment.id)
        case = await cases.open_of(connection, caller.tenant_id, payment.id, CaseKind.INVESTIGATION)
        if case is None:
            raise Unknown
        response.status_code = 201 if new else 200
        return await _detail(connection, caller, case)


async def _detail(connection: Connection, caller: Caller, case: Case) -> CaseDetail:
    moments = await _moments(connection, caller, case)
    return CaseDetail(
        **CaseAnswer.of(case).model_dump(), timeline=tuple(sorted(moments, key=lambda moment: moment.at))
    )


async def _moments(connection: Connection, caller: Caller, case: Case) -> list[Moment]:
    tenant_id = caller.tenant_id
    subjects = [case.subject, *([case.booking_id] if case.booking_id else [])]
    told = await inbox.of_payment(connection, tenant_id, PaymentId(case.subject))
    happened = await feed.of_subjects(connection, tenant_id, dict.fromkeys(subjects, 0))
    acts = [
        act for subject in set(subjects) for act in await audit.page(connection, tenant_id, subject=subject)
    ]
    known = await cases.page(connection, about=case.booking_id or case.subject)
    return [
        *(
            Moment(
                at=each.received_at,
                source="provider",
                what=each.kind,
                detail=_became(each.status, each.cause),
            )
            for each in told
        ),
        *(
            Moment(at=each.at, source="holdfast", what=each.type, detail=str(each.data.get("cause", "")))
            for each in happened
        ),
        *map(Moment.of_act, acts),
        *[moment for each in known for moment in _of_case(each)],
    ]


def _of_case(case: Case) -> Iterator[Moment]:
    """Tell when a case was opened and closed by itself; what operators do is an act of theirs."""
    if case.opened_by == "holdfast":
        yield Moment(at=case.opened_at, source="holdfast", what="case.opened", detail=case.cause)
    if case.closed_at is not None and case.closed_by == "holdfast":
        yield Moment(at=case.closed_at, source="holdfast", what="case.closed", detail=case.note or "")


def _became(status: str, cause: str) -> str:
    return f"{status}: {cause}" if cause else status
