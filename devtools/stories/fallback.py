"""One provider takes nobody for a while: bookings go on over the next, and money goes back whence it came."""

import asyncio
from typing import Any

from devtools.stories.judge import Judge
from devtools.stories.shop import Place, Shop
from devtools.stories.tale import Tale

FIRST, NEXT = "stripe", "adyen"
BUYERS = 3


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.roomy(shop, BUYERS + 2)
    before = await _bought(shop, place)
    tale.tell("a buyer pays as ever", _told(before))

    await shop.break_down("POST /v1/checkout/sessions", "rate_limit", times=BUYERS)
    tale.tell(f"{FIRST} turns everybody away", "it answers 429 to every new checkout")
    meanwhile = await asyncio.gather(*(_bought(shop, place) for _ in range(BUYERS)))
    for each in meanwhile:
        tale.tell("the next buyer", _told(each))
    after = await _bought(shop, place)
    tale.tell(f"{FIRST} is back", _told(after))
    went = [each["payment"]["provider"] for each in (before, *meanwhile, after)]
    tale.check("who took the money", found=went, wanted=[FIRST, *[NEXT] * BUYERS, FIRST])

    total = before["total"]["minor"]
    for booking, taker in ((before, FIRST), (meanwhile[0], NEXT)):
        path = f"/api/v1/payments/{booking['payment']['payment_id']}/refunds"
        tale.tell("the organizer gives back", _told(booking))
        await shop.post(path, {"reason": "The museum stays closed."}, token=shop.staff("organizer"))
        await shop.until(booking, "refunded")
        await judge.ended(tale, booking, status="refunded", held=0, tickets=0, kept=0)
        await judge.refunded(tale, booking, total, by=taker)
    tale.tell("the others keep their tickets")
    for booking in (*meanwhile[1:], after):
        await judge.ended(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    tale.tell("a run that went on elsewhere", shop.run(f"booking:{meanwhile[1]['id']}"))
    return f"{BUYERS} bookings went on over {NEXT}, and what went back was given back by who had taken it"


async def _bought(shop: Shop, place: Place) -> dict[str, Any]:
    """Book one place and pay for it over whoever takes it; answers the booking with its payment."""
    booking = await shop.book(place)
    payment = await shop.wish_to_pay(booking, provider=None)
    await shop.pay(payment)
    await shop.until(booking, "confirmed")
    return {**booking, "payment": payment}


def _told(booking: dict[str, Any]) -> str:
    return f"{booking['reference']}, paid over {booking['payment']['provider']}"
