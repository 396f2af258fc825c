"""The organizer gives money back: a part, which leaves the tickets valid, then the rest, which does not."""

from devtools.stories.judge import Judge
from devtools.stories.shop import Refused, Shop
from devtools.stories.tale import Tale, shown, wrong

PART = 500


async def tell(tale: Tale, shop: Shop, judge: Judge) -> str:
    """Play and verify it; answers the verdict."""
    place, free = await judge.roomy(shop, 1)
    booking = await shop.book(place)
    total, currency = booking["total"]["minor"], booking["total"]["currency"]
    payment = await shop.wish_to_pay(booking)
    await shop.pay(payment)
    await shop.until(booking, "confirmed")
    tale.tell("a paid booking", f"{booking['reference']}, {shown(total, currency)}")

    path, organizer = f"/api/v1/payments/{payment['payment_id']}/refunds", shop.staff("organizer")
    wish = {"amount": {"minor": PART, "currency": currency}, "reason": "The lift was out of order."}
    part = await shop.post(path, wish, token=organizer)
    tale.tell("POST …/refunds", f"{part['refund_reference']}: {shown(PART, currency)} go back")
    await judge.settled(tale, booking, status="confirmed", held=0, tickets=1, kept=total - PART)

    whole = {**wish, "amount": booking["total"]}
    try:
        wrong(f"more went back than was left: {await shop.post(path, whole, token=organizer)}")
    except Refused as refused:
        tale.tell(f"another {shown(total, currency)}", f"refused: {refused.problem['code']}")
    rest = await shop.post(path, {"reason": "The museum stays closed."}, token=organizer)
    tale.tell("POST …/refunds, without an amount", f"{rest['refund_reference']}: the rest goes back")
    await shop.until(booking, "refunded")
    await judge.settled(tale, booking, status="refunded", held=0, tickets=0, kept=0)
    await judge.refunded(tale, booking, total)
    tale.check("the place is free again", found=await judge.free(place.slot["slot_id"]), wanted=free)
    tale.tell("the second refund's own run", shop.run(f"refund:{rest['id']}"))
    return f"{booking['reference']} was given back in two refunds, {shown(total, currency)} in all"
