"""Ten bookings while every process is killed at random moments: each ends as its buyer meant it to.

The buyers send again what was not answered, under the same key, as any client should. The supervisor of
`./dev up` starts the killed processes again.
"""

import asyncio
import os
import random
import signal
from collections.abc import Mapping
from typing import Any

from devtools import record
from devtools.health import healthy
from devtools.stories.judge import Judge, seated
from devtools.stories.shop import Refused, Shop, opened
from devtools.stories.tale import Tale, wrong

BOOKINGS = 10
GIVES_UP = (3, 7)  # these cancel; the others pay
PATIENCE_SECONDS = 60
POLL_SECONDS = 0.1


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    if record.read().supervisor() is None:
        wrong("this story needs the supervisor of `./dev up`, which starts again what it kills")
    seed = random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)  # noqa: S311 the same seed kills at the same moments
    tale.tell("ten buyers, and a killer", f"seed {seed}")
    place, free = await judge.roomy(shop, BOOKINGS)

    async with opened(shop.settings, patient=True) as patient:
        delays = [chance.uniform(0, 8) for _ in range(BOOKINGS)]
        buyers = [asyncio.create_task(_buy(patient, place, n, delays[n])) for n in range(BOOKINGS)]
        killed = await _kill_everything(tale, chance)
        bookings = await asyncio.gather(*buyers)
        tale.tell("all buyers have their answer", f"{killed} processes were killed")
        await _all_well()
    async with seated(shop.settings, shop.catalogue["tenant_id"]) as rested:
        await _verify(tale, rested, bookings)
        sold = BOOKINGS - len(GIVES_UP)
        left = await rested.free(place.slot["slot_id"])
        tale.check(f"{sold} places are gone, no more and no fewer", found=left, wanted=free - sold)
    return f"{BOOKINGS} bookings ended rightly though {killed} processes were killed"


async def _buy(shop: Shop, place: Any, number: int, delay: float) -> dict[str, Any]:
    """Buy a place, or give up after the payment page was opened; answers the booking as it ended."""
    await asyncio.sleep(delay)
    booking = await shop.book(place)
    payment = await shop.wish_to_pay(booking)
    if number in GIVES_UP:
        await shop.cancel(booking)
        await shop.until(booking, "cancelled")
    else:
        await _pay_once(shop, payment)
        await shop.until(booking, "confirmed")
    return booking


async def _pay_once(shop: Shop, payment: Mapping[str, Any]) -> None:
    """Press the page's button until it answers; a page that is closed by then took the money before."""
    try:
        await shop.pay(payment)
    except Refused as refused:
        if refused.status != 409:
            raise


async def _kill_everything(tale: Tale, chance: random.Random) -> int:
    """Kill every process twice, in random order, at random moments; answers how many were killed."""
    names = [entry.name for entry in _processes()] * 2
    chance.shuffle(names)
    for name in names:
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        entry = next(entry for entry in _processes() if entry.name == name)
        if entry.lives():
            os.kill(entry.pid, signal.SIGKILL)
            tale.tell("kill -9", f"{name} ({entry.pid})")
        await _all_well(name)
    return len(names)


def _processes() -> list[record.Entry]:
    return [entry for entry in record.read().entries if entry.pid and entry.name != record.SUPERVISOR]


async def _all_well(*names: str) -> None:
    """Return once these processes (all, without names) serve again; Wrong when they do not."""
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        wanted = [entry for entry in _processes() if not names or entry.name in names]
        if all([await asyncio.to_thread(healthy, entry) for entry in wanted]):
            return
        await asyncio.sleep(POLL_SECONDS)
    wrong(f"{', '.join(names) or 'something'} did not come back: see `./dev status` and `./dev logs`")


async def _verify(tale: Tale, judge: Judge, bookings: list[dict[str, Any]]) -> None:
    for number, booking in enumerate(bookings):
        tale.tell(f"booking {number + 1}", booking["reference"])
        if number in GIVES_UP:
            await judge.settled(tale, booking, status="cancelled", held=0, tickets=0, kept=0)
        else:
            total = booking["total"]["minor"]
            await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
