"""Faults that are no single crash: all processes at once, a process that wakes up too late, a hold that ends
while it is paid, and bad links.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from functools import partial

import pytest

from domain.catalog import SalesTerms
from tests.crash.campaign import Campaign, seed_of
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
    site,
)
from tests.crash.story import Ended, play, press_pay, stranger
from tests.support.stack import ENDS
from tests.support.wait import PATIENCE_SECONDS

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("crash")]

Note = Callable[[str, object], None]

TIMES, BUYERS = 10, 6
STORIES_AT_ONCE = ("paid", "paid_at_second", "cancelled", "torn")
ZOMBIES = [BY_NAME[name] for name in ("S2", "S6", "S7", "C1", "C2", "C3", "C5")]
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
STORMS: dict[str, dict[str, object]] = {
    "slow": {"delay_seconds": (0.1, 0.3)},
    "reset": {"resets": 0.05},
    "deaf": {"silences": frozenset({ASKED})},
    "mute": {"silences": frozenset({ANSWERED})},
    "parted": {"silences": frozenset({ASKED, ANSWERED})},
}


@pytest.fixture(scope="module")
async def own(campaign: Campaign, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """Run one product for all of these, beside those of the crash points, which take longer."""
    async with site(seed_of(request.config)) as running:
        yield running


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give what is left to chance, by the run's seed."""
    return random.Random(seed_of(request.config))  # noqa: S311 - to be repeated, not to be secret


async def test_all_processes_die_at_once_and_again(
    own: Site, chance: random.Random, record_property: Note
) -> None:
    """F5: under load, ten times, started again in any order."""
    over = asyncio.Event()
    own.buyer.wishes.clear()
    shops = dict.fromkeys(STORIES_AT_ONCE, await own.stack.shop(capacity=10_000))
    buyers = [asyncio.create_task(buy_until(over, own, shops, chance)) for _ in range(BUYERS)]
    for _ in range(TIMES):
        await own.keeper.well()
        await asyncio.sleep(chance.uniform(0, 1))  # somewhere in the midst of what the buyers do
        await own.keeper.kill_all(chance.sample(TARGETS, len(TARGETS)))
    over.set()
    bookings = ended(await asyncio.gather(*buyers))

    found = await own.verdict(bookings)

    record_property("fault", "F5: all four at once, under load, restart in any order")
    record_property("told", f"{TIMES} times, {len(bookings)} bookings, {len(found)} violations")
    assert found == []


@pytest.mark.parametrize("step", ZOMBIES, ids=lambda step: step.name)
async def test_a_worker_that_wakes_up_too_late_changes_nothing(
    own: Site, step: Step, record_property: Note
) -> None:
    """F7: stopped with the answer on its way to it, its work done elsewhere, then it goes on."""
    assert step.effect
    await own.keeper.well()
    own.buyer.wishes.clear()
    cut = Cut(step.effect, Moment.DONE, partial(own.keeper.signal, WORKER, signal.SIGSTOP), severs=False)
    with own.cuts.order(cut):
        story = asyncio.create_task(play(step.story, own.stack))
        await asyncio.wait_for(cut.struck.wait(), PATIENCE_SECONDS)
        async with own.keeper.keeping(own.worker_beside()):
            bookings = await story
            for booking, ends in bookings:
                await own.stack.wait_for(booking, *ends)
            own.keeper.signal(WORKER, signal.SIGCONT)
            found = await own.verdict(bookings)

    record_property("fault", f"F7: {RELIEF} while the worker sleeps, then both, at {step.name}b")
    record_property("told", f"{len(found)} violations")
    assert found == []


async def test_a_hold_may_end_while_it_is_paid(
    own: Site, chance: random.Random, record_property: Note
) -> None:
    """F24: buyers who press the button around the very end of their holds."""
    await own.keeper.well()
    own.buyer.wishes.clear()
    at_once = asyncio.Semaphore(AT_ONCE)
    moments = [chance.uniform(-0.6, 0.6) for _ in range(HOLDS)]
    bookings = ended(await asyncio.gather(*(_paid_at_the_end(own, at_once, moment) for moment in moments)))

    found = await own.verdict(bookings)

    states = [(await own.stack.read(booking))["status"] for booking, _ in bookings]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted({*states}))
    record_property("fault", "F24: the hold ends while it is paid")
    record_property("told", f"{len(bookings)} holds: {counts}; {len(found)} violations")
    assert found == []


async def _paid_at_the_end(own: Site, at_once: asyncio.Semaphore, moment: float) -> Ended:
    async with at_once:
        shop = await own.stack.shop(terms=SalesTerms(hold_seconds=HOLD_SECONDS))
        booking = await own.stack.book(shop, contact=stranger())
        answer = await own.stack.ask_to_pay(booking)
        if answer.status_code == 201:
            end = datetime.fromisoformat(booking.answer["expires_at"]) + timedelta(seconds=moment)
            await asyncio.sleep((end - datetime.now(end.tzinfo)).total_seconds())
            await press_pay(own.stack, answer.json())
        await own.stack.wait_for(booking, *ENDS)
    return [(booking, ("confirmed", "expired", "refunded"))]


@pytest.mark.parametrize("kind", STORMS)
@pytest.mark.parametrize("link", LINKS)
async def test_a_link_may_be_bad(
    own: Site, chance: random.Random, link: str, kind: str, record_property: Note
) -> None:
    """F36: each link slow, resetting, or silent one way or both, for a while."""
    await own.keeper.well()
    own.buyer.wishes.clear()
    weather = Weather(chance, **STORMS[kind])  # type: ignore[arg-type]
    with own.links.all[link].under(weather):
        plays = [asyncio.create_task(play(story, own.stack)) for story in ("captured", "cancelled", "torn")]
        await asyncio.wait(plays, timeout=STORM_SECONDS)
    bookings = ended([await each for each in plays])

    found = await own.verdict(bookings)

    record_property("fault", f"F36: {link} {kind}")
    record_property("told", f"{len(bookings)} bookings, {len(found)} violations")
    assert found == []
