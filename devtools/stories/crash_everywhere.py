"""Each process is killed in its turn, in the middle of three bookings: all of them end rightly.

Where `crash` kills at random moments, this one kills at chosen ones: a booking is held, the buyer of another
looks at the payment page, and the money of a third is on its way.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from devtools.stories.crash import kill, pay_once, supervised, well
from devtools.stories.judge import Judge, seated
from devtools.stories.shop import Place, Shop, opened
from devtools.stories.tale import Tale

VICTIMS = ("api", "worker", "temporal", "postgres", "sandbox")


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    supervised()
    place, free = await judge.roomy(shop, 3 * len(VICTIMS))
    async with opened(shop.settings, patient=True) as patient:
        bookings = [
            booking for name in VICTIMS for booking in await _in_the_middle(tale, patient, place, name)
        ]
        await well(lambda _entry: True)

    async with seated(shop.settings, shop.catalogue["tenant_id"]) as rested:
        tale.tell("all is at rest", "what SQL and the sandbox say of each booking:")
        for number, booking in enumerate(bookings):
            total = booking["total"]["minor"]
            if number % 3:
                await rested.ended(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
            else:
                await rested.ended(tale, booking, status="cancelled", held=0, tickets=0, kept=0)
        sold = 2 * len(VICTIMS)
        left = await rested.free(place.slot["slot_id"])
        tale.check(f"{sold} places are gone, no more and no fewer", found=left, wanted=free - sold)
    tale.tell("the runs in the Temporal Web UI", shop.settings["TEMPORAL_UI_URL"])
    return f"{len(bookings)} bookings ended rightly though each process was killed in the middle of three"


async def _in_the_middle(tale: Tale, shop: Shop, place: Place, victim: str) -> list[dict[str, Any]]:
    """Kill a process while one booking is held, one at the payment page and one being paid; then go on."""
    held, looked_at, paid = [await shop.book(place) for _ in range(3)]
    page, other_page = await shop.wish_to_pay(looked_at), await shop.wish_to_pay(paid)
    paying = asyncio.create_task(pay_once(shop, other_page))
    told = ", ".join(
        (f"{held['reference']} held", f"{looked_at['reference']} at the page", f"{paid['reference']} paying")
    )
    await kill(tale, told, victim)
    tale.tell("two pay, and one gives up", f"{held['reference']} is cancelled by its buyer")
    await asyncio.gather(paying, _give_up(shop, held), pay_once(shop, page))
    for booking in (looked_at, paid):
        await shop.until(booking, "confirmed")
    return [held, looked_at, paid]


async def _give_up(shop: Shop, booking: Mapping[str, Any]) -> None:
    await shop.cancel(booking)
    await shop.until(booking, "cancelled")
