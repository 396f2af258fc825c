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
from uuid import uuid4

from tests.crash import judge
from tests.crash.point import Blow, Point
from tests.crash.proxy import Cut
from tests.crash.site import Site, site
from tests.crash.story import STORIES
from tests.support.wait import eventually

SITES = 3


@dataclass(frozen=True)
class Verdict:
    """What became of one point: how long it took until all was at rest, and what was wrong then."""

    seconds: float
    violations: list[str]


class Campaign:
    """The points to take, and the verdicts so far; a point is taken as soon as a site is free."""

    def __init__(self, points: Iterable[Point]) -> None:
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
            self.work.cancel()
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
            async with site() as own:
                known: set[str] = set()
                good = True
                while good and self.waiting:
                    good = await self._take(own, self.waiting.popleft(), known)

    async def _take(self, own: Site, point: Point, known: set[str]) -> bool:
        began = time.monotonic()
        try:
            found = await crash(own, point)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is what became of this point
            found, good = [f"{type(error).__name__}: {error}"], False
        else:
            good = True
        fresh = [each for each in found if each not in known]
        known.update(found)
        self.verdicts[point.name].set_result(Verdict(time.monotonic() - began, fresh))
        return good


async def crash(own: Site, point: Point) -> list[str]:
    """Play the story of a point on a site that is well, let the blows fall, and list what is wrong
    when all is at rest.
    """
    await own.keeper.well()
    canary = f"canary-{uuid4().hex}"
    shop = await own.stack.shop()
    own.buyer.wishes.clear()
    cuts = [_cut(own, blow, point.target) for blow in point.blows]
    play = STORIES[point.blows[-1].step.story]
    contact = {"name": canary, "email": f"{canary}@example.com"}
    with own.cuts.order(*cuts):
        booking, ends = await play(own.stack, shop, contact)
        for blow, cut in zip(point.blows, cuts, strict=True):
            await eventually(partial(_has_fallen, cut), what=f"the blow at {blow.name}")
    await own.keeper.well()
    async with own.judged() as stack:
        restless = await judge.at_rest(stack)
        return restless + await judge.broken(stack, own.buyer, booking, ends=ends, canary=canary)


def _cut(own: Site, blow: Blow, target: str) -> Cut:
    assert blow.seen is not None, blow.step.void
    return Cut(blow.seen, blow.moment, partial(own.keeper.kill, target))


async def _has_fallen(cut: Cut) -> bool:
    return cut.struck.is_set()
