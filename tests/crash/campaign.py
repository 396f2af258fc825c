"""Many trials on a few sites side by side: each site takes the next one that nobody has taken."""

import asyncio
import time
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, Protocol

import pytest

from tests.crash.buyer import PATIENCE_SECONDS
from tests.crash.point import Blow, Point
from tests.crash.proxy import Cut
from tests.crash.site import Site, site
from tests.crash.story import play

# Most of a trial is waiting, for a start or for a deadline; a site takes half a minute to come up.
TRIALS_PER_SITE, SITES = 7, 8
SEED = 7


def seed_of(config: pytest.Config) -> int:
    """Give the seed of what is left to chance."""
    seed: int | None = config.getoption("--seed")
    return SEED if seed is None else seed


class Named(Protocol):
    """What a trial is about."""

    @property
    def name(self) -> str:
        """How it is told apart from all others."""


@dataclass(frozen=True)
class Found:
    """What a trial has found when all was at rest: how many bookings there were, what was wrong and what
    else there is to tell.
    """

    bookings: int
    violations: list[str]
    told: str = ""


@dataclass(frozen=True)
class Verdict(Found):
    """What became of a trial, and how long it took until all was at rest."""

    seconds: float = field(kw_only=True)


Trial = Callable[[Site], Awaitable[Found]]


class Campaign:
    """The trials to take, and the verdicts so far; one is taken as soon as a site is free."""

    def __init__(self, trials: Mapping[str, Trial], seed: int) -> None:
        self.seed = seed
        self.waiting = deque(trials.items())
        self.verdicts: dict[str, asyncio.Future[Verdict]] = {name: Future() for name in trials}
        self.work: asyncio.Future[list[None]] = Future()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Campaign"]:
        """Take the trials meanwhile."""
        sites = min(SITES, ceil(len(self.waiting) / TRIALS_PER_SITE))
        self.work = asyncio.gather(*(self._take_on_a_site() for _ in range(sites)))
        try:
            yield self
        finally:
            self.waiting.clear()
            await asyncio.wait([self.work])

    async def verdict(self, trial: Named) -> Verdict:
        """Wait for the verdict over a trial; raises why there are no sites to take it on."""
        verdict = self.verdicts[trial.name]
        either: list[Future[Any]] = [verdict, self.work]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not verdict.done():
            self.work.result()
        return verdict.result()

    async def _take_on_a_site(self) -> None:
        """Take trials that wait; a site on which one went wrong is not used again."""
        while self.waiting:
            async with site(self.seed) as own:
                known: set[str] = set()
                good = True
                while good and self.waiting:
                    good = await self._take(own, *self.waiting.popleft(), known)

    async def _take(self, own: Site, name: str, trial: Trial, known: set[str]) -> bool:
        """Take one; says whether the site is good for another."""
        began, good = time.monotonic(), True
        try:
            found = await trial(own)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is what became of this trial
            found, good = Found(0, reasons(error)), False
        fresh = [each for each in found.violations if each not in known]
        known.update(found.violations)
        took = time.monotonic() - began
        self.verdicts[name].set_result(Verdict(found.bookings, fresh, found.told, seconds=took))
        return good


def reasons(error: Exception) -> list[str]:
    """Say what went wrong; of several at once each."""
    if isinstance(error, ExceptionGroup):
        return [reason for each in error.exceptions for reason in reasons(each)]
    return [f"{type(error).__name__}: {error}"]


async def crash(own: Site, point: Point) -> Found:
    """Play the story of a point on a site that is well, let the blows fall, and list what is wrong
    when all is at rest.
    """
    await own.keeper.well()
    own.buyer.wishes.clear()
    cuts = [cut_of(own, blow, point.target) for blow in point.blows]
    with own.cuts.order(*cuts):
        bookings = await play(point.story, own.stack)
        for blow, cut in zip(point.blows, cuts, strict=True):
            await fallen(cut, blow)
    return Found(len(bookings), await own.verdict(bookings))


def cut_of(own: Site, blow: Blow, target: str) -> Cut:
    """Make the cut that kills a process at a blow."""
    assert blow.seen is not None, blow.step.void
    return Cut(blow.seen, blow.moment, partial(own.keeper.kill, target))


async def fallen(cut: Cut, blow: Blow) -> None:
    """Wait until a blow has fallen; AssertionError when it does not."""
    try:
        await asyncio.wait_for(cut.struck.wait(), PATIENCE_SECONDS)
    except TimeoutError:
        raise AssertionError(f"the blow at {blow.name} did not fall") from None
