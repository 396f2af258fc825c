"""Authentic events that say something wrong (F21), of the providers whose own tests write none: taken, put
aside, and given to a person, while the booking stays as it is.
"""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.stack import Booked, Stack
from tests.support.wait import eventually

PARKED = "select cause from webhook_events where status = 'parked'"
OURS = "select tenant_id, id, provider_ref from payments where booking_id = $1"
UNIT = "resource.purchase_units.0"
# How each provider writes another amount, and another currency.
WRONG: dict[str, dict[str, dict[str, Any]]] = {
    "adyen": {"less": {"amount.value": 2_499}, "dollars": {"amount.currency": "USD"}},
    "paypal": {"less": {f"{UNIT}.amount.value": "24.99"}, "dollars": {f"{UNIT}.amount.currency_code": "USD"}},
}


async def at(stack: Stack, provider: str) -> tuple[Stack, Booked, str]:
    """Open a checkout where somebody else has paid; gives it, and the event that told of them."""
    shop = await stack.shop()
    there = await (stack.at_adyen(shop) if provider == "adyen" else stack.at_paypal(shop))
    others = await there.book(shop)
    await there.pay(others)
    await there.wait_for(others, "confirmed")
    booking = await there.book(shop)
    await there.checkout(booking)
    return there, booking, (await there.sandbox.deliveries())[0]["event"]


async def naming(stack: Stack, provider: str, booking: Booked) -> dict[str, Any]:
    """Write into an event that it is about this booking's payment."""
    (payment,) = await stack.rows(OURS, booking.id)
    if provider == "adyen":
        # Its notifications have no id but what they tell of.
        return {"pspReference": "ANOTHERPSPREFNO1", "merchantReference": str(payment["id"])}
    labels = f"{payment['tenant_id']}:{booking.id}:{payment['id']}"
    return {"resource.id": payment["provider_ref"], f"{UNIT}.custom_id": labels}


@pytest.mark.row("WHK-18")
@pytest.mark.parametrize("provider", WRONG)
@pytest.mark.parametrize("wrong", ["less", "dollars"])
async def test_an_event_over_other_money_is_parked_and_one_case(
    stack: Stack, provider: str, wrong: str
) -> None:
    there, booking, event = await at(stack, provider)
    named = await naming(stack, provider, booking)

    await there.sandbox.retell(event, {**named, **WRONG[provider][wrong]})

    assert await eventually(lambda: stack.value(PARKED), what="the event to be parked") == "amount_mismatch"
    assert await stack.rows("select kind, cause from cases") == [
        {"kind": "payment", "cause": "amount_mismatch"}
    ]
    seen = await stack.read(booking)
    assert (seen["status"], seen["tickets"]) == ("awaiting_payment", [])


@pytest.mark.row("WHK-18")
@pytest.mark.parametrize("provider", WRONG)
async def test_an_event_about_a_payment_that_nobody_knows_is_parked(stack: Stack, provider: str) -> None:
    there, booking, event = await at(stack, provider)
    nobody: dict[str, dict[str, Any]] = {
        "adyen": {"pspReference": "ANOTHERPSPREFNO1", "merchantReference": str(uuid4())},
        "paypal": {"resource.id": "UNKNOWNORDERNO123", f"{UNIT}.custom_id": f"{uuid4()}:{uuid4()}:{uuid4()}"},
    }

    await there.sandbox.retell(event, nobody[provider])

    assert await eventually(lambda: stack.value(PARKED), what="the event to be parked") == "unknown_reference"
    assert (await stack.read(booking))["status"] == "awaiting_payment"
