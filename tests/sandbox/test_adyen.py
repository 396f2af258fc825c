"""Adyen's face, driven by Adyen's own package: nothing of it is changed but the base address."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import Adyen
import aiohttp
import pytest
from Adyen.exceptions import (
    AdyenAPIAuthenticationError,
    AdyenAPICommunicationError,
    AdyenAPIInvalidPermission,
    AdyenAPIResponseError,
    AdyenAPIUnprocessableEntity,
    AdyenAPIValidationError,
)
from Adyen.util import is_valid_hmac_notification
from aiohttp import web
from yarl import URL

from tests.sandbox.conftest import Process
from tests.sandbox.test_garbage import BODIES

MERCHANT, REFERENCE = "HoldfastECOM", "ticket-42"
VISA = "4111111145551142"
EUR = {"value": 2_500, "currency": "EUR"}


@dataclass
class Merchant:
    """A company with an API key of its own, its SDK and its webhook endpoint."""

    url: str
    http: aiohttp.ClientSession
    hook: str = ""
    key: str = field(default_factory=lambda: f"AQE{secrets.token_hex(12)}")
    received: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def sdk(self, key: str | None = None) -> Any:
        client = Adyen.Adyen(
            xapikey=key or self.key,
            merchant_account=MERCHANT,
            platform="test",
            http_timeout=15,
            http_force="requests",
        )
        for service in vars(client.checkout).values():
            if hasattr(service, "baseUrl"):
                service.baseUrl = f"{self.url}/adyen/checkout/v72"
        client.management.webhooks_merchant_level_api.baseUrl = f"{self.url}/adyen/management/v3"
        return client

    async def call(self, name: str, *arguments: Any, key: str | None = None, **more: Any) -> Any:
        """Call the SDK, such as `payments_api.sessions`, in a thread; gives its result."""
        service, _, method = name.partition(".")
        api = self.sdk(key)
        return await asyncio.to_thread(getattr(getattr(api.checkout, service), method), *arguments, **more)

    async def session(self, **more: Any) -> dict[str, Any]:
        done = await self.call("payments_api.sessions", wish(**more))
        assert done.status_code == 201
        told: dict[str, Any] = done.message
        return told

    async def pay(self, session: str, card: str = VISA, **more: Any) -> dict[str, Any]:
        done: dict[str, Any] = await self.control("POST", f"/checkout/{session}/pay", card=card, **more)
        return done

    async def paid(self, **more: Any) -> str:
        """Pay a session; gives the payment's pspReference."""
        session = await self.session(**more)
        await self.pay(session["id"])
        return str((await self.told("AUTHORISATION"))[-1]["pspReference"])

    async def hmac(self) -> str:
        """Open a webhook at our endpoint by the Management API; gives its key."""
        api = self.sdk().management.webhooks_merchant_level_api
        wish = {"type": "standard", "url": self.hook, "active": True, "communicationFormat": "json",
                "username": "adyen", "password": "open sesame"}  # fmt: skip
        made = await asyncio.to_thread(api.set_up_webhook, wish, MERCHANT)
        key = await asyncio.to_thread(api.generate_hmac_key, MERCHANT, made.message["id"])
        return str(key.message["hmacKey"])

    async def control(self, method: str, path: str, **body: Any) -> Any:
        async with self.http.request(method, f"{self.url}/_sandbox{path}", json=body or None) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def told(self, *codes: str) -> list[dict[str, Any]]:
        """Wait for all notifications that are due; gives their items, as the sandbox told them."""
        await self.control("POST", "/deliveries/drain", seconds=10)
        events = await self.control("GET", f"/accounts/{self.key}/events")
        return [each for each in events if not codes or each["eventCode"] in codes]

    async def payment(self) -> dict[str, Any]:
        listed = await self.control("GET", f"/accounts/{self.key}/payments")
        newest: dict[str, Any] = listed[-1]
        return newest


def wish(**more: Any) -> dict[str, Any]:
    """Write the body of a session; None leaves a field out."""
    body = {
        "merchantAccount": MERCHANT,
        "amount": EUR,
        "reference": REFERENCE,
        "returnUrl": "https://shop.example/back?lang=nl",
        **more,
    }
    return {name: value for name, value in body.items() if value is not None}


@pytest.fixture
async def merchant(sandbox: Process, http: aiohttp.ClientSession) -> AsyncIterator[Merchant]:
    """Open a company nobody has used, which listens for notifications."""
    mine, app = Merchant(sandbox.url, http), web.Application()

    async def take(request: web.Request) -> web.Response:
        mine.received.append((await request.json(), request.headers.get("Authorization", "")))
        return web.Response(text=mine.answers.pop(0) if mine.answers else "[accepted]")

    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mine.hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield mine
    await runner.cleanup()


async def test_a_session_is_opened_paid_and_told(merchant: Merchant) -> None:
    session = await merchant.session(mode="hosted", themeId="theme", metadata={"payment_id": "p1"})

    outcome = await merchant.pay(session["id"], name="Ada")

    assert session["url"].endswith(f"/pay/{session['id']}")
    assert (session["amount"], session["reference"], session["mode"]) == (EUR, REFERENCE, "hosted")
    assert outcome["outcome"] == "paid"
    (item,) = await merchant.told()
    assert (item["eventCode"], item["success"], item["amount"]) == ("AUTHORISATION", "true", EUR)
    assert (item["merchantAccountCode"], item["merchantReference"]) == (MERCHANT, REFERENCE)
    assert (item["additionalData"]["cardSummary"], item["paymentMethod"]) == ("1142", "visa")
    assert item["additionalData"]["metadata.payment_id"] == "p1"
    assert len(item["pspReference"]) == 16


async def test_a_session_without_a_page_has_data_and_no_address(merchant: Merchant) -> None:
    session = await merchant.session()

    assert session["sessionData"]
    assert "url" not in session


async def test_the_result_of_a_session_is_told_to_whoever_brings_it_back(merchant: Merchant) -> None:
    session = await merchant.session(mode="hosted", themeId="theme")
    form = {"card": VISA, "expiry": "03/30", "cvc": "737", "email": "ada@example.com", "name": ""}

    async with merchant.http.post(session["url"], data=form, allow_redirects=False) as paid:
        back = parse_qs(urlsplit(paid.headers["Location"]).query)
    asked = await merchant.call(
        "payments_api.get_result_of_payment_session",
        session["id"],
        query_parameters={"sessionResult": back["sessionResult"][0]},
    )

    assert (back["lang"], back["sessionId"]) == (["nl"], [session["id"]])
    assert asked.message["status"] == "completed"
    assert asked.message["payments"][0]["resultCode"] == "Authorised"
    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call(
            "payments_api.get_result_of_payment_session",
            session["id"],
            query_parameters={"sessionResult": "x"},
        )


@pytest.mark.parametrize(
    ("changed", "kind", "code"),
    [
        ({"amount": None}, AdyenAPIUnprocessableEntity, "100"),
        ({"reference": None}, AdyenAPIUnprocessableEntity, "130"),
        ({"returnUrl": None}, AdyenAPIUnprocessableEntity, "14_030"),
        ({"amount": {"value": 0, "currency": "EUR"}}, AdyenAPIUnprocessableEntity, "137"),
        ({"amount": {"value": 100, "currency": "XXX"}}, AdyenAPIUnprocessableEntity, "138"),
        ({"amount": {"value": "100", "currency": "EUR"}}, AdyenAPIValidationError, "702"),
        ({"amount": {"value": 100}}, AdyenAPIValidationError, "702"),
        ({"colour": "red"}, AdyenAPIValidationError, "702"),
        ({"reference": "r" * 81}, AdyenAPIValidationError, "702"),
        ({"metadata": {"n": 1}}, AdyenAPIValidationError, "702"),
        ({"countryCode": "NLD"}, AdyenAPIValidationError, "702"),
        ({"expiresAt": "tomorrow"}, AdyenAPIUnprocessableEntity, "14_018"),
        ({"expiresAt": "2020-01-01T00:00:00+00:00"}, AdyenAPIUnprocessableEntity, "14_018"),
        ({"mode": "hosted"}, AdyenAPIUnprocessableEntity, "158"),
    ],
)
async def test_a_wrong_wish_gets_adyens_error(
    merchant: Merchant, changed: dict[str, Any], kind: type[AdyenAPIResponseError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        await merchant.call("payments_api.sessions", wish(**changed))

    assert refused.value.error_code == code


async def test_only_a_key_of_adyens_shape_gets_in(merchant: Merchant) -> None:
    with pytest.raises(AdyenAPIAuthenticationError):
        await merchant.call("payments_api.sessions", wish(), key="sk_test_of_somebody_else")


async def test_another_merchants_payment_is_not_ours_to_change(merchant: Merchant) -> None:
    psp = await merchant.paid()

    with pytest.raises(AdyenAPIInvalidPermission) as refused:
        await merchant.call(
            "modifications_api.refund_captured_payment", {"merchantAccount": "Another", "amount": EUR}, psp
        )

    assert refused.value.error_code == "901"


async def test_a_payment_nobody_made_cannot_be_changed(merchant: Merchant) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity) as refused:
        await merchant.call(
            "modifications_api.capture_authorised_payment",
            {"merchantAccount": MERCHANT, "amount": EUR},
            "NOBODYS",
        )

    assert refused.value.error_code == "167"


@pytest.mark.parametrize(
    ("holder", "result", "code"),
    [
        ("APPROVED", "Authorised", None),
        ("DECLINED", "Refused", "2"),
        ("REFERRAL", "Refused", "3"),
        ("ERROR", "Error", "4"),
        ("BLOCK_CARD", "Refused", "5"),
        ("CARD_EXPIRED", "Refused", "6"),
        ("INVALID_AMOUNT", "Refused", "7"),
        ("NOT_ENOUGH_BALANCE", "Refused", "12"),
    ],
)
async def test_the_holder_orders_what_becomes_of_a_payment(
    merchant: Merchant, holder: str, result: str, code: str | None
) -> None:
    done = await merchant.call("payments_api.payments", wish(paymentMethod=card(holderName=holder)))

    assert done.status_code == 200
    assert (done.message["resultCode"], done.message.get("refusalReasonCode")) == (result, code)
    (item,) = await merchant.told("AUTHORISATION")
    assert item["success"] == ("true" if code is None else "false")
    assert item["pspReference"] == done.message["pspReference"]


def card(**more: str) -> dict[str, str]:
    return {
        "type": "scheme",
        "encryptedCardNumber": f"test_{VISA}",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_737",
        **more,
    }


async def test_a_real_card_number_never_gets_in(merchant: Merchant) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call(
            "payments_api.payments", wish(paymentMethod=card(encryptedCardNumber="test_4000001234567899"))
        )


async def test_a_shopper_who_must_be_authenticated_is_redirected_and_comes_back(merchant: Merchant) -> None:
    asked = await merchant.call(
        "payments_api.payments", wish(paymentMethod=card(encryptedCardNumber="test_4917610000000000"))
    )
    address = asked.message["action"]["url"]

    form = {"code": "123456", "answer": "pay"}
    async with merchant.http.post(address, data=form, allow_redirects=False) as passed:
        back = parse_qs(urlsplit(passed.headers["Location"]).query)
    done = await merchant.call(
        "payments_api.payments_details", {"details": {"redirectResult": back["redirectResult"][0]}}
    )

    assert asked.message["resultCode"] == "RedirectShopper"
    assert done.message["resultCode"] == "Authorised"


async def test_a_failed_authentication_is_told_as_a_refusal(merchant: Merchant) -> None:
    session = await merchant.session()
    await merchant.pay(session["id"], "4917610000000000")

    await merchant.control("POST", f"/payments/{(await merchant.payment())['id']}/challenge", code="000000")

    (item,) = await merchant.told()
    assert (item["success"], item["reason"]) == ("false", "3D Not Authenticated")


MANUAL = {"additionalData": {"manualCapture": "true"}}


@pytest.mark.parametrize(
    ("name", "path", "event", "left"),
    [
        ("capture_authorised_payment", "captures", "CAPTURE", ("captured", 2_500, 0)),
        ("cancel_authorised_payment_by_psp_reference", "cancels", "CANCELLATION", ("cancelled", 0, 0)),
        ("refund_or_cancel_payment", "reversals", "CANCEL_OR_REFUND", ("cancelled", 0, 0)),
    ],
)
async def test_what_becomes_of_a_hold_is_told_by_a_notification_alone(
    merchant: Merchant, name: str, path: str, event: str, left: tuple[str, int, int]
) -> None:
    psp = await merchant.paid(**MANUAL)
    body = {"merchantAccount": MERCHANT, "reference": "mine"} | (
        {"amount": EUR} if path == "captures" else {}
    )

    asked = await merchant.call(f"modifications_api.{name}", body, psp)

    assert (asked.status_code, asked.message["status"]) == (201, "received")
    assert asked.message["pspReference"] != psp
    (item,) = await merchant.told(event)
    assert (item["success"], item["originalReference"], item["merchantReference"]) == ("true", psp, "mine")
    assert item["pspReference"] == asked.message["pspReference"]
    payment = await merchant.payment()
    assert (payment["status"], payment["captured"], payment["refunded"]) == left


async def test_refunds_in_parts_fail_when_nothing_is_left(merchant: Merchant) -> None:
    psp = await merchant.paid()

    for value in (1_000, 1_500, 1):
        body = {
            "merchantAccount": MERCHANT,
            "amount": {"value": value, "currency": "EUR"},
            "reference": f"r{value}",
        }
        await merchant.call("modifications_api.refund_captured_payment", body, psp)
    told = await merchant.told("REFUND")

    assert {each["merchantReference"]: each["success"] for each in told} == {
        "r1000": "true", "r1500": "true", "r1": "false",
    }  # fmt: skip
    assert (await merchant.payment())["refunded"] == 2_500


async def test_a_refund_that_comes_back_is_told_as_a_failure_that_succeeded(merchant: Merchant) -> None:
    session = await merchant.session()
    await merchant.pay(session["id"], "refundFail")
    psp = (await merchant.told("AUTHORISATION"))[0]["pspReference"]
    body = {"merchantAccount": MERCHANT, "amount": EUR}

    asked = await merchant.call("modifications_api.refund_captured_payment", body, psp)
    await merchant.told("REFUND")
    await merchant.control("POST", "/clock/advance", seconds=10, account=merchant.key)

    told = [(each["eventCode"], each["success"], each["pspReference"]) for each in await merchant.told()][1:]
    assert told == [
        ("REFUND", "true", asked.message["pspReference"]),
        ("REFUND_FAILED", "true", asked.message["pspReference"]),
    ]
    assert (await merchant.payment())["refunded"] == 0


async def test_an_outcome_fails_on_order_and_a_capture_may_be_lost_later(merchant: Merchant) -> None:
    psp = await merchant.paid(**MANUAL)
    body = {"merchantAccount": MERCHANT, "amount": EUR}
    await merchant.control(
        "POST",
        "/faults",
        provider="adyen",
        account=merchant.key,
        kind="outcome_fails",
        route="POST /v72/payments/*/captures",
    )

    await merchant.call("modifications_api.capture_authorised_payment", body, psp)
    await merchant.told()
    await merchant.call("modifications_api.capture_authorised_payment", body, psp)
    await merchant.told()
    await merchant.control("POST", f"/payments/{(await merchant.payment())['id']}/lose")

    told = [(each["eventCode"], each["success"]) for each in await merchant.told()]
    assert told == [
        ("AUTHORISATION", "true"), ("CAPTURE", "false"), ("CAPTURE", "true"), ("CAPTURE_FAILED", "true"),
    ]  # fmt: skip


async def test_a_cancel_by_our_reference_needs_no_psp_reference(merchant: Merchant) -> None:
    await merchant.paid(**MANUAL)

    asked = await merchant.call(
        "modifications_api.cancel_authorised_payment",
        {"merchantAccount": MERCHANT, "paymentReference": REFERENCE},
    )

    assert asked.status_code == 201
    (item,) = await merchant.told("TECHNICAL_CANCEL")
    assert item["success"] == "true"
    assert (await merchant.payment())["status"] == "cancelled"


async def test_a_hold_that_nobody_takes_lapses(merchant: Merchant) -> None:
    psp = await merchant.paid(**MANUAL)

    await merchant.control("POST", "/clock/advance", seconds=8 * 24 * 3600, account=merchant.key)

    (item,) = await merchant.told("EXPIRE")
    assert item["originalReference"] == psp


async def test_the_same_key_gives_the_first_answer_whatever_is_asked(merchant: Merchant) -> None:
    first = await merchant.call("payments_api.sessions", wish(), idempotency_key="k1")
    again = await merchant.call("payments_api.sessions", wish(reference="another"), idempotency_key="k1")
    other = await merchant.call("payments_api.sessions", wish(), idempotency_key="k2")

    assert again.message == first.message
    assert other.message["id"] != first.message["id"]
    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call("payments_api.sessions", wish(), idempotency_key="k" * 65)


async def test_a_request_that_was_done_and_answered_500_is_replayed_as_it_went(merchant: Merchant) -> None:
    await merchant.control(
        "POST",
        "/faults",
        provider="adyen",
        account=merchant.key,
        kind="response_500_after",
        route="POST /v72/sessions",
    )

    with pytest.raises(AdyenAPICommunicationError):
        await merchant.call("payments_api.sessions", wish(), idempotency_key="k1")
    again = await merchant.call("payments_api.sessions", wish(), idempotency_key="k1")

    assert again.status_code == 201
    assert len(await merchant.control("GET", f"/accounts/{merchant.key}/checkouts")) == 1


async def test_notifications_are_signed_packed_and_sent_until_they_are_accepted(merchant: Merchant) -> None:
    key = await merchant.hmac()
    merchant.answers = ["ok", "[accepted]"]

    psp = await merchant.paid(**MANUAL)
    await merchant.control("POST", "/clock/advance", seconds=60, account=merchant.key)
    body = {"merchantAccount": MERCHANT, "amount": EUR}
    await merchant.call("modifications_api.capture_authorised_payment", body, psp)
    await merchant.told()

    refused, taken, captured = merchant.received
    assert refused[0] == taken[0]
    for told, shown in merchant.received:
        assert told["live"] == "false"
        assert base64.b64decode(shown.removeprefix("Basic ")).decode() == "adyen:open sesame"
        (item,) = (each["NotificationRequestItem"] for each in told["notificationItems"])
        assert is_valid_hmac_notification(json.loads(json.dumps(item)), key)
    assert captured[0]["notificationItems"][0]["NotificationRequestItem"]["eventCode"] == "CAPTURE"


async def test_what_waits_for_one_endpoint_goes_out_together(merchant: Merchant) -> None:
    key = await merchant.hmac()
    await merchant.control(
        "POST", "/faults", provider="adyen", account=merchant.key, kind="webhook_hold", times=3
    )
    for _ in range(3):
        await merchant.paid()

    await merchant.control("POST", "/deliveries/release", account=merchant.key)
    await merchant.told()

    items = [
        each["NotificationRequestItem"] for told, _ in merchant.received for each in told["notificationItems"]
    ]
    assert len(merchant.received) == 1
    assert len({each["pspReference"] for each in items}) == len(items) == 3
    assert all(is_valid_hmac_notification(each, key) for each in items)


GARBAGE = [
    *BODIES,
    b'{"amount": {"value": 1e400, "currency": "EUR"}}',
    b'{"amount": {"value": true, "currency": "EUR"}}',
    b'{"amount": {"value": 1, "currency": "\\ud800\\ud800\\ud800"}}',
    b'{"merchantAccount": [], "reference": {}, "returnUrl": 1}',
    b'{"lineItems": [{"quantity": "x"}], "metadata": {"a": {}}}',
    json.dumps(wish(lineItems=[{"quantity": 10**20, "amountIncludingTax": 10**20}])).encode(),
    json.dumps(wish(expiresAt="9999-12-31T23:59:59+00:00")).encode(),
    json.dumps(wish(amount={"value": 10**30, "currency": "EUR"})).encode(),
    json.dumps(wish(paymentMethod={"type": "scheme", "encryptedCardNumber": ["4"]})).encode(),
    json.dumps({"details": {"redirectResult": None}}).encode(),
]
PATHS = [
    "checkout/v72/sessions",
    "checkout/v72/payments",
    "checkout/v72/payments/details",
    "checkout/v72/payments/%00/captures",
    "checkout/v72/payments/x/refunds",
    "checkout/v72/cancels",
    "checkout/v72/paymentMethods",
    "management/v3/merchants/x/webhooks",
    "management/v3/merchants/x/webhooks/y/generateHmac",
    "nowhere",
    "",
]


@pytest.mark.parametrize("path", PATHS)
async def test_garbage_is_refused_and_never_a_500(merchant: Merchant, path: str) -> None:
    url = URL(f"{merchant.url}/adyen/{path}", encoded=True)
    statuses = dict[int | str, int]()
    for n, body in enumerate(GARBAGE):
        headers = {
            "X-API-Key": merchant.key,
            "Content-Type": ("application/json", "text/plain", "application/json")[n % 3],
            "Idempotency-Key": ("", "é", "k" * 65, f"fresh{n}")[n % 4],
        }
        async with merchant.http.post(url, data=body, headers=headers) as answer:
            statuses[n] = answer.status
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        async with merchant.http.request(method, url, headers={"X-API-Key": merchant.key}) as answer:
            statuses[method] = answer.status

    assert all(status < 500 for status in statuses.values()), statuses
