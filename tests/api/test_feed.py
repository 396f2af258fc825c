"""One look serves everybody who follows, as soon as there is news; nobody misses or hears twice; a closing
feed lets go.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from api.feed import Feed, Follower
from api.stream import told
from domain import event
from domain.event import Event
from domain.ids import TenantId
from tests.support.wait import PATIENCE_SECONDS


class Events:
    """A feed's rows, and how often they were looked at."""

    def __init__(self) -> None:
        self.rows: list[Event] = []
        self.looks: list[Mapping[UUID, int]] = []
        self.away = False
        self.looked = asyncio.Semaphore(0)

    def add(self, subject: UUID, kind: str) -> None:
        n = 1 + sum(row.subject == subject for row in self.rows)
        seq = len(self.rows) + 1
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.rows.append(Event(seq=seq, xid=seq, subject=subject, n=n, type=kind, data={}, at=at))

    async def read(self, _tenant_id: TenantId, behind: Mapping[UUID, int]) -> Sequence[Event]:
        self.looks.append(behind)
        self.looked.release()
        if self.away:
            raise ConnectionResetError
        return [row for row in self.rows if row.subject in behind and row.n > behind[row.subject]]


@asynccontextmanager
async def running(events: Events, every_seconds: float = 0.001) -> AsyncIterator[Feed]:
    feed = Feed(events.read, every_seconds=every_seconds)
    task = asyncio.create_task(feed.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        yield feed
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


TENANT = TenantId(uuid4())
AN_HOUR = 3600.0


async def heard(feed: Feed, subject: UUID, after: int = 0) -> bytes:
    return b"".join([frame async for frame in told(feed, Follower(TENANT, subject, after))])


async def test_a_stream_tells_everything_once_in_order_and_ends_at_rest() -> None:
    events, subject = Events(), uuid4()
    for kind in (event.BOOKING_INITIATED, event.INVENTORY_RESERVED, event.BOOKING_CONFIRMED):
        events.add(subject, kind)
    async with running(events) as feed:
        text = await heard(feed, subject)

    assert [line for line in text.decode().splitlines() if line.startswith(("id", "event"))] == [
        "event: booking.initiated",
        "id: 1",
        "event: inventory.reserved",
        "id: 2",
        "event: booking.confirmed",
        "id: 3",
    ]


async def test_who_comes_back_hears_the_rest_alone() -> None:
    events, subject = Events(), uuid4()
    for kind in (event.BOOKING_INITIATED, event.INVENTORY_RESERVED, event.BOOKING_EXPIRED):
        events.add(subject, kind)
    async with running(events) as feed:
        text = await heard(feed, subject, after=2)

    assert b"booking.expired" in text
    assert b"id: 1" not in text
    assert b"id: 2" not in text


async def test_many_followers_cost_one_look_and_each_hears_its_own_subject() -> None:
    events, subjects = Events(), [uuid4() for _ in range(20)]
    for subject in subjects:
        events.add(subject, event.BOOKING_INITIATED)
        events.add(subject, event.BOOKING_CANCELLED)
    async with running(events) as feed:
        texts = await asyncio.gather(*(heard(feed, subject) for subject in subjects * 2))

    assert all(text.count(b"event:") == 2 for text in texts)
    assert len(events.looks) < len(texts)
    assert any(len(look) == 20 for look in events.looks)


async def test_who_is_told_of_news_looks_at_that_alone() -> None:
    events, quiet, noisy = Events(), uuid4(), uuid4()
    for subject in (quiet, noisy):
        events.add(subject, event.BOOKING_INITIATED)
    async with running(events, AN_HOUR) as feed:
        streams = [asyncio.create_task(heard(feed, subject)) for subject in (quiet, noisy)]
        await events.looked.acquire()

        events.add(noisy, event.BOOKING_CANCELLED)
        feed.hear(f"{uuid4().hex} {noisy.hex}")
        assert b"booking.cancelled" in await streams[1]
        events.add(quiet, event.BOOKING_EXPIRED)
        feed.hear(quiet.hex)

        assert b"booking.expired" in await streams[0]
    assert [set(look) for look in events.looks] == [{quiet, noisy}, {noisy}, {quiet}]


async def test_what_was_missed_while_nobody_listened_is_looked_for() -> None:
    events, subject = Events(), uuid4()
    async with running(events, AN_HOUR) as feed:
        stream = asyncio.create_task(heard(feed, subject))
        await events.looked.acquire()

        events.add(subject, event.BOOKING_CANCELLED)
        feed.hear("")

        assert b"booking.cancelled" in await stream


async def test_who_was_read_for_is_looked_for_only_if_there_was_news_since() -> None:
    events, subject = Events(), uuid4()
    events.add(subject, event.BOOKING_INITIATED)
    async with running(events, AN_HOUR) as feed:
        follower = Follower(TENANT, subject, 1, since=feed.heard)
        async with feed.follow(follower):
            assert not feed._woken.is_set()
            events.add(subject, event.INVENTORY_RESERVED)
            feed.hear(subject.hex)
            assert [told.n for told in await follower.news.get() or ()] == [2]

        late = Follower(TENANT, subject, 2, since=feed.heard)
        events.add(subject, event.BOOKING_CANCELLED)
        feed.hear(subject.hex)
        async with feed.follow(late):
            assert [told.n for told in await late.news.get() or ()] == [3]


async def test_a_stream_outlives_an_outage() -> None:
    events, subject = Events(), uuid4()
    events.add(subject, event.BOOKING_CANCELLED)
    events.away = True
    async with running(events) as feed:
        stream = asyncio.create_task(heard(feed, subject))
        for _ in range(3):
            await events.looked.acquire()
        events.away = False

        assert b"booking.cancelled" in await stream


async def test_closing_ends_open_streams_and_those_that_come_after() -> None:
    events, subject = Events(), uuid4()
    events.add(subject, event.BOOKING_INITIATED)
    async with running(events) as feed:
        stream = asyncio.create_task(heard(feed, subject))
        await events.looked.acquire()
        feed.close()

        assert (await stream).endswith(b"retry: 500\n\n")
        assert (await heard(feed, subject)).endswith(b"retry: 500\n\n")
