"""The buyer gives up before paying: the places come back and the payment page is closed."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Refused, Shop
from devtools.stories.tale import Tale, wrong


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.roomy(shop, 2)
    booking = await shop.book(place, quantity=2)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} {booking['status']}")
    payment = await shop.wish_to_pay(booking)
    tale.tell("the buyer opens the payment page", payment["payment_url"])

    await shop.cancel(booking)
    await shop.until(booking, "cancelled")
    tale.tell("and cancels", "the booking is cancelled")
    await judge.settled(tale, booking, status="cancelled", held=0, tickets=0, kept=0)
    tale.check("the places are back", found=await judge.free(place.slot["slot_id"]), wanted=free)
    try:
        wrong(f"the closed page took money: {await shop.pay(payment)}")
    except Refused as refused:
        tale.tell("paying all the same", f"the page refuses: {refused.problem.get('detail')}")
    tale.check("nothing was charged", found=await judge.charged(booking["id"]), wanted=0)
    return f"{booking['reference']} was cancelled, its places are back, nothing was charged"
