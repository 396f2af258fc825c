"""The events of bookings as they come, for everybody who follows one.

PostgreSQL tells which bookings there is news of (`db.session.tell`); one look per tenant reads it for all who
follow them. What is not told, because a connection was lost, is seen by a look at all that is followed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

import structlog
from pydantic import JsonValue

from domain.event import Event
from domain.ids import TenantId
from domain.refusal import QuotaExceeded

log = structlog.get_logger(__name__)

# Looked at without being told: what was told may be lost.
EVERY_SECONDS = 1.0
# How many may follow one subject at a time: more than a buyer has windows, less than wears a server out.
MOST_OF_ONE, COME_BACK_SECONDS = 20, 30

# Gives the events of each subject behind its `n`, in order.
Read: TypeAlias = Callable[[TenantId, Mapping[UUID, int]], Awaitable[Sequence[Event]]]


@dataclass(eq=False)
class Follower:
    """One open stream: what it has been told of its subject (`after` is the last `n`), and what waits for it.

    `since` is how much the feed had heard before its subject was read for it. Nothing in `news` means that
    the feed is closing.
    """

    tenant_id: TenantId
    subject: UUID
    after: int
    since: int | None = None
    news: "asyncio.Queue[list[Event] | None]" = field(default_factory=asyncio.Queue)

    def tell(self, events: Sequence[Event]) -> None:
        """Hand over those of `events` that are news."""
        news = [event for event in events if event.subject == self.subject and event.n > self.after]
        if news:
            self.after = news[-1].n
            self.news.put_nowait(news)


class Feed:
    """Reads news when it is told of any, and every so many seconds while anybody follows."""

    def __init__(self, read: Read, *, every_seconds: float = EVERY_SECONDS) -> None:
        self.read, self.every_seconds = read, every_seconds
        self.heard = 0  # how often there was news, of whatever subject
        self._followers: set[Follower] = set()
        self._of: Counter[UUID] = Counter()
        self._due: set[UUID] = set()  # subjects to be looked at
        self._followed, self._woken = asyncio.Event(), asyncio.Event()
        self._closing = False

    def refuse_crowd(self, subject: UUID) -> None:
        """Refuse QuotaExceeded where as many follow a subject as may."""
        if self._of[subject] >= MOST_OF_ONE:
            facts: dict[str, JsonValue] = {"violated-policies": ["streams"], "retry_after": COME_BACK_SECONDS}
            raise QuotaExceeded("This booking is followed by as many as may.", **facts)

    @asynccontextmanager
    async def follow(self, follower: Follower) -> AsyncIterator[None]:
        """Keep a follower told meanwhile, and of what came since its subject was read for it."""
        if self._closing:
            follower.news.put_nowait(None)
        self._followers.add(follower)
        self._of[follower.subject] += 1
        self._followed.set()
        if follower.since != self.heard:
            self._wake((follower.subject,))
        try:
            yield
        finally:
            self._followers.discard(follower)
            self._of -= Counter((follower.subject,))

    def hear(self, told: str) -> None:
        """Take what a NOTIFY says: the subjects of which there is news, in hexadecimal digits, or nothing
        where news may have been missed.
        """
        self.heard += 1
        self._wake({UUID(each) for each in told.split()} & self._of.keys() if told else self._of)

    def close(self) -> None:
        """End all streams: a server cannot stop while one is open."""
        self._closing = True
        for follower in self._followers:
            follower.news.put_nowait(None)

    async def run(self) -> None:
        """Look for news until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_at_all())
            tasks.create_task(self._look_at_what_is_due())

    async def _look_at_all(self) -> None:
        while True:
            await self._followed.wait()
            await asyncio.sleep(self.every_seconds)
            self._wake(self._of)
            if not self._followers:
                self._followed.clear()

    async def _look_at_what_is_due(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            due, self._due = self._due, set()
            waiting: dict[TenantId, list[Follower]] = {}
            for follower in self._followers:
                if follower.subject in due:
                    waiting.setdefault(follower.tenant_id, []).append(follower)
            for tenant_id, followers in waiting.items():
                await self._look(tenant_id, followers)

    def _wake(self, subjects: Iterable[UUID]) -> None:
        self._due.update(subjects)
        if self._due:
            self._woken.set()

    async def _look(self, tenant_id: TenantId, followers: Sequence[Follower]) -> None:
        behind: dict[UUID, int] = {}
        for follower in followers:
            behind[follower.subject] = min(follower.after, behind.get(follower.subject, follower.after))
        try:
            events = await self.read(tenant_id, behind)
        except Exception as error:  # noqa: BLE001 - streams outlive an outage; the next look tells all
            log.warning("the feed could not be read", error=type(error).__name__)
            return
        for follower in followers:
            follower.tell(events)
