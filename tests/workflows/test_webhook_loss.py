"""Some of what the provider tells is lost on the way: what was paid is found by reading its list."""

import pytest

from tests.support.check import violations
from tests.support.stack import Stack
from tests.workflows.test_sweep import sweep


@pytest.mark.row("PAY-33")
async def test_where_one_webhook_in_ten_is_lost_all_that_was_paid_is_found(stack: Stack) -> None:
    """F18: some are lost, by chance."""
    await stack.sandbox.break_down("*", "webhook_swallow", times=100_000, rate=0.1)
    shop = await stack.shop()
    bookings = [await stack.book(shop) for _ in range(8)]
    for booking in bookings:
        await stack.pay(booking)
    await stack.sandbox.drain()

    await sweep(stack)

    for booking in bookings:
        await stack.wait_for(booking, "confirmed")
        await stack.closed(booking.workflow)
    assert await violations(stack) == []
