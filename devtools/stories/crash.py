"""Ten bookings while every process is killed at random moments: each ends as its buyer meant it to.

The buyers send again what was not answered, under the same key, as any client should. The supervisor of
`./dev up` starts the killed processes again.
"""

import asyncio
import os
import random
import signal
from collections.abc import Callable, Mapping
from typing import Any

from devtools import record
from devtools.health import healthy
from devtools.stories.judge import Judge, seated
from devtools.stories.shop import Place, Refused, Shop, opened
from devtools.stories.tale import Tale, wrong

BOOKINGS = 10
TWICE = 2  # each of the five processes
LONGEST_LIFE_SECONDS = 0.8  # about as long as a booking takes when nobody disturbs it
GIVES_UP = (3, 7)  # these cancel; the others pay
PATIENCE_SECONDS = 60
POLL_SECONDS = 0.1


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    supervised()
    seed = random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)  # noqa: S311 the same seed kills at the same moments
    tale.tell("ten buyers, and a killer", f"seed {seed}")
    place, free = await judge.roomy(shop, BOOKINGS)

    async with opened(shop.settings, patient=True) as patient:
        victims = [entry.name for entry in _processes()] * TWICE
        chance.shuffle(victims)
        buyers = []
        for number in range(BOOKINGS):
            buyers.append(asyncio.create_task(_buy(patient, place, number)))
            await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))
            await kill(tale, f"in the middle of booking {number + 1}", victims[number % len(victims)])
        bookings = await asyncio.gather(*buyers)
        tale.tell("all buyers have their answer", f"{BOOKINGS - len(GIVES_UP)} paid, {len(GIVES_UP)} gave up")
        await well(lambda _entry: True)
    async with seated(shop.settings, shop.catalogue["tenant_id"]) as rested:
        await _verify(tale, rested, bookings)
        sold = BOOKINGS - len(GIVES_UP)
        left = await rested.free(place.slot["slot_id"])
        tale.check(f"{sold} places are gone, no more and no fewer", found=left, wanted=free - sold)
    return f"{BOOKINGS} bookings ended rightly though every process was killed in the middle of them"


def supervised() -> None:
    """Wrong unless somebody starts again what a story kills."""
    if record.read().supervisor() is None:
        wrong("this story needs the supervisor of `./dev up`, which starts again what it kills")


async def _buy(shop: Shop, place: Place, number: int) -> dict[str, Any]:
    """Buy a place, or give up after the payment page was opened; answers the booking."""
    booking = await shop.book(place)
    payment = await shop.wish_to_pay(booking)
    if number in GIVES_UP:
        await shop.cancel(booking)
        await shop.until(booking, "cancelled")
    else:
        await pay_once(shop, payment)
        await shop.until(booking, "confirmed")
    return booking


async def pay_once(shop: Shop, payment: Mapping[str, Any]) -> None:
    """Press the page's button until it answers; a page that is closed by then took the money before."""
    try:
        await shop.pay(payment)
    except Refused as refused:
        if refused.status != 409:
            raise


async def kill(tale: Tale, when: str, name: str) -> None:
    """Kill a process while bookings are on their way, and wait until it serves again."""
    victim = next(entry for entry in _processes() if entry.name == name)
    os.kill(victim.pid, signal.SIGKILL)
    tale.tell(f"kill -9 {name} ({victim.pid})", when)
    await well(lambda entry: entry.name == name, victim.pid)


def _processes() -> list[record.Entry]:
    return [entry for entry in record.read().entries if entry.pid and entry.name != record.SUPERVISOR]


async def well(meant: Callable[[record.Entry], bool], killed: int = 0) -> None:
    """Return once the processes that are meant serve (under another pid than the killed one), else Wrong."""
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        entries = [entry for entry in _processes() if meant(entry)]
        if all([entry.pid != killed and await asyncio.to_thread(healthy, entry) for entry in entries]):
            return
        await asyncio.sleep(POLL_SECONDS)
    wrong("not every process came back: see `./dev status` and `./dev logs`")


async def _verify(tale: Tale, judge: Judge, bookings: list[dict[str, Any]]) -> None:
    tale.tell("all is at rest", "what SQL and the sandbox say of each booking:")
    for number, booking in enumerate(bookings):
        if number in GIVES_UP:
            await judge.ended(tale, booking, status="cancelled", held=0, tickets=0, kept=0)
        else:
            total = booking["total"]["minor"]
            await judge.ended(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
