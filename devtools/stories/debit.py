"""A direct debit: the buyer is done in a minute, the bank pays days later, and the place waits for it."""

from datetime import timedelta

from devtools.stories.judge import Judge
from devtools.stories.shop import GOOD_IBAN, Shop
from devtools.stories.tale import Tale

OFFER = "Harbour Symphony"
LONGEST_DEBIT = timedelta(days=15)


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.first_free(shop.places_of(OFFER, starts_in=LONGEST_DEBIT))
    booking = await shop.book(place)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} for {place.slot['starts_at']}")
    payment = await shop.wish_to_pay(booking, method="sepa_debit")
    tale.tell("POST …/payments", f"pay at {payment['payment_url']}")
    page = await shop.at_page(payment, iban=GOOD_IBAN)
    tale.tell("the buyer types an IBAN", page["outcome"])
    await judge.settled(tale, booking, status="awaiting_payment", held=1, tickets=0, kept=0)
    tale.check("the place is kept", found=await judge.free(place.slot["slot_id"]), wanted=free - 1)

    await shop.at_sandbox(f"payments/{page['payment']}/settle", {})
    tale.tell("days later (here: at once)", "the bank pays")
    await shop.until(booking, "confirmed")
    total = booking["total"]["minor"]
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    tale.tell("this run in the Temporal Web UI", shop.run(f"booking:{booking['id']}"))
    return f"{booking['reference']} was paid by direct debit, and its place was kept until the bank paid"
