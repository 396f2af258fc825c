"""One buyer who asks too often at once."""

import asyncio

import pytest

from tests.support.check import violations
from tests.support.stack import Stack


@pytest.mark.row("SAG-22")
async def test_a_client_that_confirms_forty_times_at_once_is_asked_to_come_back(stack: Stack) -> None:
    """Temporal takes ten wishes of one run at a time: what is more is an outage, no defect."""
    booking = await stack.book()
    checkout = await stack.checkout(booking)

    paying = asyncio.create_task(stack.sandbox.pay(checkout["payment_url"]))
    answers = await asyncio.gather(*(stack.confirm(booking, checkout["payment_id"]) for _ in range(40)))
    await paying

    assert {answer.status_code for answer in answers} <= {200, 202, 402, 503}
    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []
