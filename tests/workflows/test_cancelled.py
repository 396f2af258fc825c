"""A buyer who thinks better of it before the booking is confirmed."""

import asyncio

import pytest

from tests.support.check import events_of, violations
from tests.support.stack import Stack


async def test_a_cancelled_booking_gives_places_and_checkout_back(stack: Stack) -> None:
    shop = await stack.shop(capacity=1)
    booking = await stack.book(shop)
    await stack.checkout(booking)

    answer = await stack.cancel(booking)

    assert answer.status_code == 200, answer.text
    assert (await stack.read(booking))["status"] == "cancelled"
    await stack.closed(booking.workflow)
    assert [each["status"] for each in await stack.sandbox.checkouts()] == ["expired"]
    assert (await events_of(stack, booking))[-1] == "booking.cancelled"
    assert await violations(stack) == []
    await stack.book(shop)


async def test_cancelling_twice_at_once_is_cancelling_once(stack: Stack) -> None:
    booking = await stack.book()

    answers = await asyncio.gather(*(stack.cancel(booking) for _ in range(3)))

    assert {answer.status_code for answer in answers} == {200}
    await stack.closed(booking.workflow)
    assert (await events_of(stack, booking)).count("booking.cancelled") == 1
    assert await violations(stack) == []


@pytest.mark.row("SAG-04", partly="vouchers")
async def test_money_that_a_cancelled_booking_has_taken_goes_back_whole(stack: Stack) -> None:
    """The webhook is held back, so the run learns of the money only when it closes the checkout."""
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_hold")
    booking = await stack.book()
    await stack.pay(booking)

    await stack.cancel(booking)

    await stack.wait_for(booking, "refunded")
    assert await stack.sandbox.kept() == 0
    assert (await events_of(stack, booking))[-2:] == ["booking.cancelled", "booking.refunded"]
    assert await violations(stack) == []
