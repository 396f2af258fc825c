"""The waker calls once for many wishes, never loses the last one, and survives an outage."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

from api.waker import Waker
from tests.support.wait import PATIENCE_SECONDS


class Relay:
    """Notes what it was woken for; each waking takes until it `may_end`."""

    def __init__(self) -> None:
        self.works: list[set[str]] = []
        self.may_end = asyncio.Semaphore(0)
        self.called = asyncio.Semaphore(0)
        self.away = False

    async def notify(self, works: Collection[str]) -> None:
        self.works.append(set(works))
        self.called.release()
        if self.away:
            raise ConnectionRefusedError
        await self.may_end.acquire()


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[Waker]:
    waker = Waker(relay.notify)
    task = asyncio.create_task(waker.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        yield waker
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_wishes_made_while_one_is_told_share_the_next_telling() -> None:
    relay = Relay()
    async with running(relay) as waker:
        waker.wake()
        await relay.called.acquire()

        for _ in range(100):
            waker.wake("bookings")
        waker.wake("facts")
        relay.may_end.release()
        await relay.called.acquire()

        assert relay.works == [{""}, {"bookings", "facts"}]


async def test_what_may_wait_keeps_nobody_else_waiting() -> None:
    relay = Relay()
    async with running(relay) as waker:
        waker.wake("bookings", after=timedelta(milliseconds=1))
        waker.wake("facts")
        await relay.called.acquire()
        relay.may_end.release()
        await relay.called.acquire()

        assert relay.works == [{"facts"}, {"bookings"}]


async def test_an_outage_ends_nothing() -> None:
    relay = Relay()
    relay.away = True
    async with running(relay) as waker:
        waker.wake()
        await relay.called.acquire()

        waker.wake()
        await relay.called.acquire()

        assert relay.works == [{""}, {""}]
