"""Answers for whoever has to accept a booking: the partner who delivers, and who reviews a risk.

Both are wishes to the booking's saga, which holds the money meanwhile. The same answer again answers the
same; another one comes too late.
"""

from typing import Annotated

from fastapi import APIRouter

from api import problem
from api.access import Named, theirs
from api.body import StrictRoute
from api.booking.look import show
from api.booking.shape import BookingAnswer
from api.deps import BASE, Caller, House, Parts, Permission, may
from api.operator.desk import Operator, note
from api.shape import Code, Shape, example
from db.booking.read import Booking, find
from domain.booking import OPEN, BookingStatus, Judge, Verdict
from domain.refusal import BookingEnded, Forbidden, IllegalMove, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["operators"])
NOS = {**problem.answers(Unauthenticated, Forbidden, Unknown, IllegalMove, BookingEnded), **problem.PENDING}

ACCEPTED = (BookingStatus.CONFIRMED, BookingStatus.COMPLETED, BookingStatus.NO_SHOW)
REFUSED = (
    *(BookingStatus.CANCELLED, BookingStatus.FAILED, BookingStatus.REJECTED),
    *(BookingStatus.REFUNDING, BookingStatus.REFUNDED),
)


class AnswerWish(Shape):
    """Whether the booking is accepted; `cause` says why not, in one word for programs."""

    model_config = example(accepted=False, cause="no_guide")

    accepted: bool
    cause: Code | None = None


@router.post("/{booking}/partner-answer", responses=NOS)
async def answer_for_partner(
    parts: Parts, caller: Annotated[Caller, may(Permission.ACCEPT)], booking: Named, wish: AnswerWish
) -> BookingAnswer:
    """Accept or refuse a booking for the partner who delivers: accepted, the money is taken and the booking
    confirmed; refused, it is as if nothing had been.
    """
    return await _decided(parts, caller, Permission.ACCEPT, booking, Judge.PARTNER, wish)


@router.post("/{booking}/review-answer", responses=NOS)
async def answer_review(parts: Parts, caller: Operator, booking: Named, wish: AnswerWish) -> BookingAnswer:
    """Let a payment that looked risky pass, or refuse it."""
    return await _decided(parts, caller, Permission.OPERATE, booking, Judge.REVIEWER, wish)


async def _decided(
    parts: House, caller: Caller, permission: Permission, named: str, judge: Judge, wish: AnswerWish
) -> BookingAnswer:
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, permission, named)
    if found.status in OPEN:
        found = await _told(parts, caller, found, judge, wish)
    _refuse_another(found, wish)
    async with parts.database.tenant(caller.tenant_id) as connection:
        return await show(connection, parts, found)


async def _told(parts: House, caller: Caller, before: Booking, judge: Judge, wish: AnswerWish) -> Booking:
    """Tell the saga; gives the booking as it stands then."""
    verdict = Verdict(judge=judge, accepted=wish.accepted, by=caller.roles[0], cause=wish.cause or "")
    try:
        await parts.sagas.decide(before.request(grace=parts.rules.grace), verdict)
    except BookingEnded:
        pass  # meanwhile: the row knows how
    async with parts.database.tenant(before.tenant_id) as connection:
        after = await find(connection, before.tenant_id, before.id)
        await note(
            connection,
            caller,
            f"booking.{judge.value}_answer",
            before.id,
            before={"status": before.status.value},
            after={"status": after.status.value, "accepted": wish.accepted, "cause": wish.cause or ""},
        )
    return after


def _refuse_another(booking: Booking, wish: AnswerWish) -> None:
    """Refuse an answer that is not the one the booking went by; still open: another has to accept as well."""
    if booking.status not in (*OPEN, *(ACCEPTED if wish.accepted else REFUSED)):
        raise IllegalMove("It was decided otherwise.", status=booking.status.value, trigger="answered")
