"""The buyer's bank asks who is paying (3-D Secure): a wrong code pays nothing, the right one does."""

from devtools.stories.judge import Judge
from devtools.stories.shop import ASKING_CARD, Shop
from devtools.stories.tale import Tale

WRONG_CODE, RIGHT_CODE = "000000", "123456"


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.roomy(shop, 1)
    booking = await shop.book(place)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} {booking['status']}")
    payment = await shop.wish_to_pay(booking)

    asked = await shop.at_page(payment, card=ASKING_CARD)
    tale.tell("the buyer's bank wants a code", asked["challenge_url"])
    tale.check("nothing was charged yet", found=await judge.charged(booking["id"]), wanted=0)
    tale.tell("the buyer mistypes it", await shop.at_bank(asked["payment"], WRONG_CODE))
    waiting = await shop.look(booking)
    tale.check("the booking waits for another try", found=waiting["status"], wanted="awaiting_payment")

    asked = await shop.at_page(payment, card=ASKING_CARD)
    tale.tell("the same card again, the right code", await shop.at_bank(asked["payment"], RIGHT_CODE))
    await shop.until(booking, "confirmed")
    total = booking["total"]["minor"]
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    tale.tell("this run in the Temporal Web UI", shop.run(f"booking:{booking['id']}"))
    return f"{booking['reference']} was paid once, after the bank's question was answered"
