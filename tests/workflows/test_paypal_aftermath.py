"""What becomes of bookings at PayPal beside the straight way: nobody tells, partners take their time, money
goes back past us, payers want theirs back.
"""

from uuid import uuid4

import pytest

from domain.booking import Judge, Verdict
from domain.catalog import SalesTerms
from domain.sweep import SweepRequest
from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from tests.workflows.test_paypal import at_paypal
from workflows import names
from workflows.sweep import SweepWorkflow

HOUR = 3600


async def confirmed(stack: Stack) -> tuple[Stack, Booked]:
    """Have a booking of 25.00 paid over PayPal, and every event of it taken."""
    stack, shop = await at_paypal(stack)
    booking = await stack.book(shop)
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    await stack.sandbox.drain()
    return stack, booking


@pytest.mark.row("PAY-33", partly="PayPal: the sweep; the buyer's return: test_paypal.py")
async def test_an_approval_that_nobody_told_is_found_by_the_sweep(stack: Stack) -> None:
    stack, shop = await at_paypal(stack)
    booking = await stack.book(shop)
    await stack.sandbox.break_down("*", "webhook_swallow", times=100_000)
    await stack.pay(booking)

    prefix, request = stack.settings.queue_prefix, SweepRequest(provider="paypal", account="default")
    swept = await stack.temporal.execute_workflow(
        SweepWorkflow.run,
        request,
        id=f"{prefix}{names.sweep('paypal', 'default')}-{uuid4()}",
        task_queue=f"{prefix}{names.PAYOUTS}",
    )

    assert swept.missed >= 1
    await stack.wait_for(booking, "confirmed")
    assert await stack.sandbox.kept() == 2_500
    assert await violations(stack) == []


@pytest.mark.row("SAG-25", partly="PayPal: whose approved orders live for three hours")
async def test_a_partner_may_take_longer_than_an_approved_order_lives(stack: Stack) -> None:
    stack, shop = await at_paypal(stack, terms=SalesTerms(partner_accepts=True))
    booking = await stack.book(shop)
    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")

    async def held() -> bool:
        return [each["status"] for each in await stack.sandbox.payments()] == ["authorized"]

    await eventually(held, what="the money to be held")
    await stack.sandbox.advance(seconds=4 * HOUR)
    async with stack.telling() as sagas:
        verdict = Verdict(judge=Judge.PARTNER, accepted=True, by="partner")
        outcome = await sagas.decide(await stack.request(booking), verdict)

    assert outcome.status.value == "confirmed"
    assert await stack.sandbox.kept() == 2_500
    assert await violations(stack) == []


@pytest.mark.row("WHK-17", partly="PayPal")
@pytest.mark.row("WHK-20", partly="each event: tests/api/test_paypal_table.py")
async def test_all_that_goes_back_past_us_ends_the_booking(stack: Stack) -> None:
    stack, booking = await confirmed(stack)
    (paid,) = await stack.sandbox.payments()

    await stack.sandbox.control(f"payments/{paid['id']}/refund")

    seen = await stack.wait_for(booking, "refunded")
    assert {ticket["status"] for ticket in seen["tickets"]} == {"refunded"}
    rows = await stack.rows("select status, initiated_by from refunds")
    assert rows == [{"status": "completed", "initiated_by": "provider"}]
    assert await violations(stack) == []


@pytest.mark.row("PAY-26", partly="PayPal: the way of a dispute; what it does: test_dispute.py")
@pytest.mark.parametrize(("won", "state"), [(True, "won"), (False, "lost")])
async def test_a_dispute_is_followed_to_its_end(stack: Stack, won: bool, state: str) -> None:
    stack, _ = await confirmed(stack)
    (paid,) = await stack.sandbox.payments()

    made = await stack.sandbox.control(f"payments/{paid['id']}/dispute")

    async def opened() -> bool:
        return await stack.rows("select state from disputes") == [{"state": "open"}]

    await eventually(opened, what="the dispute")
    await stack.sandbox.control(f"disputes/{made['id']}/decide", won=won)

    async def ended() -> bool:
        return await stack.rows("select state from disputes") == [{"state": state}]

    await eventually(ended, what="its end")
    held = sum(each["net"] for each in await stack.sandbox.statement())
    kept = sum(each["fee"] for each in await stack.sandbox.statement() if each["type"] == "charge")
    clearing = "select sum(amount_minor)::int from ledger_entries where account like 'provider_clearing%'"
    assert await stack.value(clearing) == held + kept  # what PayPal keeps of a charge is posted daily
    assert await violations(stack) == []
