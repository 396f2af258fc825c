"""The box office: cash is taken at once, by who may take it, and one payment is all the order's tickets."""

import pytest

from db import tenant
from db.tenant import Account
from tests.support.shop import Shop
from tests.support.stack import Stack, bearer, idempotent
from tests.support.user import User


async def box_office(stack: Stack) -> Shop:
    shop = await stack.shop()
    async with stack.databases.app.tenant(shop.tenant_id) as connection:
        account = Account(provider="cash", name="default", mode="test")
        await tenant.put_account(connection, shop.tenant_id, account, preferred=False)
    return shop


@pytest.mark.row("PAY-31")
async def test_a_cash_sale_is_a_captured_payment_with_all_its_tickets(stack: Stack) -> None:
    shop = await box_office(stack)
    cashier = User(stack, shop.tenant_id, "cleo", role="cashier")
    booking = await stack.book(shop, quantity=3)

    paid = await stack.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"provider": "cash", "return_url": f"{stack.settings.api_url}/docs"},
        headers=cashier.headers | idempotent(None),
    )

    assert (paid.status_code, paid.json()["status"]) == (201, "processing"), paid.text
    seen = await stack.wait_for(booking, "confirmed")
    assert len(seen["tickets"]) == 3
    assert await stack.rows("select provider, status, method, captured_minor from payments") == [
        {"provider": "cash", "status": "captured", "method": "cash", "captured_minor": 7_500}
    ]
    drawer = "select sum(amount_minor)::bigint from ledger_entries where account = 'cash_drawer:default'"
    assert await stack.value(drawer) == 7_500
    assert await stack.sandbox.payments() == []


async def test_nobody_else_says_that_it_was_paid_in_cash(stack: Stack) -> None:
    shop = await box_office(stack)
    booking = await stack.book(shop)
    wish = {"provider": "cash", "return_url": f"{stack.settings.api_url}/docs"}
    for_it = {"amount": 2500, "currency": "EUR", "resource_type": "booking", "resource_id": booking.reference}

    answers = [await stack.ask_to_pay(booking, provider="cash"), await stack.ask_to_book(shop, payment=wish)]
    chosen = await stack.http.post(
        "/api/v1/payments",
        json={**for_it, "return_url": wish["return_url"]},
        headers=bearer(booking.token) | idempotent(None),
    )

    assert [answer.status_code for answer in answers] == [422, 422]
    assert [answer.json()["errors"][0]["pointer"] for answer in answers] == ["/provider", "/payment/provider"]
    assert chosen.json()["redirect_url"]
    assert await stack.rows("select provider from payments") == [{"provider": "stripe"}]
