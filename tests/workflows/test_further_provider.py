"""A provider that nobody here has heard of: its adapter is handed to the entry points, and sells."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client

from db import tenant
from db.tenant import Account
from tests.support.database import Databases
from tests.support.dummy import SECRET, Dummy
from tests.support.shop import Shop
from tests.support.stack import Stack, front
from tests.support.wait import eventually

# Whoever is in a transaction and does nothing, as who waits there for a provider.
NOBODY_HOLDS = """
select count(*) = 0 from pg_stat_activity
 where datname = current_database() and state like 'idle in transaction%'
"""


async def shop_with(stack: Stack) -> Shop:
    """Open a shop that takes payments through the dummy, too."""
    shop = await stack.shop()
    async with stack.databases.app.tenant(shop.tenant_id) as connection:
        account = Account(provider="dummy", name="default", mode="test")
        await tenant.put_account(connection, shop.tenant_id, account, preferred=False)
    return shop


async def pay_dummy(stack: Stack, dummy: Dummy, checkout: dict[str, Any]) -> None:
    """Pay at the dummy, which tells us."""
    ref = checkout["payment_url"].rpartition("/")[2]
    dummy.paid.add(ref)
    taken = await stack.http.post(
        "/api/v1/webhooks/dummy", json={"paid": ref}, headers={"Dummy-Secret": SECRET}
    )
    assert taken.status_code == 200


@pytest.fixture
def dummy() -> Dummy:
    return Dummy()


@pytest.fixture
async def stack_with_dummy(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str, dummy: Dummy
) -> AsyncIterator[Stack]:
    async with (
        front(databases, temporal_address, temporal, sandbox_url, further=[dummy]) as served,
        served.working(),
    ):
        yield served


@pytest.mark.row("PAY-41")
async def test_a_provider_that_never_answers_holds_up_nobody_elses_bookings(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str, dummy: Dummy
) -> None:
    """Its call ends at its deadline, with no connection to the database held; others are paid meanwhile."""
    soon = {"provider_timeout_seconds": 1, "payment_answer_seconds": 1}
    served = front(databases, temporal_address, temporal, sandbox_url, further=[dummy], **soon)
    async with served as stack, stack.working():
        shop = await shop_with(stack)
        slow, other = await stack.book(shop), await stack.book(shop)
        await stack.sandbox.break_down("POST /v1/checkout/sessions", "slow", times=100, seconds=600)
        wish = asyncio.create_task(stack.ask_to_pay(slow))
        await eventually(stack.sandbox.checkouts, what="the call that is not answered")

        checkout = await stack.checkout(other, provider="dummy")
        await eventually(lambda: stack.value(NOBODY_HOLDS), what="a moment without a transaction")
        await pay_dummy(stack, dummy, checkout)
        await stack.wait_for(other, "confirmed")

        calls = "select create_calls > 1 from payments where booking_id = $1"
        assert await eventually(lambda: stack.value(calls, slow.id), what="the call to be given up")
        assert (await wish).status_code in (201, 202, 503)  # a later try may have found it


@pytest.mark.row("PAY-02")
async def test_a_further_adapter_takes_a_booking_without_a_change_elsewhere(
    stack_with_dummy: Stack, dummy: Dummy
) -> None:
    stack = stack_with_dummy
    booking = await stack.book(await shop_with(stack))

    checkout = await stack.checkout(booking, provider="dummy")
    ref = checkout["payment_url"].rpartition("/")[2]
    forged = await stack.http.post("/api/v1/webhooks/dummy", json={"paid": ref})
    await pay_dummy(stack, dummy, checkout)

    assert forged.status_code == 400
    seen = await stack.wait_for(booking, "confirmed")
    assert len(seen["tickets"]) == 1
    row = (await stack.rows("select provider, provider_ref, captured_minor from payments"))[0]
    assert row == {"provider": "dummy", "provider_ref": ref, "captured_minor": 2500}
    assert await stack.sandbox.payments() == []
