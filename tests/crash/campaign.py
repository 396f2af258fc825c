"""Many crash points on a few sites side by side: each site takes the next point that nobody has taken."""

import asyncio
import time
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.crash.point import Blow, Point
from tests.crash.proxy import Cut
from tests.crash.site import Site, site
from tests.crash.story import play
from tests.support.wait import eventually

SITES = 3
SEED = 7


def seed_of(config: pytest.Config) -> int:
    """Give the seed of what is left to chance."""
    seed: int | None = config.getoption("--seed")
    return SEED if seed is None else seed


@dataclass(frozen=True)
class Verdict:
    """What became of one point: how long it took until all was at rest, and what was wrong then."""

    seconds: float
    violations: list[str]


class Campaign:
    """The points to take, and the verdicts so far; a point is taken as soon as a site is free."""

    def __init__(self, points: Iterable[Point], seed: int) -> None:
        self.seed = seed
        self.waiting = deque(points)
        self.verdicts: dict[str, asyncio.Future[Verdict]] = {each.name: Future() for each in self.waiting}
        self.work: asyncio.Future[list[None]] = Future()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Campaign"]:
        """Take the points meanwhile."""
        self.work = asyncio.gather(*(self._take_on_a_site() for _ in range(min(SITES, len(self.waiting)))))
        try:
            yield self
        finally:
            self.waiting.clear()
            await asyncio.wait([self.work])

    async def verdict(self, point: Point) -> Verdict:
        """Wait for the verdict over a point; raises why there are no sites to take it on."""
        verdict = self.verdicts[point.name]
        either: list[Future[Any]] = [verdict, self.work]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not verdict.done():
            self.work.result()
        return verdict.result()

    async def _take_on_a_site(self) -> None:
        """Take points that wait; a site on which one went wrong is not used again."""
        while self.waiting:
            async with site(self.seed) as own:
                known: set[str] = set()
                good = True
                while good and self.waiting:
                    good = await self._take(own, self.waiting.popleft(), known)

    async def _take(self, own: Site, point: Point, known: set[str]) -> bool:
        """Take one point; says whether the site is good for another."""
        began, good = time.monotonic(), True
        try:
            found = await crash(own, point)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is what became of this point
            found, good = [f"{type(error).__name__}: {error}"], False
        fresh = [each for each in found if each not in known]
        known.update(found)
        self.verdicts[point.name].set_result(Verdict(time.monotonic() - began, fresh))
        return good


async def crash(own: Site, point: Point) -> list[str]:
    """Play the story of a point on a site that is well, let the blows fall, and list what is wrong
    when all is at rest.
    """
    await own.keeper.well()
    own.buyer.wishes.clear()
    cuts = [_cut(own, blow, point.target) for blow in point.blows]
    with own.cuts.order(*cuts):
        bookings = await play(point.story, own.stack)
        for blow, cut in zip(point.blows, cuts, strict=True):
            await eventually(partial(_has_fallen, cut), what=f"the blow at {blow.name}")
    return await own.verdict(bookings)


def _cut(own: Site, blow: Blow, target: str) -> Cut:
    assert blow.seen is not None, blow.step.void
    return Cut(blow.seen, blow.moment, partial(own.keeper.kill, target))


async def _has_fallen(cut: Cut) -> bool:
    return cut.struck.is_set()
