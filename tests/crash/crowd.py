"""Fifty buyers at once, each at another step, while one process dies again and again: at every step in turn,
when it is done and not reported.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.crash.campaign import Found, cut_of, fallen
from tests.crash.point import STEPS, TARGETS, Blow
from tests.crash.proxy import Moment
from tests.crash.site import Site
from tests.crash.story import STORIES, TERMS, Ended, stranger
from tests.support.shop import Shop

BUYERS = 50
# What may be played side by side in one account at the provider.
TOLD = ("paid", "captured", "paid_at_second", "cancelled", "given_back", "torn")

Shops = Mapping[str, Shop]

# Several crowds at once would be one of hundreds, for which the cores do not suffice.
_one_at_a_time = asyncio.Lock()


@dataclass(frozen=True)
class Crowd:
    """The process that dies while so many book."""

    target: str

    @property
    def name(self) -> str:
        """Such as `crowd-worker`."""
        return f"crowd-{self.target}"

    @property
    def blows(self) -> list[Blow]:
        """Every step there is, cut when it is done and not reported."""
        return [Blow(step, Moment.DONE) for step in STEPS if not step.void]


def crowds() -> list[Crowd]:
    """Give one for each process."""
    return [Crowd(target) for target in TARGETS]


async def rush(own: Site, *, crowd: Crowd, seed: int) -> Found:
    """Let all book, pay and cancel without a pause while blow after blow falls, in any order; tells what is
    wrong when all is at rest.
    """
    async with _one_at_a_time:
        began = time.monotonic()
        bookings = await _all_served(own, crowd, seed)
        violations = await own.verdict(bookings)
        return Found(len(bookings), violations, f"{time.monotonic() - began:.0f} s")


async def _all_served(own: Site, crowd: Crowd, seed: int) -> Ended:
    chance = random.Random(f"{seed} {crowd.name}")  # noqa: S311 - to be repeated, not to be secret
    over = asyncio.Event()
    own.buyer.wishes.clear()
    shops = {story: await own.stack.shop(terms=TERMS.get(story), capacity=10_000) for story in TOLD}
    async with asyncio.TaskGroup() as group:  # a buyer who is not served ends it all
        buyers = [group.create_task(buy_until(over, own, shops, chance)) for _ in range(BUYERS)]
        for blow in chance.sample(crowd.blows, len(crowd.blows)):
            await own.keeper.runs(crowd.target)
            cut = cut_of(own, blow, crowd.target)
            with own.cuts.order(cut):
                await fallen(cut, blow)
        over.set()
    return ended([buyer.result() for buyer in buyers])


async def buy_until(over: asyncio.Event, own: Site, shops: Shops, chance: random.Random) -> Ended:
    """Play one story after the other, each in its shop, until it is over."""
    bookings: Ended = []
    while not over.is_set():
        story = chance.choice([*shops])
        bookings += await STORIES[story](own.stack, shops[story], stranger())
    return bookings


def ended(stories: Sequence[Ended]) -> Ended:
    """Put the bookings of several stories together."""
    return [booking for story in stories for booking in story]
