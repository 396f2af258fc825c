"""Faults that are no single crash: all processes at once, a process that wakes up too late, a hold that ends
while it is paid, and bad links.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from domain.catalog import SalesTerms
from tests.crash.buyer import PATIENCE_SECONDS
from tests.crash.campaign import Found
from tests.crash.crowd import buy_until, ended
from tests.crash.point import BY_NAME, TARGETS, Step
from tests.crash.proxy import ANSWERED, ASKED, Cut, Moment, Weather
from tests.crash.site import (
    API_POSTGRES,
    API_TEMPORAL,
    BUYER_API,
    PROVIDER_API,
    RELIEF,
    WORKER,
    WORKER_POSTGRES,
    WORKER_SANDBOX,
    WORKER_TEMPORAL,
    Site,
)
from tests.crash.story import Ended, play, press_pay, reached, stranger
from tests.support.stack import ENDS

TIMES, BUYERS = 10, 6
STORIES_AT_ONCE = ("paid", "paid_at_second", "cancelled", "torn")
STEPS_SLEPT_AT = ("S2", "S6", "S7", "C1", "C2", "C3", "C5")
HOLDS, AT_ONCE, HOLD_SECONDS = 200, 25, 10
LINKS = (
    BUYER_API,
    PROVIDER_API,
    API_POSTGRES,
    API_TEMPORAL,
    WORKER_POSTGRES,
    WORKER_TEMPORAL,
    WORKER_SANDBOX,
)
STORM_SECONDS = 3.0
STORMS: dict[str, dict[str, Any]] = {
    "slow": {"delay_seconds": (0.1, 0.3)},
    "reset": {"resets": 0.05},
    "deaf": {"silences": frozenset({ASKED})},
    "mute": {"silences": frozenset({ANSWERED})},
    "parted": {"silences": frozenset({ASKED, ANSWERED})},
}

Chance = random.Random


@dataclass(frozen=True)
class Fault:
    """What goes wrong: its name among all trials, what is said of it, and how it comes about."""

    name: str
    says: str
    happens: Callable[[Site, Chance], Awaitable[Found]]


async def suffer(own: Site, *, fault: Fault, seed: int) -> Found:
    """Let a fault happen on a site that is well; tells what is wrong when all is at rest."""
    await own.keeper.well()
    own.buyer.wishes.clear()
    return await fault.happens(own, Chance(f"{seed} {fault.name}"))


def deaths() -> Iterator[Fault]:
    """Give F5."""
    yield Fault("all-die", "F5: all four at once, under load, restart in any order", _all_die)


def sleeps() -> Iterator[Fault]:
    """Give F7, at each of some steps."""
    for name in STEPS_SLEPT_AT:
        says = f"F7: {RELIEF} while the worker sleeps, then both, at {name}b"
        yield Fault(f"sleeps-{name}", says, partial(_sleeps, BY_NAME[name]))


def last_moments() -> Iterator[Fault]:
    """Give F24."""
    yield Fault("hold-ends", "F24: the hold ends while it is paid", _holds_end)


def storms() -> Iterator[Fault]:
    """Give F36: each link slow, resetting, or silent one way or both."""
    for link, kind in product(LINKS, STORMS):
        yield Fault(f"{link}-{kind}", f"F36: {link} {kind}", partial(_storm, link, kind))


async def _all_die(own: Site, chance: Chance) -> Found:
    """Kill all under load, so many times, and start them again in any order."""
    over = asyncio.Event()
    shops = dict.fromkeys(STORIES_AT_ONCE, await own.stack.shop(capacity=10_000))
    async with asyncio.TaskGroup() as group:
        buyers = [group.create_task(buy_until(over, own, shops, chance)) for _ in range(BUYERS)]
        for _ in range(TIMES):
            await own.keeper.well()
            await asyncio.sleep(chance.uniform(0, 1))  # somewhere in the midst of what the buyers do
            await own.keeper.kill_all(chance.sample(TARGETS, len(TARGETS)))
        over.set()
    return await _judged(own, ended([buyer.result() for buyer in buyers]))


async def _sleeps(step: Step, own: Site, _: Chance) -> Found:
    """Stop a worker with the answer on its way to it, have its work done elsewhere, then let it go on."""
    assert step.effect
    cut = Cut(step.effect, Moment.DONE, partial(own.keeper.signal, WORKER, signal.SIGSTOP), severs=False)
    with own.cuts.order(cut):
        story = asyncio.create_task(play(step.story, own.stack))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await cut.struck.wait()
        async with own.keeper.keeping(own.worker_beside()):
            bookings = await story
            for booking, ends in bookings:
                await reached(own.stack, booking, *ends)
            own.keeper.signal(WORKER, signal.SIGCONT)
            return await _judged(own, bookings)


async def _holds_end(own: Site, chance: Chance) -> Found:
    """Have many buyers press the button around the very end of their holds; tells how they ended."""
    at_once = asyncio.Semaphore(AT_ONCE)
    moments = [chance.uniform(-0.6, 0.6) for _ in range(HOLDS)]
    async with asyncio.TaskGroup() as group:
        buyers = [group.create_task(_pay_at_the_end(own, at_once, moment)) for moment in moments]
    bookings = ended([buyer.result() for buyer in buyers])
    violations = await own.verdict(bookings)
    states = [(await own.stack.read(booking))["status"] for booking, _ in bookings]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted({*states}))
    return Found(len(bookings), violations, counts)


async def _pay_at_the_end(own: Site, at_once: asyncio.Semaphore, moment: float) -> Ended:
    async with at_once:
        shop = await own.stack.shop(terms=SalesTerms(hold_seconds=HOLD_SECONDS))
        booking = await own.stack.book(shop, contact=stranger())
        answer = await own.stack.ask_to_pay(booking)
        if answer.status_code == 201:
            end = datetime.fromisoformat(booking.answer["expires_at"]) + timedelta(seconds=moment)
            await asyncio.sleep((end - datetime.now(end.tzinfo)).total_seconds())
            await press_pay(own.stack, answer.json())
        await reached(own.stack, booking, *ENDS)
    return [(booking, ("confirmed", "expired", "refunded"))]


async def _storm(link: str, kind: str, own: Site, chance: Chance) -> Found:
    """Let some stories begin on a bad link, and end when it is good again."""
    async with asyncio.TaskGroup() as group:
        with own.links.all[link].under(Weather(chance, **STORMS[kind])):
            plays = [group.create_task(play(story, own.stack)) for story in ("captured", "cancelled", "torn")]
            await asyncio.wait(plays, timeout=STORM_SECONDS)
    return await _judged(own, ended([each.result() for each in plays]))


async def _judged(own: Site, bookings: Ended) -> Found:
    return Found(len(bookings), await own.verdict(bookings))
