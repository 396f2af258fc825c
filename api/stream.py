"""A booking's events as they happen (Server-Sent Events), from any point and to its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from api import problem
from api.access import Named, theirs
from api.deps import BASE, Caller, Parts, Permission, may
from api.feed import Feed, Follower
from api.flat import StrictFlatRoute
from api.shape import Answer, Instant
from db.event import of_subject
from domain import event as events, schema
from domain.booking import OPEN
from domain.event import Event
from domain.refusal import Forbidden, QuotaExceeded, Unauthenticated, Unknown

PING_SECONDS = 15.0
# How soon a client comes back, in milliseconds: at once after a restart of ours.
COME_BACK, COME_BACK_SOON = 2_000, 500

# After one of these a booking is at rest, and its stream ends.
LAST = {
    events.BOOKING_CONFIRMED,
    events.BOOKING_EXPIRED,
    events.BOOKING_FAILED,
    events.BOOKING_CANCELLED,
    events.BOOKING_REFUNDED,
}

router = APIRouter(route_class=StrictFlatRoute, prefix=f"{BASE}/bookings", tags=["bookings"])


class BookingEvent(Answer):
    """The `data` of one event; its name is the SSE event, its number the SSE id. `/events/schemas` describes
    each type in its version.
    """

    n: int
    type: str
    version: int
    at: Instant
    data: dict[str, JsonValue]


_DESCRIPTION: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events",
        "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/BookingEvent"}}},
    },
    204: {"description": "The booking is at rest and all was told: do not come back"},
}


@router.get(
    "/{booking}/events",
    response_class=StreamingResponse,
    responses={
        **problem.answers(Unauthenticated, Forbidden, Unknown, QuotaExceeded, also=()),
        **_DESCRIPTION,
    },
)
async def follow_booking(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.READ_BOOKING)],
    booking: Named,
    last_event_id: Annotated[int, Header(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """Tell each step of the booking as it happens, and end when it is at rest.

    A client that was cut off says in `Last-Event-ID` what it knows and misses nothing. 429: so many streams
    of this booking are open that nobody needs one more.
    """
    heard = parts.feed.heard
    async with parts.database.looking(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.READ_BOOKING, booking)
        news = await of_subject(connection, found.tenant_id, found.id, after=last_event_id)
    if found.status not in OPEN and not news:
        return Response(status_code=204)
    parts.feed.refuse_crowd(found.id)
    follower = Follower(found.tenant_id, found.id, last_event_id, heard)
    follower.tell(news)
    return Stream(
        told(parts.feed, follower),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


class Stream(StreamingResponse):
    """Written by the request's own task, until all is told or the client has gone: Starlette's has a group of
    tasks for that, which costs more than to write.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        there = asyncio.timeout(None)
        watching = asyncio.create_task(self._watch(receive, there))
        try:
            async with there:
                await self.stream_response(send)
        except TimeoutError:
            if not there.expired():
                raise
        finally:
            watching.cancel()

    async def _watch(self, receive: Receive, there: asyncio.Timeout) -> None:
        with suppress(HTTPException):  # a body that nobody asked for, and that does not come
            await self.listen_for_disconnect(receive)
        there.reschedule(asyncio.get_running_loop().time())


async def told(feed: Feed, follower: Follower) -> AsyncIterator[bytes]:
    """Write a booking's events until it is at rest or the server stops; a ping when nothing happens."""
    async with feed.follow(follower):
        yield format_sse_event(retry=COME_BACK)
        while True:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    news = await follower.news.get()
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            if news is None:
                yield format_sse_event(retry=COME_BACK_SOON)
                return
            yield b"".join(map(_frame, news))
            if any(event.type in LAST for event in news):
                return


def _frame(event: Event) -> bytes:
    version = schema.version(event.type)
    told = BookingEvent(n=event.n, type=event.type, version=version, at=event.at, data=event.data)
    return format_sse_event(data_str=told.model_dump_json(), event=event.type, id=str(event.n))
