"""A provider that is down, or does not answer: buyers hear at once, nothing is doubled, all goes on after."""

import asyncio
from typing import Any

import httpx2
import pytest
from temporalio.api.enums.v1 import RetryState

from tests.support.check import violations
from tests.support.shop import Shop
from tests.support.stack import Booked, MakeStack, Stack
from tests.support.wait import eventually
from workflows import names

# So many calls in a row open the circuit; it stays open for as long as the test says.
FAILURES = 2
FOR_EVER = 3_600.0

HELD = """
select usename, pid, xact_start from pg_stat_activity
 where datname = current_database() and state like 'idle in transaction%'
"""
LOOKS = 20


async def down(stack: Stack) -> None:
    """Cut every connection to the provider."""
    await stack.sandbox.break_down("*", "drop_before", times=100_000)


async def answered(stack: Stack, booking: Booked, key: str) -> httpx2.Response:
    """Send the same wish to pay until it has an answer."""

    async def look() -> httpx2.Response | None:
        answer = await stack.ask_to_pay(booking, key=key)
        return None if answer.status_code == 202 else answer

    return await eventually(look, what="an answer to the wish to pay")


async def opened(stack: Stack, booking: Booked, key: str) -> dict[str, Any]:
    """Send the same wish to pay until it can be paid."""

    async def look() -> dict[str, Any] | None:
        answer = await stack.ask_to_pay(booking, key=key)
        told: dict[str, Any] = answer.json()
        return told if answer.status_code == 201 else None

    return await eventually(look, what="the checkout")


@pytest.mark.row("PAY-06")
async def test_while_a_provider_is_down_buyers_hear_at_once_and_nothing_is_written(
    make_stack: MakeStack,
) -> None:
    async with make_stack(provider_failures=FAILURES, provider_rest_seconds=FOR_EVER) as stack:
        await down(stack)
        first = await stack.book()
        refused = await answered(stack, first, "one wish")
        assert (refused.status_code, refused.json()["reason"]) == (503, "gateway_unavailable")

        second = await stack.book()
        at_once = await answered(stack, second, "another wish")

        assert (at_once.status_code, at_once.json()["reason"]) == (503, "gateway_unavailable")
        assert at_once.json()["retry"] == "later"
        assert int(at_once.headers["retry-after"]) > 0
        assert await stack.value("select count(*) from payments where booking_id = $1", second.id) == 0
        assert (await stack.cancel(second)).status_code == 200  # there is nothing to be closed
        history = await stack.run_of(second).fetch_history()
        failures = [event.activity_task_failed_event_attributes for event in history.events]
        [state] = {failure.retry_state for failure in failures} - {0}
        assert RetryState.Name(state) == "RETRY_STATE_NON_RETRYABLE_FAILURE"


@pytest.mark.row("PAY-06")
@pytest.mark.row("PAY-30")
async def test_when_it_is_back_every_wish_is_answered_with_one_checkout(make_stack: MakeStack) -> None:
    """F12: an on-sale goes through an outage; each wish was sent before, during and after it."""
    changed = {"provider_failures": FAILURES, "provider_rest_seconds": 0.2, "payment_answer_seconds": 2}
    async with make_stack(**changed) as stack:
        shop = await stack.shop(capacity=6)
        paying = await stack.book(shop)
        checkout = await stack.checkout(paying)
        await down(stack)
        bookings = [await stack.book(shop) for _ in range(3)]
        turned_away = await asyncio.gather(
            *(stack.ask_to_pay(booking, key=booking.reference) for booking in bookings)
        )
        assert {answer.status_code for answer in turned_away} <= {202, 503}
        await stack.sandbox.mend()

        checkouts = [await opened(stack, booking, booking.reference) for booking in bookings]
        await one_goes_on_beside_another(stack, shop)
        for each in [checkout, *checkouts]:
            assert await stack.sandbox.pay(each["payment_url"]) == "paid"
        for booking in [paying, *bookings]:
            await stack.wait_for(booking, "confirmed")

        assert len(await stack.sandbox.payments()) == 4
        assert await violations(stack) == []


async def one_goes_on_beside_another(stack: Stack, shop: Shop) -> None:
    """Open a checkout while the provider thinks about another one: the circuit has closed again, for one that
    still finds out lets one call through at a time.
    """
    slow, quick = [await stack.book(shop) for _ in range(2)]
    known = len(await stack.sandbox.checkouts())
    await stack.sandbox.break_down("POST /v1/checkout/sessions", "hold")
    wish = asyncio.create_task(stack.ask_to_pay(slow, key=slow.reference))

    async def asked() -> bool:
        return len(await stack.sandbox.checkouts()) > known

    await eventually(asked, what="the provider to be asked")
    await opened(stack, quick, quick.reference)
    await stack.sandbox.control("faults/release", account=stack.sandbox.key)
    await wish
    await opened(stack, slow, slow.reference)


@pytest.mark.row("SAG-04", partly="vouchers")
async def test_what_has_to_be_undone_waits_for_the_provider_and_the_buyer_does_not(
    make_stack: MakeStack,
) -> None:
    """The wish ends at the door's own deadline, however long the saga undoes."""
    changed = {"provider_failures": FAILURES, "provider_rest_seconds": 0.2, "payment_answer_seconds": 1}
    async with make_stack(**changed) as stack:
        booking = await stack.book()
        checkout = await opened(stack, booking, "the wish")
        await down(stack)

        waiting = await stack.cancel(booking)

        assert waiting.status_code == 202
        assert int(waiting.headers["retry-after"]) > 0
        assert [each["status"] for each in await stack.sandbox.checkouts()] == ["open"]
        await stack.sandbox.mend()

        async def cancelled() -> bool:
            return (await stack.cancel(booking)).status_code == 200

        await eventually(cancelled, what="the cancellation")
        assert [each["status"] for each in await stack.sandbox.checkouts()] == ["expired"]
        assert (await stack.read(booking))["status"] == "cancelled"
        assert checkout["payment_url"]
        assert await violations(stack) == []


@pytest.mark.row("PAY-41", partly="the deadline and the bulkhead: tests/providers/test_protection.py")
async def test_no_connection_to_the_database_is_held_while_a_provider_thinks(idle_stack: Stack) -> None:
    """F11: whatever is idle within the same transaction at every look waits for the provider."""
    stack = idle_stack
    async with stack.working(names.BOOKINGS, names.PROVIDERS):
        await stack.sandbox.break_down("POST /v1/checkout/sessions", "hold")
        booking = await stack.book()
        wish = asyncio.create_task(stack.ask_to_pay(booking, key="slow"))
        await eventually(stack.sandbox.checkouts, what="the provider to be asked")

        looks = [{tuple(row.values()) for row in await stack.rows(HELD)} for _ in range(LOOKS)]
        await stack.sandbox.control("faults/release", account=stack.sandbox.key)

        assert set.intersection(*looks) == set()
        assert (await wish).status_code in (201, 202)
        await opened(stack, booking, "slow")
