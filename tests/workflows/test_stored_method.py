"""Paying with a stored method: nothing is typed again, the bank may still ask, and nobody else's is used."""

from typing import Any
from uuid import UUID

import pytest

from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.support.user import User
from tests.support.wait import eventually


@pytest.mark.row("PAY-16")
@pytest.mark.row("PAY-18")
@pytest.mark.row("PAY-44")
async def test_a_booking_is_paid_with_a_stored_method_and_nothing_is_typed_again(stack: Stack) -> None:
    shop = await stack.shop()
    ada, bob = User(stack, shop.tenant_id), User(stack, shop.tenant_id, "bob")
    method_id = await ada.store("mastercard", set_as_default=True)
    booking = await ada.book(shop)

    foreign = await bob.ask_to_pay(await bob.book(shop), method_id)
    paid = await ada.ask_to_pay(booking, method_id)

    assert (foreign.status_code, foreign.json()["code"]) == (404, "unknown")
    assert (paid.status_code, paid.json()["status"]) == (201, "processing")
    assert paid.json()["payment_url"] is paid.json()["client_secret"] is None
    await stack.wait_for(booking, "confirmed")
    assert await stack.sandbox.kept() == 2500
    (shown,) = await ada.methods()
    assert (shown["brand"], shown["last4"], shown["is_default"]) == ("mastercard", "4444", True)
    assert (shown["expiry_year"], shown["last_used_at"] is not None) == (2034, True)
    assert await bob.methods() == []
    row = (await stack.rows("select * from payments where captured_minor > 0"))[0]
    assert (row["method"], row["card_brand"], row["card_last4"]) == ("card", "mastercard", "4444")
    assert (row["user_id"], row["ip_address"], row["merchant_reference"]) == (
        "ada", "127.0.0.1", str(row["id"])
    )  # fmt: skip
    token = await stack.value("select token from payment_methods")
    history = await stack.run_of(booking).fetch_history()
    assert token not in history.to_json()
    assert await violations(stack) == []


@pytest.mark.row("PAY-19")
@pytest.mark.parametrize("rightly", [True, False])
async def test_where_the_bank_asks_the_booking_waits_for_the_answer(stack: Stack, rightly: bool) -> None:
    shop = await stack.shop()
    ada = User(stack, shop.tenant_id)
    method_id = await ada.store("authenticationRequired")
    booking = await ada.book(shop)

    asked = await ada.ask_to_pay(booking, method_id)

    assert asked.status_code == 201, asked.text
    challenge = asked.json()["payment_url"]
    assert challenge.endswith("/challenge")
    assert (await stack.read(booking))["status"] == "awaiting_payment"
    answered = await stack.http.post(
        challenge, data={"code": "123456", "answer": "submit"} if rightly else {"answer": "cancel"}
    )
    assert answered.status_code == 303
    if rightly:
        await stack.wait_for(booking, "confirmed")
        assert await stack.sandbox.kept() == 2500
        assert await violations(stack) == []
        return

    async def declined() -> bool:
        seen: int = await stack.value("select sum(declines) from payments")
        return seen == 1

    await eventually(declined, what="the decline to be written down")
    assert (await stack.read(booking))["status"] == "awaiting_payment"
    assert await stack.value("select decline_code from payments") == "authentication_failed"
    told = (await stack.read(booking))["decline"]
    assert (told["code"], told["retry"]) == ("authentication_failed", "other")
    assert told["guidance"]
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")


@pytest.mark.row("PAY-14")
async def test_who_pays_along_with_the_booking_is_in_the_record_too(stack: Stack) -> None:
    wish = {"return_url": f"{stack.settings.api_url}/docs"}

    booking = Booked.of(await stack.ask_to_book(await stack.shop(), payment=wish))

    row = (await stack.rows("select ip_address, user_agent, booking_reference from payments"))[0]
    assert (row["ip_address"], row["booking_reference"]) == ("127.0.0.1", booking.reference)
    assert row["user_agent"].startswith("python-httpx")


@pytest.mark.row("PAY-44")
async def test_a_declined_stored_method_leaves_the_booking_to_be_paid_otherwise(stack: Stack) -> None:
    shop = await stack.shop()
    ada = User(stack, shop.tenant_id)
    method_id = await ada.store("chargeCustomerFail")
    booking = await ada.book(shop)

    no = await ada.ask_to_pay(booking, method_id)

    assert (no.status_code, no.json()["code"]) == (402, "payment_declined")
    assert await stack.rows("select status, declines from payments") == [
        {"status": "cancelled", "declines": 1}
    ]
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    assert await stack.sandbox.kept() == 2500


@pytest.mark.row("PAY-18")
@pytest.mark.row("PAY-44")
async def test_a_deleted_method_is_detached_and_pays_no_more(stack: Stack) -> None:
    shop = await stack.shop()
    ada, bob = User(stack, shop.tenant_id), User(stack, shop.tenant_id, "bob")
    method_id = await ada.store()
    booking = await ada.book(shop)

    foreign = await bob.delete(method_id)
    gone = await ada.delete(method_id)

    assert (foreign.status_code, gone.status_code) == (404, 204)
    assert (await ada.delete(method_id)).status_code == 204
    assert await ada.methods() == []
    assert await stack.sandbox.events("payment_method.detached")
    no = await ada.ask_to_pay(booking, method_id)
    assert (no.status_code, no.json()["code"]) == (409, "method_deactivated")
    assert await stack.sandbox.payments() == []


@pytest.mark.row("PAY-18")
async def test_a_method_that_the_issuer_will_not_have_is_not_stored(stack: Stack) -> None:
    ada = User(stack, (await stack.shop()).tenant_id)

    no = await ada.ask_to_store("visa_chargeDeclined")

    assert (no.status_code, no.json()["code"]) == (402, "payment_declined")
    assert await stack.rows("select id from payment_methods") == []


@pytest.mark.row("PAY-44")
@pytest.mark.parametrize("fault", ["response_lost", "response_500_before", "response_500_after"])
async def test_a_stored_method_is_charged_once_whatever_becomes_of_the_providers_answer(
    stack: Stack, fault: str
) -> None:
    shop = await stack.shop()
    ada = User(stack, shop.tenant_id)
    method_id = await ada.store()
    booking = await ada.book(shop)
    await stack.sandbox.break_down("POST /v1/payment_intents", fault)

    paid = await ada.ask_to_pay(booking, method_id)

    assert (paid.status_code, paid.json()["status"]) == (201, "processing"), paid.text
    await stack.wait_for(booking, "confirmed")
    assert [payment["captured"] for payment in await stack.sandbox.payments()] == [2500]


@pytest.mark.row("PAY-18")
@pytest.mark.parametrize("fault", ["response_lost", "response_500_after"])
async def test_a_method_is_stored_whatever_becomes_of_the_providers_answers(stack: Stack, fault: str) -> None:
    ada = User(stack, (await stack.shop()).tenant_id)
    for route in ("POST /v1/customers", "POST /v1/payment_methods/*"):
        await stack.sandbox.break_down(route, fault)

    method_id = await ada.store()

    (kept,) = await ada.methods()
    assert (UUID(kept["id"]), kept["last4"], kept["expiry_year"]) == (method_id, "4242", 2034)


@pytest.mark.row("PAY-16")
@pytest.mark.row("PAY-18")
@pytest.mark.row("PAY-44")
async def test_what_a_user_pays_with_at_adyen_is_kept_and_pays_again(stack: Stack) -> None:
    shop = await stack.shop()
    stack = await stack.at_adyen(shop)
    ada = User(stack, shop.tenant_id)
    first, second = await ada.book(shop), await ada.book(shop)
    payment_id = await ada.pay_and_keep(first, "mastercard")
    await stack.wait_for(first, "confirmed")

    method_id = await ada.store(payment_token=None, payment_id=payment_id, set_as_default=True)
    again = await ada.ask_to_pay(second, method_id)

    assert again.status_code == 201, again.text
    assert again.json()["payment_url"] is again.json()["client_secret"] is None
    await stack.wait_for(second, "confirmed")
    assert await stack.sandbox.kept() == 5000
    (shown,) = await ada.methods()
    assert (shown["provider"], shown["brand"], shown["last4"]) == ("adyen", "mastercard", "4444")
    assert (shown["expiry_year"], shown["is_default"], shown["last_used_at"] is not None) == (
        2030,
        True,
        True,
    )
    token = await stack.value("select token from payment_methods")
    shopper = await stack.value("select provider_ref from payment_customers")
    assert [each["id"] for each in await stored_at_adyen(stack, shopper)] == [token]
    assert token not in (await stack.run_of(second).fetch_history()).to_json()
    assert (await ada.delete(method_id)).status_code == 204
    assert await stored_at_adyen(stack, shopper) == await ada.methods() == []
    assert await violations(stack) == []


async def stored_at_adyen(stack: Stack, shopper: str) -> list[dict[str, Any]]:
    """List what Adyen keeps for a shopper, as Adyen tells it to whoever has our key."""
    of = {"merchantAccount": stack.settings.adyen_merchant_account, "shopperReference": shopper}
    answer = await stack.sandbox.http.get(
        f"{stack.sandbox.url}/adyen/checkout/v72/storedPaymentMethods",
        params=of,
        headers={"X-API-Key": stack.sandbox.key},
    )
    listed: list[dict[str, Any]] = answer.json()["storedPaymentMethods"]
    return listed
