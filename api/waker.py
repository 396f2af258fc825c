"""Wakes the relay after a commit: many wishes at once become one NOTIFY, and nobody waits for it.

A NOTIFY inside the transaction would make all commits queue for one lock. Lost, it costs a second: the relay
looks by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


class Waker:
    """Calls `notify` soon after each `wake`, one call at a time; wishes meanwhile share the next one."""

    def __init__(self, notify: Callable[[], Awaitable[None]]) -> None:
        self._notify = notify
        self._wished = asyncio.Event()

    def wake(self) -> None:
        """Wish that the relay looks; call it after the commit."""
        self._wished.set()

    async def run(self) -> None:
        """Fulfil wishes until cancelled."""
        while True:
            await self._wished.wait()
            self._wished.clear()
            try:
                await self._notify()
            except Exception as error:  # noqa: BLE001 - the relay's own look makes up for it
                log.warning("the relay was not woken", error=type(error).__name__)
