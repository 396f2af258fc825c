"""A deposit confirms the booking, and it may be paid in parts: the booking waits until all of it has come."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Shop
from devtools.stories.tale import Tale, shown

OFFER = "A Week on Lantern Island"
FIRST_PART = 5_000


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.first_free(shop.places_of(OFFER))
    booking = await shop.book(place)
    total, due, currency = booking["total"]["minor"], booking["due"]["minor"], booking["due"]["currency"]
    costs, confirms = shown(total, currency), shown(due, currency)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} costs {costs}, {confirms} confirms it")
    percent = place.offer["deposit_percent"]
    tale.check(f"the deposit is {percent} %", found=due * 100, wanted=total * percent)

    part = {"minor": FIRST_PART, "currency": currency}
    first = await shop.wish_to_pay(booking, amount=part)
    tale.tell(f"the buyer pays {shown(FIRST_PART, currency)} of it", await shop.pay(first))
    await judge.settled(tale, booking, status="awaiting_payment", held=1, tickets=0, kept=FIRST_PART)

    rest = await shop.wish_to_pay(booking)
    tale.tell(f"and the other {shown(due - FIRST_PART, currency)}", await shop.pay(rest))
    await shop.until(booking, "confirmed")
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=due)
    tale.tell("this run in the Temporal Web UI", shop.run(f"booking:{booking['id']}"))
    return f"{booking['reference']} is confirmed by its deposit, which came in two payments"
