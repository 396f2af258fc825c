"""Wakes the relay after a commit: many wishes at once become one NOTIFY, and nobody waits for it.

A NOTIFY inside the transaction would make all commits queue for one lock. Lost, it costs a second: the relay
looks by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

import structlog

log = structlog.get_logger(__name__)

# The first wish is told at once; those that follow it within this time are told together.
PAUSE_SECONDS = 0.01


class Waker:
    """Calls `notify` soon after each `wake`, one call at a time; wishes meanwhile share the next one."""

    def __init__(self, notify: Callable[[Collection[str]], Awaitable[None]]) -> None:
        self._notify = notify
        self._wished = asyncio.Event()
        self._works: set[str] = set()

    def wake(self, work: str = "", *, after: timedelta = timedelta(0)) -> None:
        """Wish that the relay looks, at one kind of its work (`db.relay`) or at all, now or `after` a while;
        call it after the commit.
        """
        if after:
            asyncio.get_running_loop().call_later(after.total_seconds(), self.wake, work)
            return
        self._works.add(work)
        self._wished.set()

    async def run(self) -> None:
        """Fulfil wishes until cancelled."""
        while True:
            await self._wished.wait()
            self._wished.clear()
            works, self._works = self._works, set()
            try:
                await self._notify(works)
            except Exception as error:  # noqa: BLE001 - the relay's own look makes up for it
                log.warning("the relay was not woken", error=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)
