"""A partner has to accept the booking and says no: the money was only set aside, and is let go."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Shop
from devtools.stories.tale import Tale

OFFER = "The Keeper's Table"


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.first_free(shop.places_of(OFFER))
    booking = await shop.book(place)
    tale.tell("POST /api/v1/bookings", f"{booking['reference']} {booking['status']}")
    payment = await shop.wish_to_pay(booking)
    tale.tell("the buyer pays", await shop.pay(payment))
    await shop.until(booking, "awaiting_partner")
    tale.tell("the money is set aside, not taken", "the keeper is asked")
    await judge.settled(tale, booking, status="awaiting_partner", held=1, tickets=0, kept=0)
    total = booking["total"]["minor"]
    tale.check(f"{total} are set aside", found=await judge.set_aside(booking["id"]), wanted=total)

    path = f"/api/v1/bookings/{booking['id']}/partner-answer"
    await shop.post(path, {"accepted": False, "cause": "kitchen_closed"}, token=shop.staff("organizer"))
    ended = await shop.look(booking)
    tale.tell("POST …/partner-answer", f"no: what was set aside is released (status {ended['status']})")
    await judge.settled(tale, booking, status=ended["status"], held=0, tickets=0, kept=0)
    tale.check("nothing is set aside any more", found=await judge.set_aside(booking["id"]), wanted=0)
    tale.check("the place is free", found=await judge.free(place.slot["slot_id"]), wanted=free)
    tale.tell("the mailbox holds", (await judge.mail(booking["reference"]))[-1])
    tale.tell("this run in the Temporal Web UI", shop.run(f"booking:{booking['id']}"))
    return f"{booking['reference']} was refused by the partner, and nothing was ever taken"
