"""What was owed to people by mail, what became of it, and sending it again."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import JsonValue

from api import problem
from api.access import Named, theirs
from api.body import StrictRoute
from api.deps import Parts, Permission
from api.operator.desk import ADMIN, NOS, Operator, Words, at_desk, note
from api.shape import Answer, Email, Shape, example
from db import case as cases, delivery
from db.delivery import Owed
from domain.case import CaseKind
from domain.notice import DeliveryState, NoticeKind
from domain.refusal import Forbidden, InvalidRequest, NoticeUnderway, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, prefix=ADMIN, tags=["operators"])


class NoticeAnswer(Answer):
    """One message: `status` is what came of handing it over, `delivery` what the mail service told since.
    `sending` counts how often it was sent; `suppressed` is why its address gets no more mail.
    """

    id: UUID
    booking_id: UUID
    kind: NoticeKind
    version: int
    sending: int
    status: str
    delivery: DeliveryState | None
    delivered_at: datetime | None
    created_at: datetime
    settled_at: datetime | None
    suppressed: str | None

    @classmethod
    def of(cls, owed: Owed) -> Self:
        """Write what is shown of a notice."""
        return cls(**owed.model_dump())


class NoticeList(Answer):
    """What was owed about a booking, the first first."""

    items: tuple[NoticeAnswer, ...]


class ResendWish(Shape):
    """Why a message is sent again, in words for the audit; with `email` to that address, which is the
    booking's from then on.
    """

    model_config = example(reason="The buyer rang: a letter was missing.", email="ada@example.com")

    reason: Words
    email: Email | None = None


@router.get("/bookings/{booking}/notices", responses=NOS)
async def list_notices(parts: Parts, caller: Operator, booking: Named) -> NoticeList:
    """List what a booking's people were to be told, and whether it reached them."""
    async with at_desk(parts, caller) as connection:
        found = await theirs(connection, caller, Permission.OPERATE, booking)
        owed = await delivery.of_booking(connection, found.tenant_id, found.id)
    return NoticeList(items=tuple(map(NoticeAnswer.of, owed)))


@router.post(
    "/notices/{notice_id}/resend",
    status_code=201,
    responses=problem.answers(Unauthenticated, Forbidden, Unknown, NoticeUnderway),
)
async def resend_notice(parts: Parts, caller: Operator, notice_id: UUID, wish: ResendWish) -> NoticeAnswer:
    """Send a message again, to its address or to another one; its case is closed. A repeat answers the same:
    to send it a third time, resend the second.
    """
    async with at_desk(parts, caller) as connection:
        before = await delivery.find(connection, caller.tenant_id, notice_id)
        if wish.email is not None and before.kind is NoticeKind.CASE_OPENED:
            error: JsonValue = {"pointer": "/email", "code": "not_allowed", "detail": "Not to a buyer."}
            raise InvalidRequest("This message goes to the organizer's own people.", errors=[error])
        again = await delivery.send_again(connection, caller.tenant_id, before, email=wish.email)
        await cases.close(
            connection,
            caller.tenant_id,
            notice_id,
            closed_by=caller.name,
            note=f"sent again: {wish.reason}",
            kind=CaseKind.NOTICE,
        )
        await note(
            connection,
            caller,
            "notice.resend",
            notice_id,
            before={"status": before.status, "delivery": before.delivery},
            after={"notice_id": str(again.id), "elsewhere": wish.email is not None, "reason": wish.reason},
        )
    parts.waker.wake()
    return NoticeAnswer.of(again)
