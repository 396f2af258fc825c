"""The provider's webhooks never arrive: the provider is asked, and the buyer gets the ticket all the same."""

from devtools.stories.judge import Judge
from devtools.stories.shop import SOON, Shop
from devtools.stories.tale import Tale

PAID = "payment_intent.succeeded"


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.roomy(shop, 1, pay_within=SOON)
    booking = await shop.book(place)
    tale.tell(
        "POST /api/v1/bookings", f"{booking['reference']} {booking['status']} until {booking['expires_at']}"
    )
    payment = await shop.wish_to_pay(booking)
    await shop.break_down(PAID, "webhook_swallow")
    tale.tell("the buyer pays", f"{await shop.pay(payment)}, and the provider tells nobody")

    await shop.until(booking, "confirmed")
    tale.tell("the provider is asked", "by the sweep or, before giving up, by the saga: confirmed")
    heard = await judge.heard(booking)
    tale.check("the provider has sent no webhook of it", found=heard, wanted=[])
    total = booking["total"]["minor"]
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    tale.tell("this run in the Temporal Web UI", shop.run(f"booking:{booking['id']}"))
    return f"{booking['reference']} has its ticket though every webhook was lost"
