"""The organizer mails a payment link: whoever opens it pays, and then it opens nothing any more."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Refused, Shop
from devtools.stories.tale import Tale, wrong


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.roomy(shop, 1)
    booking = await shop.book(place)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} {booking['status']}")
    made = await shop.post("/api/v1/payment-links", {"booking": booking["id"]}, token=shop.staff("organizer"))
    tale.tell("POST /api/v1/payment-links", f"until {made['expires_at']}")
    tale.tell("anybody can open it", made["url"])

    path = f"/api/v1/payment-links/{made['url'].rpartition('/')[2]}/checkout"
    payment = await shop.post(path, {"return_url": f"{shop.api}/"})
    tale.tell("whoever does is sent to pay", payment["payment_url"])
    tale.tell("and pays", await shop.pay(payment))
    await shop.until(booking, "confirmed")
    total = booking["total"]["minor"]
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    try:
        wrong(f"the link still opens a checkout: {await shop.post(path, {'return_url': f'{shop.api}/'})}")
    except Refused as refused:
        tale.tell("the link opens nothing any more", f"{refused.status} {refused.problem['code']}")
    return f"{booking['reference']} was paid by its link, once"
