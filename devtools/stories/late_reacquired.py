"""The hold runs out, then the money comes: the place is still free, so the buyer gets it after all."""

from devtools.stories.judge import Judge
from devtools.stories.shop import SOON, Shop
from devtools.stories.tale import Tale, shown


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.roomy(shop, 1, pay_within=SOON)
    booking = await shop.book(place)
    tale.tell(
        "POST /api/v1/bookings", f"{booking['reference']} {booking['status']} until {booking['expires_at']}"
    )
    payment = await shop.wish_to_pay(booking)
    tale.tell("the buyer opens the payment page", "and takes too long")
    await shop.until(booking, "expired")
    tale.check("the place is free again", found=await judge.free(place.slot["slot_id"]), wanted=free)

    late = await shop.at_page(payment, after_expiry=True)
    tale.tell("the bank was paying already", f"{late['outcome']}: {shown(**booking['total'])}")
    await shop.until(booking, "confirmed")
    tale.tell("the place is taken again", "the booking is confirmed")
    total = booking["total"]["minor"]
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    tale.check("one place is sold", found=await judge.free(place.slot["slot_id"]), wanted=free - 1)
    tale.tell("who saw to it", shop.run(f"aftercare:{payment['payment_id']}"))
    return f"{booking['reference']} had expired, was paid late, and has its ticket"
