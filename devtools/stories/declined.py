"""A card is declined; the booking waits; the same buyer pays with another card and gets the ticket."""

from devtools.stories.judge import Judge
from devtools.stories.shop import DECLINED_CARD, Shop
from devtools.stories.tale import Tale


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.roomy(shop, 1)
    booking = await shop.book(place)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} {booking['status']}")
    payment = await shop.wish_to_pay(booking)
    outcome = await shop.pay(payment, DECLINED_CARD)
    tale.tell("the buyer's card", outcome)
    tale.check("the card was declined", found=outcome, wanted="declined")
    tale.check("nothing was charged", found=await judge.charged(booking["id"]), wanted=0)

    waiting = await shop.look(booking)
    tale.check("the booking waits for another try", found=waiting["status"], wanted="awaiting_payment")
    outcome = await shop.pay(payment)
    tale.tell("the buyer tries another card", outcome)

    await shop.until(booking, "confirmed")
    total = booking["total"]["minor"]
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    return f"{booking['reference']} was declined, then paid, and charged once"
