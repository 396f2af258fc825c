"""How the relay's work is kept at: when it is woken, at its own intervals, more slowly in an outage."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from db.session import OUTAGES

log = structlog.get_logger(__name__)

# After an outage.
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 5.0
CHANNEL = "holdfast_relay"
# What one round takes on at most.
BATCH = 100

Round = Callable[[], Awaitable[int]]


class Bell:
    """Rung when something has become due."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    @property
    def next_ring(self) -> asyncio.Event:
        """What the next ring sets. Take it before looking for work: a ring meanwhile is not slept over."""
        return self._next

    def ring(self) -> None:
        """Wake who waits."""
        self._next.set()
        self._next = asyncio.Event()


class Bells:
    """A bell for each kind of work; a ring that names none of them is for all."""

    def __init__(self) -> None:
        self._of: dict[str, Bell] = {}

    def of(self, work: str) -> Bell:
        """Give the bell of one kind of work."""
        return self._of.setdefault(work, Bell())

    def ring(self, work: str = "") -> None:
        """Wake who waits for this kind of work."""
        for bell in [self._of[work]] if work in self._of else self._of.values():
            bell.ring()


async def keep_at(name: str, work: Round, bell: Bell, every: float | None = None) -> None:
    """Do rounds of work for ever: at once while there is a full batch, else when the bell rings or, if that
    is told, so many seconds have passed; after an outage with longer and longer pauses.
    """
    pause = SHORTEST_PAUSE_SECONDS
    while True:
        ring = bell.next_ring
        try:
            done = await work()
        except Exception as error:
            if isinstance(error, OUTAGES):
                log.warning("the relay waits", kind=name, error=type(error).__name__)
            else:
                log.exception("the relay stumbles", kind=name)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            continue
        pause = SHORTEST_PAUSE_SECONDS
        if done < BATCH:
            with suppress(TimeoutError):
                await asyncio.wait_for(ring.wait(), every)
