"""A booking's events, told as they happen over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from api.deps import House
from api.feed import MOST_OF_ONE, Follower
from api.stream import Stream
from db.event import Told, append
from domain.event import BOOKING_CANCELLED
from tests.api.conftest import Door
from tests.support.stack import Booked, Stack, bearer
from tests.support.wait import PATIENCE_SECONDS, eventually


async def heard(stack: Stack, booking: Booked, after: int | None = None) -> AsyncIterator[tuple[int, str]]:
    headers = bearer(booking.token) | ({} if after is None else {"Last-Event-ID": str(after)})
    url = f"/api/v1/bookings/{booking.id}/events"
    async with stack.http.stream("GET", url, headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        kind = ""
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                yield int(value), kind


@pytest.mark.row("SAG-23", partly="the payment's own events: tests/workflows")
async def test_each_step_is_told_once_in_order_until_the_booking_is_at_rest(stack: Stack) -> None:
    booking = await stack.book()
    listening = asyncio.create_task(_all(stack, booking))

    await stack.pay(booking)

    assert await listening == [
        (1, "booking.created"),
        (2, "booking.initiated"),
        (3, "inventory.reserved"),
        (4, "payment.processed"),
        (5, "booking.confirmed"),
    ]
    assert await _all(stack, booking, after=3) == [(4, "payment.processed"), (5, "booking.confirmed")]


async def test_who_knows_all_of_a_booking_at_rest_need_not_come_back(stack: Stack) -> None:
    booking = await stack.book()
    await stack.cancel(booking)
    events = await _all(stack, booking)

    answer = await stack.http.get(
        f"/api/v1/bookings/{booking.id}/events",
        headers=bearer(booking.token) | {"Last-Event-ID": str(len(events))},
    )

    assert events[-1] == (4, "booking.cancelled")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.row("SAG-23", partly="the payment's own events: tests/workflows")
async def test_news_is_told_when_it_is_there_and_not_at_the_next_look(door: Door) -> None:
    booking = await door.book()
    house = door.app.state.house
    house.feed.every_seconds = 3600
    url = f"/api/v1/bookings/{booking.id}/events"
    listening = asyncio.create_task(door.http.get(url, headers=bearer(booking.token)))
    await eventually(lambda: _has_heard(house, 3), what="the stream to have told what there was")

    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        ended = Told(booking.id, BOOKING_CANCELLED, {"cause": "by_buyer"})
        await append(connection, door.shop.tenant_id, ended)

    async with asyncio.timeout(PATIENCE_SECONDS):  # far less than until the next look
        assert "booking.cancelled" in (await listening).text


async def test_an_open_stream_does_not_keep_a_server_from_stopping(door: Door) -> None:
    booking = await door.book()
    house = door.app.state.house
    url = f"/api/v1/bookings/{booking.id}/events"
    listening = asyncio.create_task(door.http.get(url, headers=bearer(booking.token)))
    await eventually(lambda: _is_followed(house), what="the stream to be open")

    house.feed.close()

    assert (await listening).text.endswith("retry: 500\n\n")


async def test_one_booking_is_followed_by_so_many_at_most_and_by_others_when_they_have_gone(
    door: Door,
) -> None:
    booking = await door.book()
    house = door.app.state.house
    follower = Follower(door.shop.tenant_id, booking.id, 0)
    async with AsyncExitStack() as streams:
        for _ in range(MOST_OF_ONE):
            await streams.enter_async_context(house.feed.follow(follower))

        async with asyncio.timeout(PATIENCE_SECONDS):  # one stream more would not end
            answer = await door.get(f"/bookings/{booking.id}/events", bearer(booking.token))

        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
        assert int(answer.headers["Retry-After"]) > 0
        house.feed.refuse_crowd(uuid4())
    house.feed.refuse_crowd(booking.id)


async def test_a_last_event_that_cannot_be_is_refused(door: Door) -> None:
    booking = await door.book()

    for after in ["-1", "x", "99999999999999999999", "1.5"]:
        answer = await door.get(
            f"/bookings/{booking.id}/events", bearer(booking.token) | {"Last-Event-ID": after}
        )

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == "last-event-id"


async def _is_followed(house: House) -> bool:
    return bool(house.feed._followers)


async def _has_heard(house: House, n: int) -> bool:
    return any(follower.after == n for follower in house.feed._followers)


async def _all(stack: Stack, booking: Booked, after: int | None = None) -> list[tuple[int, str]]:
    return [event async for event in heard(stack, booking, after)]


@pytest.mark.parametrize("end", [{"type": "http.disconnect"}, HTTPException(408)])
async def test_a_stream_ends_when_its_client_has_gone_or_its_body_does_not_come(
    end: Message | Exception,
) -> None:
    ended = asyncio.Event()

    async def told() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            ended.set()

    async def receive() -> Message:
        if isinstance(end, Exception):
            raise end
        return end

    async def send(_: Message) -> None:
        pass

    async with asyncio.timeout(PATIENCE_SECONDS):
        await Stream(told())({"type": "http"}, receive, send)

    assert ended.is_set()


async def test_a_stream_that_breaks_does_not_count_as_one_whose_client_has_gone() -> None:
    async def told() -> AsyncIterator[bytes]:
        yield b""
        raise TimeoutError

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    async def send(_: Message) -> None:
        pass

    with pytest.raises(TimeoutError):
        await Stream(told())({"type": "http"}, receive, send)
