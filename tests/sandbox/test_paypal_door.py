"""PayPal's door in the sandbox: who may come in, what is known again and what is refused, faults on order."""

import json

import aiohttp
import pytest

from tests.sandbox.conftest import Process
from tests.sandbox.paypal_merchant import HOUR, PayPalMerchant, issue_of, wish


async def test_a_token_is_given_for_a_clients_secret_and_to_nobody_else(
    sandbox: Process, http: aiohttp.ClientSession
) -> None:
    merchant = PayPalMerchant(sandbox.url, http)

    told = await merchant.log_in()
    other = PayPalMerchant(sandbox.url, http, merchant.client)

    assert (told["status"], told["token_type"], told["expires_in"]) == (200, "Bearer", 9 * HOUR)
    assert (await other.log_in())["error"] == "invalid_client"
    assert (await PayPalMerchant(sandbox.url, http, "no-client-id").log_in())["status"] == 401
    assert (await merchant.ask("GET", "/v1/notifications/webhooks"))[0] == 200


async def test_a_token_ends_after_nine_hours(paypal: PayPalMerchant) -> None:
    await paypal.advance(9 * HOUR + 1)

    status, told = await paypal.ask("GET", "/v1/notifications/webhooks")

    assert (status, told["name"]) == (401, "AUTHENTICATION_FAILURE")


async def test_a_repeated_request_is_answered_with_what_stands_by_then(paypal: PayPalMerchant) -> None:
    first = await paypal.ask("POST", "/v2/checkout/orders", wish(), PayPal_Request_Id="key-1")
    await paypal.approve(first[1]["id"])
    again = await paypal.ask("POST", "/v2/checkout/orders", wish(), PayPal_Request_Id="key-1")
    path = f"/v2/checkout/orders/{first[1]['id']}/capture"
    captures = [await paypal.ask("POST", path, PayPal_Request_Id="key-2") for _ in range(2)]

    assert (first[0], again[0], again[1]["id"]) == (201, 200, first[1]["id"])
    assert again[1]["status"] == "APPROVED"
    assert [status for status, _ in captures] == [201, 200]
    await paypal.advance(6 * HOUR + 1)
    fresh = await paypal.ask("POST", "/v2/checkout/orders", wish(), PayPal_Request_Id="key-1")
    assert (fresh[0], fresh[1]["id"] != first[1]["id"]) == (201, True)


async def test_what_does_not_exist_is_not_found_nor_is_anothers(paypal: PayPalMerchant) -> None:
    other = PayPalMerchant(paypal.url, paypal.http)
    await other.log_in()
    order_id = await paypal.order()

    answers = [
        await other.ask("GET", f"/v2/checkout/orders/{order_id}"),
        await paypal.ask("GET", "/v2/payments/captures/NOBODY"),
        await paypal.ask("GET", f"/v2/payments/refunds/{order_id}"),
    ]

    assert [(status, told["name"]) for status, told in answers] == [(404, "RESOURCE_NOT_FOUND")] * 3
    assert (await paypal.ask("DELETE", f"/v2/checkout/orders/{order_id}"))[0] == 405


async def test_a_refusal_can_be_asked_for_by_name(paypal: PayPalMerchant) -> None:
    order_id = await paypal.order()
    await paypal.approve(order_id)
    mock = json.dumps({"mock_application_codes": "INSTRUMENT_DECLINED"})

    status, told = await paypal.ask(
        "POST", f"/v2/checkout/orders/{order_id}/capture", PayPal_Mock_Response=mock
    )
    taken, _ = await paypal.ask("POST", f"/v2/checkout/orders/{order_id}/capture")

    assert (status, issue_of(told), taken) == (422, "INSTRUMENT_DECLINED", 201)


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff", b"[]", b"null", b'"x"', b"[" * 5000, b'{"intent": "\\ud800"}']
)
@pytest.mark.parametrize("path", ["/v2/checkout/orders", "/v1/notifications/webhooks", "/v2/nothing"])
async def test_garbage_is_refused_in_paypals_words(paypal: PayPalMerchant, path: str, raw: bytes) -> None:
    status, told = await paypal.ask("POST", path, raw=raw)

    assert status in (400, 404)
    assert told["name"] in ("INVALID_REQUEST", "RESOURCE_NOT_FOUND")


async def test_a_fault_hits_paypal_as_it_hits_others(paypal: PayPalMerchant) -> None:
    order_id = await paypal.order()
    await paypal.approve(order_id)
    fault = {"provider": "paypal", "account": paypal.client, "route": "POST *capture"}
    await paypal.control("POST", "/faults", kind="response_500_after", **fault)
    await paypal.control("POST", "/faults", kind="rate_limit", **fault)
    path = f"/v2/checkout/orders/{order_id}/capture"

    answers = [await paypal.ask("POST", path, PayPal_Request_Id="key") for _ in range(3)]

    assert [status for status, _ in answers] == [500, 429, 200]
    assert [answers[0][1]["name"], answers[1][1]["name"]] == ["INTERNAL_SERVER_ERROR", "RATE_LIMIT_REACHED"]
