"""Paying later: a plan that is declined costs an attempt, one that is approved pays for the booking."""

import pytest

from tests.support.check import violations
from tests.support.stack import Stack
from tests.support.wait import eventually


@pytest.mark.row("PAY-09")
async def test_a_booking_is_paid_by_klarna_after_a_plan_that_was_declined(stack: Stack) -> None:
    booking = await stack.book()
    elsewhere = await stack.ask_to_pay(booking, method="klarna", country="SE")
    assert elsewhere.json()["errors"][0]["pointer"] == "/method"  # who lives there pays in kronor
    checkout = await stack.checkout(booking, method="klarna", country="DE")
    page = checkout["payment_url"].rpartition("/")[2]

    async def answer(code: str) -> str:
        gone = await stack.sandbox.control(f"checkout/{page}/pay", later="klarna")
        told = await stack.sandbox.control(f"payments/{gone['payment']}/challenge", code=code)
        return str(told["outcome"])

    async def declined() -> bool:
        return bool(await stack.value("select declines from payments where booking_id = $1", booking.id))

    assert await answer("no") == "declined"
    await eventually(declined, what="the decline to be heard")
    assert (await stack.read(booking))["status"] == "awaiting_payment"
    assert await answer("123456") == "paid"

    await stack.wait_for(booking, "confirmed")
    method = await stack.value("select method from payments where booking_id = $1", booking.id)
    assert method == "klarna"
    assert await violations(stack) == []
