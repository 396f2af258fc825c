"""One buyer who asks too often at once."""

import asyncio
from datetime import timedelta

import pytest

import wiring
from domain.ids import PaymentId
from tests.support.check import violations
from tests.support.stack import Stack
from workflows.client import Away, Sagas, Unanswered

MOST_AT_ONCE = 10  # wishes of one run that Temporal takes


@pytest.mark.row("SAG-22")
async def test_wishes_beyond_what_a_run_takes_at_once_are_asked_to_come_back(idle_stack: Stack) -> None:
    """No worker answers, so they pile up; what is too many is an outage, no defect."""
    stack = idle_stack
    booking = await stack.book()
    async with stack.working():
        checkout = await stack.checkout(booking)
    request, payment_id = await stack.request(booking), PaymentId(checkout["payment_id"])
    client = await wiring.client(stack.settings, retry=wiring.SOON_AWAY, lazy=True)
    impatient = Sagas(client, stack.settings.queue_prefix, timedelta(seconds=3))

    async def ask(wish: int) -> str:
        try:
            await impatient.check_payment(request, payment_id, str(wish))
        except (Away, Unanswered) as error:
            return type(error).__name__
        return "answered"

    said = await asyncio.gather(*map(ask, range(MOST_AT_ONCE + 2)))

    assert set(said) <= {"Away", "Unanswered"}  # any other error would have ended the test
    async with stack.working():
        await stack.sandbox.pay(checkout["payment_url"])
        await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []
