"""Paying by bank transfer: the place waits for the money; an operator says that it came, and that it went."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from db import tenant
from db.tenant import Account
from domain.catalog import SalesTerms
from tests.support.check import violations
from tests.support.shop import Shop
from tests.support.stack import Booked, MakeStack, Stack
from tests.support.wait import eventually
from tests.workflows.test_operator_routes import ask, operator
from tests.workflows.test_refund import give_back

PAYEE = {"holder": "Organizer", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}
BALANCES = """
select account, sum(amount_minor)::bigint as minor from ledger_entries
 group by account having sum(amount_minor) <> 0 order by account
"""
ACTS = """
select actor, after ->> 'name' as line from audit_entries where action = 'bank.receipt' order by id
"""


@pytest.fixture
async def stack(make_stack: MakeStack) -> AsyncIterator[Stack]:
    """Serve the product with an account at a bank."""
    async with make_stack(further_accounts=json.dumps([{"provider": "bank", **PAYEE}])) as served:
        yield served


async def shop_with_an_account(stack: Stack, *, hold_seconds: int = 900) -> Shop:
    """Open a shop that may be paid by transfer, with a slot so late that a transfer comes in time."""
    shop = await stack.shop(terms=SalesTerms(hold_seconds=hold_seconds))
    async with shop.app.tenant(shop.tenant_id) as connection:
        account = Account(provider="bank", name="default", mode="test")
        await tenant.put_account(connection, shop.tenant_id, account, preferred=False)
    return shop


async def by_transfer(stack: Stack, shop: Shop) -> tuple[Booked, dict[str, Any]]:
    slot = await shop.add_slot(5, sales_until=shop.slot.sales_until + timedelta(days=60))
    booking = await stack.book(shop, slot_id=str(slot.id))
    return booking, await stack.checkout(booking, method="bank_transfer")


async def came(
    stack: Stack, transfer: dict[str, Any], name: str, minor: int | None = None
) -> httpx2.Response:
    """Say, as an operator, that a line of the statement names a transfer's reference."""
    amount = transfer["amount"] if minor is None else {"minor": minor, "currency": "EUR"}
    line = {"line": name, "reference": transfer["reference"], "amount": amount}
    return await stack.http.post(
        "/api/v1/admin/bank-receipts",
        json={**line, "booked_at": "2026-11-24T00:00:00Z"},
        headers=await operator(stack),
    )


async def refunds(stack: Stack, status: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        rows = await stack.rows("select id, status, amount_minor from refunds")
        return rows[0] if [row["status"] for row in rows] == [status] else None

    return await eventually(look, what=f"the refund to be {status}")


async def owed(stack: Stack) -> bool:
    cases = await stack.rows("select cause from cases where kind = 'refund' and closed_at is null")
    return [case["cause"] for case in cases] == ["owed_by_transfer"]


async def conflicted(stack: Stack) -> bool:
    cases = await stack.value("select count(*) from cases where kind = 'payment' and closed_at is null")
    return (await stack.value("select status from payments"), cases) == ("conflicted", 1)


async def kept_for_days(stack: Stack, booking: Booked) -> bool:
    kept = "select min(kept_until) > now() + interval '6 days' from holds where booking_id = $1"
    return bool(await stack.value(kept, booking.id))


async def books(stack: Stack) -> dict[str, int]:
    return {row["account"]: row["minor"] for row in await stack.rows(BALANCES)}


@pytest.mark.row("PAY-09")
@pytest.mark.row("PAY-43")
async def test_a_place_waits_for_its_transfer_and_a_second_one_is_a_persons(stack: Stack) -> None:
    booking, checkout = await by_transfer(stack, await shop_with_an_account(stack, hold_seconds=5))
    transfer = checkout["transfer"]
    assert (checkout["provider"], checkout["payment_url"]) == ("bank", None)
    assert {name: transfer[name] for name in PAYEE} == PAYEE
    assert transfer["amount"] == {"minor": 2_500, "currency": "EUR"}
    await eventually(lambda: kept_for_days(stack, booking), what="the place to be kept for days")
    assert (await stack.read(booking))["payment"]["transfer"] == transfer

    first, again = [await came(stack, transfer, "0017") for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content)
    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)
    assert (await books(stack))["bank_account:default"] == 2_500

    assert (await came(stack, transfer, "0018")).status_code == 201
    await eventually(lambda: conflicted(stack), what="a person to be told")
    assert (await books(stack))["bank_account:default"] == 5_000
    await give_back(stack, UUID(checkout["payment_id"]), minor=2_500)
    await refunds(stack, "processing")
    assert (await stack.read(booking))["status"] == "confirmed"
    acts = await stack.rows(ACTS)
    assert [(act["actor"], act["line"]) for act in acts] == [("user:grace", "0017"), ("user:grace", "0018")]


@pytest.mark.row("PAY-09")
async def test_money_that_comes_after_the_end_is_owed_until_it_was_transferred(stack: Stack) -> None:
    booking, checkout = await by_transfer(stack, await shop_with_an_account(stack))
    await stack.cancel(booking)
    await stack.wait_for(booking, "cancelled")
    await stack.closed(booking.workflow)

    assert (await came(stack, checkout["transfer"], "0017")).status_code == 201
    refund = await refunds(stack, "processing")
    await eventually(lambda: owed(stack), what="a person to be told")
    assert await books(stack) == {"bank_account:default": 2_500, "refund_payable": -2_500}

    for _ in range(2):
        told = await ask(
            stack,
            "POST",
            f"/refunds/{refund['id']}/transferred",
            line="0019",
            booked_at="2026-11-25T00:00:00Z",
        )
        assert told["amount"] == {"minor": 2_500, "currency": "EUR"}

    await refunds(stack, "completed")
    await stack.wait_for(booking, "refunded")
    assert await books(stack) == {}
    assert not await owed(stack)
    assert await violations(stack) == []


@pytest.mark.row("PAY-09")
async def test_too_little_money_confirms_nothing_and_is_a_persons(stack: Stack) -> None:
    booking, checkout = await by_transfer(stack, await shop_with_an_account(stack))

    assert (await came(stack, checkout["transfer"], "0017", minor=2_499)).status_code == 201

    await eventually(lambda: conflicted(stack), what="a person to be told")
    assert (await stack.read(booking))["status"] == "awaiting_payment"
    assert await stack.value("select sum(held) from counters") == 1
    await stack.cancel(booking)
    assert (await refunds(stack, "processing"))["amount_minor"] == 2_499
