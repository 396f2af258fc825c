"""Bookings that are paid over PayPal: the buyer approves, and we take the money once we are told or ask."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import httpx2
import pytest
from temporalio.client import Client

from domain.catalog import SalesTerms
from providers.paypal_gateway.gateway import PayPalGateway
from tests.support import paypal
from tests.support.check import events_of, violations
from tests.support.database import Databases
from tests.support.sandbox import Account
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack, front
from tests.support.wait import eventually
from tests.workflows.test_late_money import LONGER

APPROVED, CAPTURED = "CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED"


async def at_paypal(stack: Stack, **wishes: Any) -> tuple[Stack, Shop]:
    shop = await stack.shop(**wishes)
    return await stack.at_paypal(shop), shop


async def captures(stack: Stack) -> int:
    """Count what PayPal has taken."""
    events = await stack.sandbox.told()
    return len([event for event in events if event["event_type"] == CAPTURED])


@pytest.mark.row("PAY-05", partly="at PayPal itself; as a method through Adyen: test_adyen.py")
@pytest.mark.row("WHK-20", partly="each event: tests/api/test_paypal_table.py")
async def test_a_booking_is_paid_over_paypal(stack: Stack) -> None:
    stack, shop = await at_paypal(stack)
    booking = await stack.book(shop)

    checkout = await stack.pay(booking)
    seen = await stack.wait_for(booking, "confirmed")
    await stack.sandbox.drain()

    assert len(seen["tickets"]) == 1
    (payment,) = await stack.rows("select provider, status, method, captured_minor from payments")
    assert payment == {
        "provider": "paypal", "status": "captured", "method": "paypal", "captured_minor": 2500,
    }  # fmt: skip
    assert f"token={checkout['payment_url'].rpartition('=')[2]}" in checkout["payment_url"]
    assert await captures(stack) == 1
    assert await violations(stack) == []


async def test_the_buyers_return_and_the_webhook_take_the_money_once(stack: Stack) -> None:
    stack, shop = await at_paypal(stack)
    booking = await stack.book(shop)
    await stack.sandbox.break_down(APPROVED, "webhook_duplicate", n=3)
    checkout = await stack.pay(booking)

    for _ in range(2):
        await stack.confirm(booking, checkout["payment_id"])
    await stack.wait_for(booking, "confirmed")
    await stack.sandbox.drain()

    assert await captures(stack) == 1
    assert await stack.sandbox.kept() == 2500
    assert await violations(stack) == []


@pytest.mark.row("PAY-33", partly="PayPal: the buyer's return; the sweep: test_sweep.py")
async def test_a_lost_webhook_is_made_up_for_by_the_buyers_return(stack: Stack) -> None:
    stack, shop = await at_paypal(stack)
    booking = await stack.book(shop)
    await stack.sandbox.break_down("*", "webhook_swallow", times=100)
    checkout = await stack.pay(booking)

    answer = await stack.confirm(booking, checkout["payment_id"])

    assert answer.status_code in (200, 202), answer.text
    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


async def approved_unheard(stack: Stack) -> tuple[Stack, Booked]:
    """Have a booking approved of which PayPal tells nobody; a machine that stalls gets more time."""
    for seconds in LONGER:
        there, shop = await at_paypal(stack, terms=SalesTerms(hold_seconds=seconds))
        await there.sandbox.break_down("*", "webhook_swallow", times=100)
        booking = await there.book(shop)
        asked = await there.ask_to_pay(booking)
        if asked.status_code != 201:
            continue
        await there.sandbox.pay(asked.json()["payment_url"])
        if (await there.read(booking))["status"] == "awaiting_payment":
            return there, booking
    raise AssertionError("no hold was long enough for this machine")


async def test_an_approval_that_nobody_told_is_found_at_the_deadline(stack: Stack) -> None:
    stack, booking = await approved_unheard(stack)

    await stack.wait_for(booking, "confirmed")

    assert await violations(stack) == []


async def test_who_leaves_without_approving_is_charged_nothing(stack: Stack) -> None:
    stack, shop = await at_paypal(stack, capacity=1)
    booking = await stack.book(shop)
    await stack.checkout(booking)

    await stack.ask_to_cancel(booking)
    await stack.wait_for(booking, "cancelled")

    assert await stack.sandbox.kept() == 0
    assert await stack.value("select held + sold from counters") == 0
    assert [each["status"] for each in await stack.rows("select status from payments")] == ["cancelled"]
    assert await violations(stack) == []


async def test_an_approval_that_comes_too_late_is_never_taken(stack: Stack) -> None:
    stack, shop = await at_paypal(stack)
    booking = await stack.book(shop)
    checkout = await stack.checkout(booking)
    await stack.ask_to_cancel(booking)
    await stack.wait_for(booking, "cancelled")

    await stack.sandbox.pay(checkout["payment_url"])
    await stack.sandbox.drain()

    async def heard() -> bool:
        sql = "select count(*) from webhook_events where kind = $1 and status = 'ignored'"
        return bool(await stack.value(sql, APPROVED))

    await eventually(heard, what="the approval")
    assert await stack.sandbox.kept() == 0
    assert (await events_of(stack, booking))[-1] == "booking.cancelled"
    assert await violations(stack) == []


async def test_who_is_declined_when_the_money_is_taken_pays_in_another_way(stack: Stack) -> None:
    stack, shop = await at_paypal(stack)
    booking = await stack.book(shop)
    await stack.pay(booking, "visa_chargeDeclined")

    async def declined() -> bool:
        sql = "select count(*) from payments where decline_code = 'card_declined' and status = 'cancelled'"
        return bool(await stack.value(sql))

    await eventually(declined, what="the decline")
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")

    statuses = [each["status"] for each in await stack.rows("select status from payments order by id")]
    assert statuses == ["cancelled", "captured"]
    assert await stack.sandbox.kept() == 2500
    assert await violations(stack) == []


@pytest.fixture
async def short_lived(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> AsyncIterator[Stack]:
    """A stack that takes PayPal's orders to lapse after a moment, instead of three hours."""
    key = f"Ab{secrets.token_hex(16)}"
    async with aiohttp.ClientSession() as http, httpx2.AsyncClient(timeout=120) as client:
        gateway = PayPalGateway(
            account="default",
            client_id=key,
            secret=paypal.SECRET,
            webhook_ids=[paypal.WEBHOOK],
            roots=await paypal.roots(Account(sandbox_url, client)),
            http=http,
            api=f"{sandbox_url}/paypal",
            order_life=timedelta(seconds=2),
        )
        changed: dict[str, Any] = {"further": [gateway], "paypal_client_id": key}
        async with (
            front(databases, temporal_address, temporal, sandbox_url, **changed) as served,
            served.working(),
        ):
            yield served


@pytest.mark.row("PAY-34")
async def test_an_order_that_lapses_before_the_hold_frees_the_places(short_lived: Stack) -> None:
    stack, shop = await at_paypal(short_lived, capacity=1)
    booking = await stack.book(shop)
    checkout = await stack.checkout(booking)
    held = await stack.read(booking)
    await stack.sandbox.advance(seconds=3 * 3600 + 1)

    await stack.wait_for(booking, "expired")

    assert checkout["expires_at"] < held["expires_at"]
    assert [each["status"] for each in await stack.rows("select status from payments")] == ["expired"]
    assert await stack.value("select held + sold from counters") == 0
    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []
