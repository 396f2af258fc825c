"""What a buyer does while a process dies: the stories in which the steps are done."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
from uuid_utils.compat import uuid4

from domain.catalog import Capture, SalesTerms
from providers.token import KeyRing, UserTokens
from tests.crash.buyer import PATIENCE_SECONDS
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack, bearer, idempotent
from tests.support.wait import eventually

BY_HAND = SalesTerms(capture=Capture.MANUAL)
LOOK_EVERY_SECONDS = 0.2
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # so many digits might be a card's, which is refused

Contact = dict[str, Any]
Ended = list[tuple[Booked, tuple[str, ...]]]  # the bookings of a story, and how each may end
Story = Callable[[Stack, Shop, Contact], Awaitable[Ended]]


async def paid(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """Book and pay; it is confirmed."""
    booking = await stack.book(shop, contact=contact)
    await press_pay(stack, await stack.checkout(booking))
    return [(booking, ("confirmed",))]


async def captured(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """Book and pay what is captured by hand."""
    return await paid(stack, shop, contact)


async def paid_at_second(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """Open a payment page, then another one, which closes the first, and pay there."""
    booking = await stack.book(shop, contact=contact)
    await stack.checkout(booking)
    await press_pay(stack, await stack.checkout(booking))
    return [(booking, ("confirmed",))]


async def cancelled(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """Book, look at the payment page, give up."""
    booking = await stack.book(shop, contact=contact)
    await stack.checkout(booking)
    await stack.cancel(booking)
    return [(booking, ("cancelled",))]


async def refunded(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """Book, pay, and cancel before anybody has heard of the money; the provider tells of it later. Where a
    sweep has heard of it first, so that the booking stands, it is tried with another one.
    """
    ended: Ended = []
    while True:
        await stack.sandbox.break_down("payment_intent.succeeded", "webhook_hold")
        booking = await stack.book(shop, contact=contact)
        await press_pay(stack, await stack.checkout(booking))
        answer = await stack.cancel(booking)
        await stack.sandbox.release()
        if answer.is_success:
            return [*ended, (booking, ("refunded",))]
        ended.append((booking, ("confirmed",)))


async def given_back(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """Book and pay; an operator gives all of it back."""
    booking = await stack.book(shop, contact=contact)
    checkout = await stack.checkout(booking)
    await press_pay(stack, checkout)
    await reached(stack, booking, "confirmed")
    answer = await stack.http.post(
        f"/api/v1/payments/{checkout['payment_id']}/refunds",
        json={"reason": "goodwill"},
        headers=bearer(_operator(stack, shop)) | idempotent(None),
    )
    assert answer.status_code == 201, answer.text
    return [(booking, ("refunded",))]


def _operator(stack: Stack, shop: Shop) -> str:
    signer = UserTokens(KeyRing(stack.settings.jwt_private_key), stack.settings.jwt_issuer)
    now = datetime.now(UTC)
    return signer.sign("olga", shop.tenant_id, ["operator"], token_id=uuid4().hex, now=now)


async def one_after_the_other(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """One booking is captured by hand, then another one is paid and cancelled."""
    ended = await captured(stack, await stack.shop(terms=BY_HAND), contact)
    return [*ended, *await refunded(stack, shop, contact)]


async def torn(stack: Stack, shop: Shop, contact: Contact) -> Ended:
    """Pay and cancel at once: whoever is first wins, and the money agrees."""
    booking = await stack.book(shop, contact=contact)
    checkout = await stack.checkout(booking)
    await asyncio.gather(press_pay(stack, checkout), stack.cancel(booking))
    return [(booking, ("confirmed", "cancelled", "refunded"))]


def stranger() -> Contact:
    """Make a buyer whom no answer to anybody else may name."""
    canary = f"canary-{uuid4().hex.translate(LETTERS)}"
    return {"name": canary, "email": f"{canary}@example.com"}


async def reached(stack: Stack, booking: Booked, *statuses: str) -> None:
    """Wait, as long as buyers wait here, until a booking is in one of these states."""

    async def look() -> bool:
        return (await stack.read(booking))["status"] in statuses

    what = f"{booking.reference} to be {' or '.join(statuses)}"
    await eventually(look, what=what, seconds=PATIENCE_SECONDS, every=LOOK_EVERY_SECONDS)


async def press_pay(stack: Stack, checkout: dict[str, Any]) -> None:
    """Press the page's button; one that is closed when it is pressed again took the money before."""
    try:
        await stack.sandbox.pay(checkout["payment_url"])
    except httpx2.HTTPStatusError as error:
        if error.response.status_code != 409:
            raise


TOLD: tuple[Story, ...] = (
    *(paid, captured, paid_at_second, torn),
    *(cancelled, refunded, given_back, one_after_the_other),
)
STORIES = {story.__name__: story for story in TOLD}
TERMS = {"captured": BY_HAND, "paid_at_second": BY_HAND}


async def play(story: str, stack: Stack) -> Ended:
    """Play a story in a shop of its own."""
    shop = await stack.shop(terms=TERMS.get(story))
    return await STORIES[story](stack, shop, stranger())
