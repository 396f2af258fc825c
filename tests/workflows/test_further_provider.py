"""A provider that nobody here has heard of: its adapter is handed to the entry points, and sells."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client

from db import tenant
from db.tenant import Account
from tests.support.database import Databases
from tests.support.dummy import SECRET, Dummy
from tests.support.stack import Stack, front


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


@pytest.mark.row("PAY-02")
async def test_a_further_adapter_takes_a_booking_without_a_change_elsewhere(
    stack_with_dummy: Stack, dummy: Dummy
) -> None:
    stack = stack_with_dummy
    shop = await stack.shop()
    async with stack.databases.app.tenant(shop.tenant_id) as connection:
        account = Account(provider="dummy", name="default", mode="test")
        await tenant.put_account(connection, shop.tenant_id, account, preferred=False)
    booking = await stack.book(shop)

    checkout = await stack.checkout(booking, provider="dummy")
    ref = checkout["payment_url"].rpartition("/")[2]
    dummy.paid.add(ref)
    told: dict[str, Any] = {"paid": ref}
    forged = await stack.http.post("/api/v1/webhooks/dummy", json=told)
    taken = await stack.http.post("/api/v1/webhooks/dummy", json=told, headers={"Dummy-Secret": SECRET})

    assert (forged.status_code, taken.status_code) == (400, 200)
    seen = await stack.wait_for(booking, "confirmed")
    assert len(seen["tickets"]) == 1
    row = (await stack.rows("select provider, provider_ref, captured_minor from payments"))[0]
    assert row == {"provider": "dummy", "provider_ref": ref, "captured_minor": 2500}
    assert await stack.sandbox.payments() == []
