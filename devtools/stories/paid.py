"""A booking from the request to its tickets: held, paid (at the provider's page, or in cash), confirmed."""

import asyncio
from contextlib import suppress

from devtools.stories.judge import Judge
from devtools.stories.shop import CASH, Shop
from devtools.stories.tale import Tale, shown

PLACES = 2


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.roomy(shop, PLACES)
    tale.tell("a visitor looks at", f"{place.offer['name']}, {place.slot['starts_at']}: {free} places free")

    booking = await shop.book(place, quantity=PLACES)
    tale.tell(
        "POST /api/v1/bookings", f"{booking['reference']} {booking['status']} until {booking['expires_at']}"
    )
    tale.check("the places are held", found=await judge.free(place.slot["slot_id"]), wanted=free - PLACES)
    heard: list[str] = []
    listening = asyncio.create_task(_listen(shop, booking, heard))

    payment = await shop.wish_to_pay(booking)
    if shop.provider == CASH:
        tale.tell("POST …/payments", "the cashier takes the money over the counter, and says so")
    else:
        tale.tell("POST …/payments", f"pay at {payment['payment_url']}")
        tale.tell("the buyer pays at the provider", await shop.pay(payment))

    confirmed = await shop.until(booking, "confirmed")
    how = (
        "confirmed: no provider, no webhook" if shop.provider == CASH else "signed webhook, signal, confirmed"
    )
    tale.tell(how, f"{len(confirmed['tickets'])} tickets")
    for ticket in confirmed["tickets"]:
        tale.tell("ticket", f"{ticket['number']}  {str(ticket.get('token', ''))[:40]}…")

    total = booking["total"]["minor"]
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=PLACES, kept=total)
    mails = await judge.mail(booking["reference"])
    tale.tell("the mailbox holds", mails[0])
    tale.check("one mail was sent", found=len(mails), wanted=1)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    tale.tell("the event stream told", ", ".join(heard))
    tale.tell("this run in the Temporal Web UI", shop.run(f"booking:{booking['id']}"))
    return f"{booking['reference']} was paid once ({shown(**booking['total'])}) and has its tickets"


async def _listen(shop: Shop, booking: dict[str, object], heard: list[str]) -> None:
    async for event in shop.events(booking):
        heard.append(event)  # noqa: PERF401 what was heard so far counts
