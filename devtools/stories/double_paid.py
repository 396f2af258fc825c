"""One buyer pays twice, in two windows: one payment buys the ticket, the other goes back by itself."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Refused, Shop
from devtools.stories.tale import Tale, wrong


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.roomy(shop, 1)
    booking = await shop.book(place)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} {booking['status']}")
    first, second = await shop.wish_to_pay(booking), await shop.wish_to_pay(booking)
    tale.tell("a payment page, and another one", second["payment_url"])
    try:
        wrong(f"the first page took money: {await shop.pay(first)}")
    except Refused as refused:
        tale.tell("the first page is closed by then", str(refused.problem.get("detail")))

    tale.tell("the buyer pays at the second", await shop.pay(second))
    await shop.until(booking, "confirmed")
    late = await shop.at_page(first, after_expiry=True)
    tale.tell("the first one's money comes too", late["outcome"])

    total = booking["total"]["minor"]
    await judge.refunded(tale, booking, total)
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    tale.tell("who saw to it", shop.run(f"aftercare:{first['payment_id']}"))
    return f"{booking['reference']} was paid twice, has one ticket, and one payment went back"
