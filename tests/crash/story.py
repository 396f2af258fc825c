"""What a buyer does while a process dies: the stories in which the steps are done."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from tests.support.shop import Shop
from tests.support.stack import Booked, Stack

Story = Callable[[Stack, Shop, dict[str, Any]], Awaitable[tuple[Booked, str]]]


async def paid(stack: Stack, shop: Shop, contact: dict[str, Any]) -> tuple[Booked, str]:
    """Book and pay; it is confirmed."""
    booking = await stack.book(shop, contact=contact)
    await press_pay(stack, await stack.checkout(booking))
    return booking, "confirmed"


async def cancelled(stack: Stack, shop: Shop, contact: dict[str, Any]) -> tuple[Booked, str]:
    """Book, look at the payment page, give up."""
    booking = await stack.book(shop, contact=contact)
    await stack.checkout(booking)
    await stack.cancel(booking)
    return booking, "cancelled"


async def refunded(stack: Stack, shop: Shop, contact: dict[str, Any]) -> tuple[Booked, str]:
    """Book, pay, and cancel before anybody has heard of the money."""
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_hold")
    booking = await stack.book(shop, contact=contact)
    await press_pay(stack, await stack.checkout(booking))
    await stack.cancel(booking)
    return booking, "refunded"


async def press_pay(stack: Stack, checkout: dict[str, Any]) -> None:
    """Press the page's button; one that is closed when it is pressed again took the money before."""
    try:
        await stack.sandbox.pay(checkout["payment_url"])
    except httpx2.HTTPStatusError as error:
        if error.response.status_code != 409:
            raise


STORIES: dict[str, Story] = {story.__name__: story for story in (paid, cancelled, refunded)}
