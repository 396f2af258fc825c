"""PayPal's orders in the sandbox, as a merchant without an SDK uses them: by PayPal's REST rules."""

import re
from typing import Any

import aiohttp
import pytest

from tests.sandbox.paypal_merchant import HOUR, PayPalMerchant, issue_of, rels, wish


async def test_an_order_is_made_approved_and_captured(paypal: PayPalMerchant) -> None:
    status, made = await paypal.ask("POST", "/v2/checkout/orders", wish(invoice_id="bill-1"))
    await paypal.approve(made["id"])
    _, approved = await paypal.ask("GET", f"/v2/checkout/orders/{made['id']}")
    taken, brief = await paypal.ask("POST", f"/v2/checkout/orders/{made['id']}/capture")
    _, done = await paypal.ask("GET", f"/v2/checkout/orders/{made['id']}")

    assert (status, made["status"], taken, brief["status"]) == (201, "CREATED", 201, "COMPLETED")
    assert set(made) == {"id", "status", "links"}
    assert rels(made["links"]) == {"self", "approve", "update", "capture"}
    assert re.fullmatch("[0-9A-Z]{17}", made["id"])
    assert (approved["status"], approved["payer"]["email_address"]) == ("APPROVED", "buyer@example.com")
    capture = done["purchase_units"][0]["payments"]["captures"][0]
    assert (capture["status"], capture["amount"]) == ("COMPLETED", {"currency_code": "EUR", "value": "50.00"})
    assert (capture["invoice_id"], capture["custom_id"]) == ("bill-1", "mine")
    assert capture["seller_receivable_breakdown"]["net_amount"]["value"] == "49.00"
    assert capture["supplementary_data"]["related_ids"]["order_id"] == made["id"]
    assert await paypal.event_types() == [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
    ]


async def test_with_a_payment_source_the_payer_is_awaited(paypal: PayPalMerchant) -> None:
    asked = wish()
    asked["payment_source"] = {"paypal": {"experience_context": asked.pop("application_context")}}

    _, made = await paypal.ask("POST", "/v2/checkout/orders", asked)

    assert made["status"] == "PAYER_ACTION_REQUIRED"
    assert "payer-action" in rels(made["links"])


async def test_the_page_sends_the_buyer_back_with_the_orders_id(
    paypal: PayPalMerchant, http: aiohttp.ClientSession
) -> None:
    _, made = await paypal.ask("POST", "/v2/checkout/orders", wish())
    page = next(link["href"] for link in made["links"] if link["rel"] == "approve")

    async with http.get(page) as shown:
        text = await shown.text()
    async with http.post(page, data={"means": "nothing"}) as refused:
        assert refused.status == 422
    async with http.post(page, data={"means": "balance"}, allow_redirects=False) as gone:
        back = gone.headers["Location"]

    assert "50.00 EUR" in text
    assert f"http://127.0.0.1/left?token={made['id']}" in text
    assert back == f"http://127.0.0.1/back?a=1&token={made['id']}&PayerID=TESTBUYER0001"


async def test_who_wants_the_money_at_once_is_not_offered_a_bank_that_takes_days(
    paypal: PayPalMerchant, http: aiohttp.ClientSession
) -> None:
    asked = wish()
    asked["application_context"]["payment_method"] = {"payee_preferred": "IMMEDIATE_PAYMENT_REQUIRED"}
    _, made = await paypal.ask("POST", "/v2/checkout/orders", asked)
    page = next(link["href"] for link in made["links"] if link["rel"] == "approve")

    async with http.get(page) as shown:
        text = await shown.text()
    async with http.post(page, data={"means": "echeck"}) as refused:
        status = refused.status

    assert "A bank account" not in text
    assert status == 422


async def test_approval_is_no_payment(paypal: PayPalMerchant) -> None:
    order_id = await paypal.order()
    await paypal.approve(order_id)

    books = await paypal.control("GET", f"/accounts/{paypal.client}/payments")

    assert [each["captured"] for each in books] == [0]


async def test_nothing_is_captured_before_it_is_approved_nor_twice(paypal: PayPalMerchant) -> None:
    order_id = await paypal.order()
    path = f"/v2/checkout/orders/{order_id}/capture"

    early = await paypal.ask("POST", path)
    await paypal.approve(order_id)
    await paypal.ask("POST", path)
    again = await paypal.ask("POST", path)
    wrong = await paypal.ask("POST", f"/v2/checkout/orders/{order_id}/authorize")

    assert (early[0], issue_of(early[1])) == (422, "ORDER_NOT_APPROVED")
    assert (again[0], issue_of(again[1])) == (422, "ORDER_ALREADY_CAPTURED")
    assert issue_of(wrong[1]) == "ACTION_DOES_NOT_MATCH_INTENT"


async def test_a_declined_means_can_be_replaced_by_another(paypal: PayPalMerchant) -> None:
    order_id = await paypal.order()
    await paypal.approve(order_id, card="visa_chargeDeclined")

    status, told = await paypal.ask("POST", f"/v2/checkout/orders/{order_id}/capture")
    await paypal.approve(order_id)
    taken, _ = await paypal.ask("POST", f"/v2/checkout/orders/{order_id}/capture")

    assert (status, issue_of(told), taken) == (422, "INSTRUMENT_DECLINED", 201)


async def test_an_order_is_gone_after_three_hours(paypal: PayPalMerchant) -> None:
    orders = [await paypal.order(), await paypal.order()]
    await paypal.approve(orders[1])

    await paypal.advance(3 * HOUR - 60)
    before = [(await paypal.ask("GET", f"/v2/checkout/orders/{each}"))[0] for each in orders]
    await paypal.advance(120)
    after = [await paypal.ask("GET", f"/v2/checkout/orders/{each}") for each in orders]
    taken = await paypal.ask("POST", f"/v2/checkout/orders/{orders[1]}/capture")

    assert before == [200, 200]
    assert [(status, issue_of(told)) for status, told in [*after, taken]] == [
        (404, "INVALID_RESOURCE_ID")
    ] * 3


async def test_an_order_is_changed_until_it_is_completed(paypal: PayPalMerchant) -> None:
    order_id = await paypal.order()
    path = f"/v2/checkout/orders/{order_id}"
    change = [
        {"op": "replace", "path": "/purchase_units/@reference_id=='default'/custom_id", "value": "other"}
    ]

    done = await paypal.ask("PATCH", path, change)
    amount = await paypal.ask("PATCH", path, [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}])
    await paypal.approve(order_id)
    await paypal.ask("POST", f"{path}/capture")
    late = await paypal.ask("PATCH", path, change)
    _, order = await paypal.ask("GET", path)

    assert done == (204, None)
    assert issue_of(amount[1]) == "NOT_PATCHABLE"
    assert issue_of(late[1]) == "ORDER_ALREADY_CAPTURED"
    assert order["purchase_units"][0]["custom_id"] == "other"


@pytest.mark.parametrize(
    ("value", "currency", "issue"),
    [
        ("10.5", "EUR", None),
        ("10", "JPY", None),
        ("10.00", "HUF", None),
        ("10.50", "JPY", "DECIMALS_NOT_SUPPORTED"),
        ("10.555", "EUR", "DECIMAL_PRECISION"),
        ("1.000", "KWD", "CURRENCY_NOT_SUPPORTED"),
        ("0.00", "EUR", "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("-1.00", "EUR", "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("1e3", "EUR", "INVALID_PARAMETER_SYNTAX"),
        ("10.50", "eur", "INVALID_PARAMETER_SYNTAX"),
    ],
)
async def test_amounts_are_counted_as_their_currency_is(
    paypal: PayPalMerchant, value: str, currency: str, issue: str | None
) -> None:
    status, told = await paypal.ask("POST", "/v2/checkout/orders", wish(value, currency))

    assert status == 201 if issue is None else issue_of(told) == issue


@pytest.mark.parametrize(
    ("change", "issue", "where"),
    [
        ({"intent": "SALE"}, "INVALID_PARAMETER_VALUE", "/intent"),
        ({"purchase_units": []}, "INVALID_ARRAY_MIN_ITEMS", "/purchase_units"),
        ({"colour": "blue"}, "PARAMETER_UNKNOWN", "/colour"),
        ({"purchase_units": [{}]}, "MISSING_REQUIRED_PARAMETER", "/purchase_units/0/amount"),
        ({"application_context": {"return_url": "nowhere"}}, "INVALID_PARAMETER_SYNTAX", None),
        ({"purchase_units": [{**wish()["purchase_units"][0], "items": []}] * 2}, "SANDBOX_UNSUPPORTED", None),
    ],
)
async def test_an_order_that_is_not_well_formed_is_refused_with_the_field(
    paypal: PayPalMerchant, change: dict[str, Any], issue: str, where: str | None
) -> None:
    status, told = await paypal.ask("POST", "/v2/checkout/orders", wish() | change)

    assert (status, told["name"], issue_of(told)) == (400, "INVALID_REQUEST", issue)
    assert where in (None, told["details"][0]["field"])
    assert told["debug_id"]


async def test_a_breakdown_has_to_add_up(paypal: PayPalMerchant) -> None:
    asked = wish()
    asked["purchase_units"][0]["amount"]["breakdown"] = {
        "item_total": {"currency_code": "EUR", "value": "40.00"},
        "tax_total": {"currency_code": "EUR", "value": "9.99"},
    }

    status, told = await paypal.ask("POST", "/v2/checkout/orders", asked)

    assert (status, issue_of(told)) == (422, "AMOUNT_MISMATCH")
