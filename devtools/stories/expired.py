"""Nobody pays: the hold runs out, the places come back, and the provider's page takes no money any more."""

from devtools.stories.judge import Judge
from devtools.stories.shop import SOON, Refused, Shop
from devtools.stories.tale import Tale, wrong


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.roomy(shop, 1, pay_within=SOON)
    booking = await shop.book(place)
    tale.tell(
        "POST /api/v1/bookings", f"{booking['reference']} {booking['status']} until {booking['expires_at']}"
    )
    tale.check("the place is held", found=await judge.free(place.slot["slot_id"]), wanted=free - 1)
    payment = await shop.wish_to_pay(booking)
    tale.tell("the buyer opens the payment page", "and goes for a walk")

    await shop.until(booking, "expired")
    tale.tell("the hold ran out", "the booking has expired")
    await judge.settled(tale, booking, status="expired", held=0, tickets=0, kept=0)
    tale.check("the place is back", found=await judge.free(place.slot["slot_id"]), wanted=free)
    try:
        wrong(f"the closed page took money: {await shop.pay(payment)}")
    except Refused as refused:
        tale.tell("the buyer comes back and pays", f"the page refuses: {refused.problem.get('detail')}")
    tale.check("nothing was charged", found=await judge.charged(booking["id"]), wanted=0)
    return f"{booking['reference']} expired, its place is back, nothing was charged"
