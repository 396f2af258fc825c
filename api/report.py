"""What organizers want to know: how many bookings, of how much, by where they came from."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from api import problem
from api.body import StrictRoute
from api.deps import BASE, Caller, Parts, Permission, may
from api.shape import Answer, Shape, WrittenInstant
from db import report
from domain.money import Money
from domain.refusal import Forbidden, Unauthenticated

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/analytics", tags=["operators"])

By = Literal["source", "status", "delivery", "offer"]


class ReportFilter(Shape):
    """Which bookings, those made in [`from`, `to`), and grouped by what."""

    by: By = "source"
    since: Annotated[WrittenInstant | None, Field(alias="from")] = None
    until: Annotated[WrittenInstant | None, Field(alias="to")] = None


class GroupAnswer(Answer):
    """So many bookings of one name and currency; `confirmed` of them were paid for, or are free."""

    name: str
    bookings: int
    confirmed: int
    total: Money
    confirmed_total: Money


class ReportAnswer(Answer):
    """Bookings counted."""

    by: By
    groups: tuple[GroupAnswer, ...]


@router.get("/bookings", responses=problem.answers(Unauthenticated, Forbidden, also=()))
async def count_bookings(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.SEE_REPORTS)],
    wanted: Annotated[ReportFilter, Query()],
) -> ReportAnswer:
    """Count the organizer's bookings by where they came from, how they stand, or what was booked."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        groups = await report.bookings(
            connection, caller.tenant_id, by=wanted.by, since=wanted.since, until=wanted.until
        )
    return ReportAnswer(by=wanted.by, groups=tuple(GroupAnswer(**each._asdict()) for each in groups))
