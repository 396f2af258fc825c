"""PayPal's face of the sandbox, as a merchant without an SDK uses it: plain HTTP by PayPal's REST rules."""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.sandbox.conftest import Process

BUYER_PAYS = "visa"
ECHECK, BAD_ECHECK = "AT611904300234573201", "AT861904300235473202"
HOUR = 3600


@dataclass
class Merchant:
    """A merchant with an account of its own."""

    url: str
    http: aiohttp.ClientSession
    client: str = field(default_factory=lambda: f"Ab{secrets.token_hex(20)}")
    secret: str = field(default_factory=lambda: secrets.token_hex(20))
    token: str = ""

    async def log_in(self) -> dict[str, Any]:
        """Exchange id and secret for a token."""
        form = {"grant_type": "client_credentials"}
        basic = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        async with self.http.post(
            f"{self.url}/paypal/v1/oauth2/token", data=form, headers={"Authorization": f"Basic {basic}"}
        ) as answer:
            told: dict[str, Any] = await answer.json()
            self.token = told.get("access_token", "")
            return told | {"status": answer.status}

    async def ask(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Call PayPal's API; returns status and JSON."""
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        async with self.http.request(method, f"{self.url}/paypal{path}", data=data, headers=sent) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def control(self, method: str, path: str, **body: Any) -> Any:
        """Call the control API; anything but success fails the test."""
        async with self.http.request(
            method, f"{self.url}/_sandbox{path}", json=body if method != "GET" else None
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def order(self, value: str = "50.00", currency: str = "EUR", **more: Any) -> str:
        """Make an order and return its id."""
        status, order = await self.ask("POST", "/v2/checkout/orders", wish(value, currency, **more))
        assert status == 201, order
        return str(order["id"])

    async def approve(self, order_id: str, **means: str) -> Any:
        """Approve an order as its buyer would."""
        return await self.control("POST", f"/checkout/{order_id}/pay", **means)

    async def captured(self, value: str = "50.00", **means: str) -> dict[str, Any]:
        """Return the capture of an order that was approved and captured."""
        order_id = await self.order(value)
        await self.approve(order_id, **means)
        path = f"/v2/checkout/orders/{order_id}/capture"
        status, order = await self.ask("POST", path, Prefer="return=representation")
        assert status == 201, order
        found: dict[str, Any] = order["purchase_units"][0]["payments"]["captures"][0]
        return found

    async def authorized(self, value: str = "50.00") -> dict[str, Any]:
        """Return the authorization of an order that was approved and authorized."""
        order_id = await self.order(value, intent="AUTHORIZE")
        await self.approve(order_id)
        path = f"/v2/checkout/orders/{order_id}/authorize"
        status, order = await self.ask("POST", path, Prefer="return=representation")
        assert status == 201, order
        found: dict[str, Any] = order["purchase_units"][0]["payments"]["authorizations"][0]
        return found

    async def advance(self, seconds: float) -> None:
        """Move this account's clock."""
        await self.control("POST", "/clock/advance", seconds=seconds, account=self.client)

    async def event_types(self) -> list[str]:
        """Return the types of all events, oldest first; looking makes the sandbox check its books."""
        await self.control("GET", f"/accounts/{self.client}/payments")
        told = await self.control("GET", f"/accounts/{self.client}/events")
        return [event["event_type"] for event in told]


def wish(value: str = "50.00", currency: str = "EUR", **more: Any) -> dict[str, Any]:
    """Write what an order is created with."""
    unit = {"amount": {"currency_code": currency, "value": value}, "custom_id": "mine"}
    context = {"return_url": "http://127.0.0.1/back?a=1", "cancel_url": "http://127.0.0.1/left"}
    return {
        "intent": more.pop("intent", "CAPTURE"),
        "purchase_units": [unit | more],
        "application_context": context,
    }


def issue_of(answer: Any) -> str:
    return str(answer["details"][0]["issue"])


def rels(links: list[dict[str, str]]) -> set[str]:
    return {link["rel"] for link in links}


@pytest.fixture
async def merchant(sandbox: Process, http: aiohttp.ClientSession) -> Merchant:
    """Open an account nobody has used, logged in."""
    new = Merchant(sandbox.url, http)
    await new.log_in()
    return new


async def test_a_token_is_given_for_a_clients_secret_and_to_nobody_else(
    sandbox: Process, http: aiohttp.ClientSession
) -> None:
    merchant = Merchant(sandbox.url, http)

    told = await merchant.log_in()
    other = Merchant(sandbox.url, http, merchant.client)

    assert (told["status"], told["token_type"], told["expires_in"]) == (200, "Bearer", 9 * HOUR)
    assert (await other.log_in())["error"] == "invalid_client"
    assert (await Merchant(sandbox.url, http, "no-client-id").log_in())["status"] == 401
    assert (await merchant.ask("GET", "/v1/notifications/webhooks"))[0] == 200


async def test_a_token_ends_after_nine_hours(merchant: Merchant) -> None:
    await merchant.advance(9 * HOUR + 1)

    status, told = await merchant.ask("GET", "/v1/notifications/webhooks")

    assert (status, told["name"]) == (401, "AUTHENTICATION_FAILURE")


async def test_an_order_is_made_approved_and_captured(merchant: Merchant) -> None:
    status, made = await merchant.ask("POST", "/v2/checkout/orders", wish(invoice_id="bill-1"))
    await merchant.approve(made["id"])
    _, approved = await merchant.ask("GET", f"/v2/checkout/orders/{made['id']}")
    taken, brief = await merchant.ask("POST", f"/v2/checkout/orders/{made['id']}/capture")
    _, done = await merchant.ask("GET", f"/v2/checkout/orders/{made['id']}")

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
    assert await merchant.event_types() == [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
    ]


async def test_with_a_payment_source_the_payer_is_awaited(merchant: Merchant) -> None:
    asked = wish()
    asked["payment_source"] = {"paypal": {"experience_context": asked.pop("application_context")}}

    _, made = await merchant.ask("POST", "/v2/checkout/orders", asked)

    assert made["status"] == "PAYER_ACTION_REQUIRED"
    assert "payer-action" in rels(made["links"])


async def test_the_page_sends_the_buyer_back_with_the_orders_id(
    merchant: Merchant, http: aiohttp.ClientSession
) -> None:
    _, made = await merchant.ask("POST", "/v2/checkout/orders", wish())
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
    merchant: Merchant, http: aiohttp.ClientSession
) -> None:
    asked = wish()
    asked["application_context"]["payment_method"] = {"payee_preferred": "IMMEDIATE_PAYMENT_REQUIRED"}
    _, made = await merchant.ask("POST", "/v2/checkout/orders", asked)
    page = next(link["href"] for link in made["links"] if link["rel"] == "approve")

    async with http.get(page) as shown:
        text = await shown.text()
    async with http.post(page, data={"means": "echeck"}) as refused:
        status = refused.status

    assert "A bank account" not in text
    assert status == 422


async def test_approval_is_no_payment(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.approve(order_id)

    books = await merchant.control("GET", f"/accounts/{merchant.client}/payments")

    assert [each["captured"] for each in books] == [0]


async def test_nothing_is_captured_before_it_is_approved_nor_twice(merchant: Merchant) -> None:
    order_id = await merchant.order()
    path = f"/v2/checkout/orders/{order_id}/capture"

    early = await merchant.ask("POST", path)
    await merchant.approve(order_id)
    await merchant.ask("POST", path)
    again = await merchant.ask("POST", path)
    wrong = await merchant.ask("POST", f"/v2/checkout/orders/{order_id}/authorize")

    assert (early[0], issue_of(early[1])) == (422, "ORDER_NOT_APPROVED")
    assert (again[0], issue_of(again[1])) == (422, "ORDER_ALREADY_CAPTURED")
    assert issue_of(wrong[1]) == "ACTION_DOES_NOT_MATCH_INTENT"


async def test_a_declined_means_can_be_replaced_by_another(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.approve(order_id, card="visa_chargeDeclined")

    status, told = await merchant.ask("POST", f"/v2/checkout/orders/{order_id}/capture")
    await merchant.approve(order_id)
    taken, _ = await merchant.ask("POST", f"/v2/checkout/orders/{order_id}/capture")

    assert (status, issue_of(told), taken) == (422, "INSTRUMENT_DECLINED", 201)


async def test_an_order_is_gone_after_three_hours(merchant: Merchant) -> None:
    orders = [await merchant.order(), await merchant.order()]
    await merchant.approve(orders[1])

    await merchant.advance(3 * HOUR - 60)
    before = [(await merchant.ask("GET", f"/v2/checkout/orders/{each}"))[0] for each in orders]
    await merchant.advance(120)
    after = [await merchant.ask("GET", f"/v2/checkout/orders/{each}") for each in orders]
    taken = await merchant.ask("POST", f"/v2/checkout/orders/{orders[1]}/capture")

    assert before == [200, 200]
    assert [(status, issue_of(told)) for status, told in [*after, taken]] == [
        (404, "INVALID_RESOURCE_ID")
    ] * 3


async def test_a_bank_account_pays_days_later_or_does_not(merchant: Merchant) -> None:
    pending = await merchant.captured(iban=ECHECK)
    await merchant.captured(iban=BAD_ECHECK)
    await merchant.advance(5 * 24 * HOUR + 1)
    await merchant.log_in()

    _, done = await merchant.ask("GET", f"/v2/payments/captures/{pending['id']}")

    assert (pending["status"], pending["status_details"]) == ("PENDING", {"reason": "ECHECK"})
    assert done["status"] == "COMPLETED"
    types = await merchant.event_types()
    assert types.count("PAYMENT.CAPTURE.PENDING") == 2
    assert types[-2:] == ["PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.DECLINED"]


async def test_what_is_authorized_is_captured_in_part_and_the_rest_released(merchant: Merchant) -> None:
    held = await merchant.authorized()
    path = f"/v2/payments/authorizations/{held['id']}"
    part = {"amount": {"currency_code": "EUR", "value": "30.00"}, "final_capture": True}

    early, too_soon = await merchant.ask("POST", f"{path}/reauthorize", {})
    status, taken = await merchant.ask("POST", f"{path}/capture", part, Prefer="return=representation")
    _, after = await merchant.ask("GET", path)
    late = await merchant.ask("POST", f"{path}/void")

    assert (held["status"], status, taken["amount"]["value"]) == ("CREATED", 201, "30.00")
    assert after["status"] == "PARTIALLY_CAPTURED"
    assert (early, issue_of(too_soon)) == (422, "REAUTHORIZATION_TOO_SOON")
    assert (late[0], issue_of(late[1])) == (422, "AUTHORIZATION_ALREADY_CAPTURED")


async def test_an_authorization_is_voided_once_and_lapses_after_29_days(merchant: Merchant) -> None:
    voided, lapsed = await merchant.authorized(), await merchant.authorized()
    path = f"/v2/payments/authorizations/{voided['id']}"

    done = await merchant.ask("POST", f"{path}/void")
    again = await merchant.ask("POST", f"{path}/void")
    await merchant.advance(29 * 24 * HOUR + 1)
    await merchant.log_in()
    status, told = await merchant.ask("POST", f"/v2/payments/authorizations/{lapsed['id']}/capture", {})

    assert (done, issue_of(again[1])) == ((204, None), "PREVIOUSLY_VOIDED")
    assert (status, issue_of(told)) == (422, "AUTHORIZATION_EXPIRED")
    assert (await merchant.event_types())[-1] == "PAYMENT.AUTHORIZATION.VOIDED"


async def test_a_capture_is_refunded_in_parts_and_no_further(merchant: Merchant) -> None:
    capture = await merchant.captured()
    path = f"/v2/payments/captures/{capture['id']}"
    part = {"amount": {"currency_code": "EUR", "value": "20.00"}, "invoice_id": "back-1"}

    first = await merchant.ask("POST", f"{path}/refund", part, Prefer="return=representation")
    much = await merchant.ask("POST", f"{path}/refund", part | {"amount": capture["amount"]})
    other = await merchant.ask(
        "POST", f"{path}/refund", {"amount": {"currency_code": "USD", "value": "1.00"}}
    )
    _, between = await merchant.ask("GET", path)
    rest, _ = await merchant.ask("POST", f"{path}/refund")
    none = await merchant.ask("POST", f"{path}/refund")

    assert (first[0], first[1]["status"], first[1]["invoice_id"]) == (201, "COMPLETED", "back-1")
    up = next(link["href"] for link in first[1]["links"] if link["rel"] == "up")
    assert up.endswith(path)
    assert issue_of(much[1]) == "REFUND_AMOUNT_EXCEEDED"
    assert issue_of(other[1]) == "CURRENCY_MISMATCH"
    assert (between["status"], rest) == ("PARTIALLY_REFUNDED", 201)
    assert issue_of(none[1]) == "CAPTURE_FULLY_REFUNDED"


async def test_an_invoice_is_paid_once(merchant: Merchant) -> None:
    orders = [await merchant.order(invoice_id="bill-7") for _ in range(2)]
    for each in orders:
        await merchant.approve(each)

    answers = [await merchant.ask("POST", f"/v2/checkout/orders/{each}/capture") for each in orders]

    assert answers[0][0] == 201
    assert issue_of(answers[1][1]) == "DUPLICATE_INVOICE_ID"


async def test_a_repeated_request_is_answered_with_what_stands_by_then(merchant: Merchant) -> None:
    first = await merchant.ask("POST", "/v2/checkout/orders", wish(), PayPal_Request_Id="key-1")
    await merchant.approve(first[1]["id"])
    again = await merchant.ask("POST", "/v2/checkout/orders", wish(), PayPal_Request_Id="key-1")
    path = f"/v2/checkout/orders/{first[1]['id']}/capture"
    captures = [await merchant.ask("POST", path, PayPal_Request_Id="key-2") for _ in range(2)]

    assert (first[0], again[0], again[1]["id"]) == (201, 200, first[1]["id"])
    assert again[1]["status"] == "APPROVED"
    assert [status for status, _ in captures] == [201, 200]
    await merchant.advance(6 * HOUR + 1)
    fresh = await merchant.ask("POST", "/v2/checkout/orders", wish(), PayPal_Request_Id="key-1")
    assert (fresh[0], fresh[1]["id"] != first[1]["id"]) == (201, True)


async def test_an_order_is_changed_until_it_is_completed(merchant: Merchant) -> None:
    order_id = await merchant.order()
    path = f"/v2/checkout/orders/{order_id}"
    change = [
        {"op": "replace", "path": "/purchase_units/@reference_id=='default'/custom_id", "value": "other"}
    ]

    done = await merchant.ask("PATCH", path, change)
    amount = await merchant.ask("PATCH", path, [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}])
    await merchant.approve(order_id)
    await merchant.ask("POST", f"{path}/capture")
    late = await merchant.ask("PATCH", path, change)
    _, order = await merchant.ask("GET", path)

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
    merchant: Merchant, value: str, currency: str, issue: str | None
) -> None:
    status, told = await merchant.ask("POST", "/v2/checkout/orders", wish(value, currency))

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
    merchant: Merchant, change: dict[str, Any], issue: str, where: str | None
) -> None:
    status, told = await merchant.ask("POST", "/v2/checkout/orders", wish() | change)

    assert (status, told["name"], issue_of(told)) == (400, "INVALID_REQUEST", issue)
    assert where in (None, told["details"][0]["field"])
    assert told["debug_id"]


async def test_a_breakdown_has_to_add_up(merchant: Merchant) -> None:
    asked = wish()
    asked["purchase_units"][0]["amount"]["breakdown"] = {
        "item_total": {"currency_code": "EUR", "value": "40.00"},
        "tax_total": {"currency_code": "EUR", "value": "9.99"},
    }

    status, told = await merchant.ask("POST", "/v2/checkout/orders", asked)

    assert (status, issue_of(told)) == (422, "AMOUNT_MISMATCH")


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff", b"[]", b"null", b'"x"', b"[" * 5000, b'{"intent": "\\ud800"}']
)
@pytest.mark.parametrize("path", ["/v2/checkout/orders", "/v1/notifications/webhooks", "/v2/nothing"])
async def test_garbage_is_refused_in_paypals_words(merchant: Merchant, path: str, raw: bytes) -> None:
    status, told = await merchant.ask("POST", path, raw=raw)

    assert status in (400, 404)
    assert told["name"] in ("INVALID_REQUEST", "RESOURCE_NOT_FOUND")


async def test_what_does_not_exist_is_not_found_nor_is_anothers(merchant: Merchant) -> None:
    other = Merchant(merchant.url, merchant.http)
    await other.log_in()
    order_id = await merchant.order()

    answers = [
        await other.ask("GET", f"/v2/checkout/orders/{order_id}"),
        await merchant.ask("GET", "/v2/payments/captures/NOBODY"),
        await merchant.ask("GET", f"/v2/payments/refunds/{order_id}"),
    ]

    assert [(status, told["name"]) for status, told in answers] == [(404, "RESOURCE_NOT_FOUND")] * 3
    assert (await merchant.ask("DELETE", f"/v2/checkout/orders/{order_id}"))[0] == 405


async def test_a_refusal_can_be_asked_for_by_name(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.approve(order_id)
    mock = json.dumps({"mock_application_codes": "INSTRUMENT_DECLINED"})

    status, told = await merchant.ask(
        "POST", f"/v2/checkout/orders/{order_id}/capture", PayPal_Mock_Response=mock
    )
    taken, _ = await merchant.ask("POST", f"/v2/checkout/orders/{order_id}/capture")

    assert (status, issue_of(told), taken) == (422, "INSTRUMENT_DECLINED", 201)


@dataclass
class Listener:
    """Somebody's webhook: keeps what comes."""

    url: str = ""
    came: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listening, app = Listener(), web.Application()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        listening.came.append((await request.read(), headers))
        return web.Response()

    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listening.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield listening
    await runner.cleanup()


async def test_a_webhook_is_told_and_paypal_says_whether_it_was_its_own(
    merchant: Merchant, listener: Listener
) -> None:
    hook = {"url": listener.url, "event_types": [{"name": "CHECKOUT.ORDER.APPROVED"}]}
    status, made = await merchant.ask("POST", "/v1/notifications/webhooks", hook)
    twice, told = await merchant.ask("POST", "/v1/notifications/webhooks", hook)
    await merchant.approve(await merchant.order())
    await merchant.control("POST", "/deliveries/drain")

    [(raw, headers)] = listener.came
    event = json.loads(raw)
    proof = {
        "auth_algo": headers["paypal-auth-algo"],
        "cert_url": headers["paypal-cert-url"],
        "transmission_id": headers["paypal-transmission-id"],
        "transmission_sig": headers["paypal-transmission-sig"],
        "transmission_time": headers["paypal-transmission-time"],
        "webhook_id": made["id"],
        "webhook_event": event,
    }
    checked = [
        (await merchant.ask("POST", "/v1/notifications/verify-webhook-signature", each))[1]
        for each in (proof, proof | {"transmission_id": "other"}, proof | {"webhook_event": {"id": "x"}})
    ]
    listed = (await merchant.ask("GET", "/v1/notifications/webhooks-events?page_size=5"))[1]["events"]

    assert (status, twice, issue_of(told)) == (201, 400, "WEBHOOK_URL_ALREADY_EXISTS")
    assert [each["verification_status"] for each in checked] == ["SUCCESS", "FAILURE", "FAILURE"]
    assert (event["event_type"], event["resource_type"]) == ("CHECKOUT.ORDER.APPROVED", "checkout-order")
    assert listed == [event]
    assert (await merchant.ask("DELETE", f"/v1/notifications/webhooks/{made['id']}"))[0] == 204


async def test_events_are_listed_page_by_page(merchant: Merchant) -> None:
    for _ in range(5):
        await merchant.approve(await merchant.order())

    path, seen = "/v1/notifications/webhooks-events?page_size=2&start_time=2020-01-01T00:00:00Z", []
    while path:
        _, page = await merchant.ask("GET", path)
        seen += [event["id"] for event in page["events"]]
        path = next((each["href"].partition("/paypal")[2] for each in page["links"]), "")

    assert len(set(seen)) == len(seen) == 5
    assert (await merchant.ask("GET", "/v1/notifications/webhooks-events?page_size=0"))[0] == 400


async def test_a_fault_hits_paypal_as_it_hits_others(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.approve(order_id)
    fault = {"provider": "paypal", "account": merchant.client, "route": "POST *capture"}
    await merchant.control("POST", "/faults", kind="response_500_after", **fault)
    await merchant.control("POST", "/faults", kind="rate_limit", **fault)
    path = f"/v2/checkout/orders/{order_id}/capture"

    answers = [await merchant.ask("POST", path, PayPal_Request_Id="key") for _ in range(3)]

    assert [status for status, _ in answers] == [500, 429, 200]
    assert [answers[0][1]["name"], answers[1][1]["name"]] == ["INTERNAL_SERVER_ERROR", "RATE_LIMIT_REACHED"]


async def test_many_captures_at_once_take_the_money_once(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.approve(order_id)
    path = f"/v2/checkout/orders/{order_id}/capture"

    answers = await asyncio.gather(*(merchant.ask("POST", path) for _ in range(10)))

    assert sorted(status for status, _ in answers) == [201] + [422] * 9
    books = await merchant.control("GET", f"/accounts/{merchant.client}/payments")
    assert [each["captured"] for each in books] == [5000]
