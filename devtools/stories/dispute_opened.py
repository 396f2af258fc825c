"""The payer's bank wants the money back: the booking is flagged, a case waits, and the bank decides."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Shop
from devtools.stories.tale import Tale, shown


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, _ = await judge.roomy(shop, 1)
    booking = await shop.book(place)
    total, currency = booking["total"]["minor"], booking["total"]["currency"]
    paid = await shop.at_page(await shop.wish_to_pay(booking), card="visa")
    await shop.until(booking, "confirmed")
    tale.tell("a paid booking", f"{booking['reference']}, {shown(total, currency)}")

    await shop.at_sandbox(f"payments/{paid['payment']}/dispute", {"reason": "fraudulent"})
    dispute = await judge.disputed(booking, "open")
    tale.tell("the bank wants it back", f"{dispute['provider_ref']}, {dispute['reason']}")
    tale.check("the booking says so", found=(await shop.look(booking))["dispute"], wanted="open")
    await judge.cases(tale, booking, "open")
    taken = {"dispute_receivable": total, "dispute_fee_expense": dispute["fee_minor"]}
    tale.check("the books say what was taken", found=await judge.booked(dispute["id"]), wanted=taken)

    await shop.at_sandbox(f"disputes/{dispute['provider_ref']}/decide", {"won": True})
    await judge.disputed(booking, "won")
    tale.tell("the bank decides", "for the organizer: the money is back")
    tale.check("the booking says so", found=(await shop.look(booking))["dispute"], wanted="won")
    await judge.cases(tale, booking, "closed")
    tale.check("the books have it all back", found=await judge.booked(dispute["id"]), wanted={})
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total)
    tale.tell("the run that followed it", shop.run(f"dispute:{dispute['id']}"))
    return f"{booking['reference']} was disputed and won, one case was opened and is closed"
