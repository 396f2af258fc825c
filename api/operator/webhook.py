"""The inbox as operators see it: what was put aside and why, and what is to become of it."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query

from api import problem
from api.body import StrictRoute
from api.deps import Parts
from api.operator.desk import ADMIN, NOS, ActWish, Operator, at_desk, note, place, turned
from api.shape import Answer, Cursor, Limit, Shape
from db import case, webhook as inbox
from db.webhook import EventStatus, StoredEvent
from domain.refusal import EventClosed, Forbidden, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, prefix=f"{ADMIN}/webhook-events", tags=["operators"])
Word = Annotated[str, Query(pattern=r"^[\w.:-]{1,100}$")]


class EventFilter(Shape):
    """Which events: in this state, of this provider, of its kind of event, put aside for this cause."""

    status: EventStatus | None = None
    provider: Word | None = None
    kind: Word | None = None
    cause: Word | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class EventAnswer(Answer):
    """An event that a provider told, without its body.

    `next_at` is when it is tried next; none: nobody tries it any more, or it waits for a person. Without a
    `tenant_id` nobody knows whose it is.
    """

    id: UUID
    provider: str
    account: str
    event_id: str
    kind: str
    status: EventStatus
    cause: str
    attempts: int
    occurred_at: datetime | None
    received_at: datetime
    next_at: datetime | None
    told_at: datetime | None
    tenant_id: UUID | None
    payment_id: UUID | None

    @classmethod
    def of(cls, event: StoredEvent) -> Self:
        """Write what is shown of an event."""
        waits = event.told_at is None and event.status in _TRIED_AGAIN
        return cls(**event.model_dump(exclude={"next_at", "tries"}), next_at=event.next_at if waits else None)


class TryAnswer(Answer):
    """One reading of an event, and what became of it; `next_at` is when it was to be tried again."""

    at: datetime
    status: EventStatus
    cause: str
    next_at: datetime | None


class EventDetail(EventAnswer):
    """An event with all its tries, the first first."""

    tries: tuple[TryAnswer, ...] = ()

    @classmethod
    def of(cls, event: StoredEvent) -> Self:
        """Write an event with its tries."""
        tries = tuple(TryAnswer(**each.model_dump()) for each in event.tries)
        return super().of(event).model_copy(update={"tries": tries})


class EventPage(Answer):
    """Events, newest first; `next` is the cursor of the page that follows, if one does."""

    items: tuple[EventAnswer, ...]
    next: str | None


class EventBody(Answer):
    """The delivery an event came in, as text; what is no UTF-8 is written as escapes."""

    body: str


_TRIED_AGAIN = (EventStatus.RECEIVED, EventStatus.PARKED, EventStatus.FAILED)


@router.get("", responses=problem.answers(Unauthenticated, Forbidden, also=()))
async def list_events(parts: Parts, caller: Operator, wanted: Annotated[EventFilter, Query()]) -> EventPage:
    """List what providers told, newest first: `status=dead` and `status=parked` wait for a person."""
    async with at_desk(parts, caller) as connection:
        found = await inbox.page(
            connection,
            statuses=[wanted.status] if wanted.status else None,
            provider=wanted.provider,
            kind=wanted.kind,
            cause=wanted.cause,
            after=place(wanted.cursor),
            limit=wanted.limit + 1,
        )
    shown, last = turned(found, wanted.limit)
    return EventPage(items=tuple(map(EventAnswer.of, shown)), next=str(last.id) if last else None)


@router.get("/{event_id}", responses=NOS)
async def read_event(parts: Parts, caller: Operator, event_id: UUID) -> EventDetail:
    """Show an event with its tries, without its body."""
    async with at_desk(parts, caller) as connection:
        return EventDetail.of(await inbox.find(connection, event_id))


@router.get("/{event_id}/body", responses=NOS)
async def read_body(parts: Parts, caller: Operator, event_id: UUID) -> EventBody:
    """Show the delivery itself, which may hold a buyer's data: who reads it is written down."""
    async with at_desk(parts, caller) as connection:
        raw = await inbox.body(connection, event_id)
        await note(connection, caller, "webhook.read_body", event_id)
    return EventBody(body=raw.decode("utf-8", "backslashreplace"))


@router.post("/{event_id}/replay", responses=NOS)
async def replay_event(
    parts: Parts, caller: Operator, event_id: UUID, wish: ActWish | None = None
) -> EventDetail:
    """Have an event read again now, whatever became of it before; what it did already is not done twice."""
    async with at_desk(parts, caller) as connection:
        before = await inbox.find(connection, event_id)
        await inbox.replay(connection, event_id)
        await note(
            connection,
            caller,
            "webhook.replay",
            event_id,
            before={"status": before.status.value, "cause": before.cause},
            after={"reason": wish.reason if wish else ""},
        )
        after = await inbox.find(connection, event_id)
    parts.waker.wake()
    return EventDetail.of(after)


@router.post(
    "/{event_id}/ignore", responses=problem.answers(Unauthenticated, Forbidden, Unknown, EventClosed)
)
async def ignore_event(parts: Parts, caller: Operator, event_id: UUID, wish: ActWish) -> EventDetail:
    """Say that nobody shall act on an event, and why; its case is closed with it."""
    async with at_desk(parts, caller) as connection:
        before = await inbox.find(connection, event_id)
        await inbox.ignore(connection, event_id)
        await case.close(connection, before.tenant_id, event_id, closed_by=caller.name, note=wish.reason)
        await note(
            connection,
            caller,
            "webhook.ignore",
            event_id,
            before={"status": before.status.value, "cause": before.cause},
            after={"status": EventStatus.IGNORED.value, "reason": wish.reason},
        )
        return EventDetail.of(await inbox.find(connection, event_id))
