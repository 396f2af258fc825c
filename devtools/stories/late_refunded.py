"""The buyer cancels, and the bank pays all the same: the money goes back by itself, and the buyer is told."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Shop
from devtools.stories.tale import Tale, shown


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.roomy(shop, 1)
    booking = await shop.book(place)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} {booking['status']}")
    payment = await shop.wish_to_pay(booking)
    await shop.cancel(booking)
    await shop.until(booking, "cancelled")
    tale.tell("the buyer cancels", "the payment page is closed, the place is free")

    late = await shop.at_page(payment, after_expiry=True)
    tale.tell("the bank was paying already", f"{late['outcome']}: {shown(**booking['total'])}")
    await shop.until(booking, "refunded")
    tale.tell("nobody has to look", "the booking is refunded")
    await judge.settled(tale, booking, status="refunded", held=0, tickets=0, kept=0)
    await judge.refunded(tale, booking, booking["total"]["minor"])
    tale.check("the place is free", found=await judge.free(place.slot["slot_id"]), wanted=free)
    [subject] = await judge.mail(booking["reference"], "Your money goes back")
    tale.tell("the mailbox holds", subject)
    tale.tell("who saw to it", shop.run(f"aftercare:{payment['payment_id']}"))
    return f"{booking['reference']} was cancelled, paid too late, and the money went back"
