"""What only Adyen does: sessions of so many fields, outcomes that are told, items signed each by itself."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, strategies as st

from domain.decline import Decline
from domain.money import Money
from domain.payment import Closing, FactKind, PaymentStatus, RiskResult, fold
from providers.adyen_gateway import decline, reference, webhook
from providers.adyen_gateway.amount import from_adyen, to_adyen
from providers.adyen_gateway.gateway import AdyenGateway
from providers.amount import UNCOUNTABLE
from providers.gateway import (
    BadSignature,
    GatewayTrouble,
    NotExecuted,
    NotFound,
    OutcomeUnknown,
    RefundStatus,
    Refused,
    StateConflict,
    Unreachable,
)
from tests.providers.conftest import (
    MERCHANT,
    Delivery,
    Desk,
    MakeOrder,
    Told,
    adyen_desk,
    adyen_gateway,
    key_of,
)
from tests.providers.test_faults import FAULTS, Fault, tried
from tests.support.sandbox import Account

# Adyen's own example of a signature (its page "Verify HMAC signatures").
KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
SIGNED, SIGNATURE = (
    {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
        "eventDate": "2014-08-06T13:18:51+02:00",
    },
    "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
)
OTHER_KEY = "00" * 32
PAYMENT, REFUND = UUID(int=1), UUID(int=2)


def envelope(*items: dict[str, Any], live: str = "false") -> bytes:
    listed = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": live, "notificationItems": listed}).encode()


def signed(item: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    values = [item.get(name, "") for name in names]
    values += [item["amount"]["value"], item["amount"]["currency"], item["eventCode"], item["success"]]
    text = ":".join(map(str, values)).encode()
    mark = base64.b64encode(hmac.new(bytes.fromhex(key), text, hashlib.sha256).digest()).decode()
    return {**item, "additionalData": {**item.get("additionalData", {}), "hmacSignature": mark}}


def item(code: str, *, success: bool = True, **more: Any) -> dict[str, Any]:
    """Write what is told of a payment of 25.00 EUR, as Adyen does."""
    return {
        "pspReference": "PSPOFTHEEVENT",
        "originalReference": "PSPOFTHEPAYMENT",
        "merchantAccountCode": MERCHANT,
        "merchantReference": str(PAYMENT),
        "amount": {"value": 2_500, "currency": "EUR"},
        "eventCode": code,
        "eventDate": "2026-11-21T20:15:00+01:00",
        "success": "true" if success else "false",
        "reason": "",
        **more,
    }


@pytest.fixture
async def adyen(account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]) -> Desk:
    """Give an account at Adyen."""
    return await adyen_desk(account, http, received)


@pytest.fixture
async def stub() -> AsyncIterator[tuple[str, list[Any], list[web.Response]]]:
    """Listen as Adyen would, and answer as ordered; keeps headers and bodies."""
    came: list[Any] = []
    answers: list[web.Response] = []

    async def take(request: web.Request) -> web.Response:
        came.append((request.path, dict(request.headers), await request.json()))
        return answers.pop(0)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", came, answers
    await runner.cleanup()


@pytest.mark.row("PAY-04", partly="refunds and errors: below; methods by country: not yet")
async def test_a_session_is_asked_for_with_exactly_these_fields_and_a_key(
    account: Account, order: MakeOrder, stub: tuple[str, list[Any], list[web.Response]]
) -> None:
    address, came, answers = stub
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=15)
    session = {
        "id": "CS1",
        "sessionData": "data",
        "expiresAt": ends.isoformat(),
        "url": "https://pay.example",
    }
    answers.append(web.json_response(session, status=201))
    wished = order(expires_at=ends)

    opened = await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    ((path, headers, body),) = came
    assert (path, headers["Idempotency-Key"]) == ("/v72/sessions", key_of(wished))
    assert body == {
        "merchantAccount": MERCHANT,
        "amount": {"value": 59_999, "currency": "USD"},
        "reference": str(wished.payment_id),
        "returnUrl": f"https://shop.example/back?lang=de&payment_id={wished.payment_id}&checkout=done",
        "countryCode": "NL",
        "shopperLocale": "nl-NL",
        "metadata": {
            "tenant": str(wished.tenant_id),
            "booking_id": str(wished.booking_id),
            "payment_id": str(wished.payment_id),
            "reference": "BK-2026-000042",
        },
        "allowedPaymentMethods": ["scheme", "ideal", "paypal", "applepay", "googlepay"],
        "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}},
        "captureDelayHours": 0,
        "lineItems": [
            {"quantity": 1, "description": "Harbour cruise, 2 places", "amountIncludingTax": 59_999}
        ],
        "expiresAt": ends.isoformat(),
        "mode": "hosted",
        "themeId": "default",
    }
    assert (opened.payment_url, opened.expires_at) == ("https://pay.example", ends)


async def test_a_client_pays_with_the_sessions_id_and_data(adyen: Desk, order: MakeOrder) -> None:
    wished = order(hosted=False)

    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))

    assert json.loads(opened.client_secret or "").keys() == {"id", "sessionData"}


@pytest.mark.parametrize(
    ("status", "headers", "code", "trouble", "reason"),
    [
        (400, {}, "702", Refused, "adyen_702"),
        (401, {}, "000", Refused, "not_authorised"),
        (403, {}, "901", Refused, "not_authorised"),
        (404, {}, "14_002", NotFound, "resource_missing"),
        (422, {}, "167", NotFound, "resource_missing"),
        (422, {}, "14_030", Refused, "adyen_14_030"),
        (422, {}, "7 words of a person", Refused, "invalid_request"),
        (422, {"transient-error": "true"}, "901", NotExecuted, "in_progress"),
        (422, {}, "704", NotExecuted, "in_progress"),
        (429, {"Retry-After": "3"}, "", NotExecuted, "rate_limited"),
        (500, {}, "905", OutcomeUnknown, "server_error"),
        (503, {}, "", OutcomeUnknown, "server_error"),
    ],
)
async def test_an_error_of_adyens_is_a_trouble_that_every_gateway_knows(
    account: Account,
    order: MakeOrder,
    stub: tuple[str, list[Any], list[web.Response]],
    status: int,
    headers: dict[str, str],
    code: str,
    trouble: type[GatewayTrouble],
    reason: str,
) -> None:
    address, _, answers = stub
    body = {"status": status, "errorCode": code, "message": "Ada's card", "errorType": "validation"}
    answers.append(web.json_response(body, status=status, headers=headers))
    wished = order()

    with pytest.raises(trouble) as raised:
        await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    assert raised.value.reason == reason
    assert (raised.value.retry_after == timedelta(seconds=3)) is (status == 429)


async def test_nobody_there_means_that_nothing_was_sent(account: Account, order: MakeOrder) -> None:
    wished, gateway = order(), adyen_gateway(account, Told([]), api="http://127.0.0.1:1")

    with pytest.raises(Unreachable):
        await gateway.open_checkout(wished, op_key=key_of(wished))


async def test_an_answer_that_does_not_come_in_time_is_an_unknown_outcome(
    adyen: Desk, order: MakeOrder
) -> None:
    await adyen.account.break_down("POST /v72/sessions", "slow", seconds=30)
    impatient = adyen_gateway(adyen.account, Told([]), timeout=timedelta(seconds=1))
    wished = order()

    with pytest.raises(OutcomeUnknown):
        await impatient.open_checkout(wished, op_key=key_of(wished))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.row("PAY-30", partly="Adyen: whoever asks again under the same key leaves one effect behind")
async def test_a_bad_answer_and_the_same_key_leave_one_effect_behind(
    adyen: Desk, order: MakeOrder, name: str
) -> None:
    fault, wished = FAULTS[name], order()
    await _order(adyen, "POST /v72/sessions", fault)

    await tried(lambda: adyen.gateway.open_checkout(wished, op_key=key_of(wished)), fault)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    assert len(await adyen.account.checkouts()) == 1

    await adyen.pay(opened)
    await _order(adyen, "POST /v72/payments/*/refunds", fault)
    refund = _refund(adyen, opened.provider_ref, wished.amount)
    await tried(refund, fault)
    await refund()
    await adyen.told()
    assert [each["amount"] for each in await adyen.account.refunds()] == [wished.amount.minor]


async def _order(desk: Desk, route: str, fault: Fault) -> None:
    await desk.account.break_down(route, fault.kind, **fault.detail)


def _refund(desk: Desk, ref: str, amount: Money, refund_id: str = str(REFUND)) -> Any:
    async def refund() -> Any:
        return await desk.gateway.refund(ref, amount, refund_id=refund_id, op_key=f"{refund_id}:refund:1")

    return refund


async def test_a_hold_is_captured_when_that_was_told(adyen: Desk, order: MakeOrder) -> None:
    wished = order(manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    with pytest.raises(NotExecuted):
        await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
    await adyen.told()
    await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))

    state = fold(wished.amount, await adyen.gateway.fetch(wished.payment_id, opened.provider_ref))
    assert (state.status, state.captured_minor) == (PaymentStatus.CAPTURED, 59_999)


async def test_a_capture_that_was_told_to_have_failed_is_a_conflict(adyen: Desk, order: MakeOrder) -> None:
    wished = order(manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)
    await adyen.account.break_down("POST /v72/payments/*/captures", "outcome_fails")

    for trouble in (NotExecuted, StateConflict):
        with pytest.raises(trouble):
            await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
        await adyen.told()

    assert (await adyen.account.payments())[0]["status"] == "authorized"


async def test_a_hold_is_released_and_what_is_released_is_not_taken(adyen: Desk, order: MakeOrder) -> None:
    wished = order(manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    for _ in range(2):
        await adyen.gateway.void(opened.provider_ref, op_key=key_of(wished, "void"))
        await adyen.told()

    state = fold(wished.amount, await adyen.gateway.fetch(wished.payment_id, opened.provider_ref))
    assert state.status is PaymentStatus.CANCELLED
    with pytest.raises(StateConflict):
        await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))


async def test_what_was_taken_is_not_released(adyen: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    with pytest.raises(StateConflict):
        await adyen.gateway.void(opened.provider_ref, op_key=key_of(wished, "void"))


@pytest.mark.parametrize(
    ("card", "then", "status"),
    [
        ("visa", timedelta(), RefundStatus.COMPLETED),
        ("pendingRefund", timedelta(minutes=1), RefundStatus.COMPLETED),
        ("refundFail", timedelta(minutes=1), RefundStatus.FAILED),
    ],
)
@pytest.mark.row(
    "PAY-04", partly="the refund: merchant, amount, own reference and the payment's pspReference"
)
async def test_what_became_of_a_refund_is_told(
    adyen: Desk, order: MakeOrder, card: str, then: timedelta, status: RefundStatus
) -> None:
    wished, part = order(), Money(minor=20_000, currency="USD")
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened, card)

    asked = await _refund(adyen, opened.provider_ref, part)()
    await adyen.told()
    if then:
        await adyen.advance(then)
        await adyen.told()
    found = await adyen.gateway.find_refund(opened.provider_ref, refund_id=str(REFUND))

    assert found is not None
    assert (
        (found.provider_ref, found.amount) == (asked.provider_ref, asked.amount) == (asked.provider_ref, part)
    )
    assert found.status is status


async def test_more_than_is_left_is_taken_and_told_to_have_failed(adyen: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    with pytest.raises(StateConflict):
        await _refund(adyen, opened.provider_ref, wished.amount)()
    await adyen.pay(opened)

    await _refund(adyen, opened.provider_ref, wished.amount * 2)()
    await adyen.told()

    found = await adyen.gateway.find_refund(opened.provider_ref, refund_id=str(REFUND))
    assert found is not None
    assert found.status is RefundStatus.FAILED
    assert await adyen.account.kept() == 59_999


async def test_a_session_cannot_be_taken_back_but_ends_at_its_time(adyen: Desk, order: MakeOrder) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    wished = order(expires_at=ends)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    times = {"now": ends - timedelta(seconds=1), "then": ends}
    standings = {}
    for name, at in times.items():
        told = Told(adyen.received, {wished.payment_id: ends})
        gateway = adyen_gateway(adyen.account, told, clock=at.timestamp)
        assert (
            await gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))
            is Closing.CLOSED
        )
        standings[name] = fold(
            wished.amount, await gateway.fetch(wished.payment_id, opened.provider_ref)
        ).status

    assert standings == {"now": PaymentStatus.PENDING, "then": PaymentStatus.EXPIRED}


# Code, success → what it means for a payment of 25.00 EUR that was held.
TABLE = {
    ("AUTHORISATION", True): (FactKind.AUTHORIZED, "PSPOFTHEEVENT", 2_500),
    ("AUTHORISATION", False): (FactKind.DECLINED, "PSPOFTHEEVENT", None),
    ("CAPTURE", True): (FactKind.CAPTURED, "PSPOFTHEPAYMENT", 2_500),
    ("CAPTURE", False): None,
    ("CAPTURE_FAILED", True): (FactKind.REFUNDED, "PSPOFTHEEVENT", 2_500),
    ("CAPTURE_FAILED", False): None,
    ("CANCELLATION", True): (FactKind.CANCELLED, "PSPOFTHEPAYMENT", None),
    ("CANCELLATION", False): None,
    ("TECHNICAL_CANCEL", True): (FactKind.CANCELLED, "PSPOFTHEPAYMENT", None),
    ("TECHNICAL_CANCEL", False): None,
    ("EXPIRE", True): (FactKind.CANCELLED, "PSPOFTHEPAYMENT", None),
    ("REFUND", True): (FactKind.REFUNDED, "PSPOFTHEEVENT", 2_500),
    ("REFUND", False): (FactKind.REFUND_FAILED, "PSPOFTHEEVENT", 2_500),
    ("CANCEL_OR_REFUND", True): (FactKind.REFUNDED, "PSPOFTHEEVENT", 2_500),
    ("REFUND_FAILED", True): (FactKind.REFUND_FAILED, "PSPOFTHEEVENT", 2_500),
    ("REFUNDED_REVERSED", True): (FactKind.REFUND_FAILED, "PSPOFTHEEVENT", 2_500),
    ("OFFER_CLOSED", True): None,
    ("REPORT_AVAILABLE", True): None,
    ("A_KIND_OF_TOMORROW", True): None,
}


@pytest.mark.row("WHK-05", partly="what follows for bookings and mails: tests/workflows/test_adyen.py")
@pytest.mark.parametrize(("code", "success"), TABLE)
def test_each_kind_of_notification_means_one_thing(code: str, success: bool) -> None:
    told = item(code, success=success, merchantReference=f"{PAYMENT}:hold")

    (event,) = webhook.parse(envelope(told), "main", MERCHANT)

    means = [(each.kind, each.operation, each.amount.minor if each.amount else None) for each in event.facts]
    assert means == ([TABLE[code, success]] if TABLE[code, success] else [])
    assert (event.event_id, event.kind) == (f"PSPOFTHEEVENT:{code}:{told['success']}", code)
    assert (event.payment_id, event.live, event.occurred_at.hour) == (PAYMENT, False, 19)


def test_an_authorisation_that_nobody_wanted_held_has_taken_the_money() -> None:
    (event,) = webhook.parse(envelope(item("AUTHORISATION")), "main", MERCHANT)

    assert event.facts[0].kind is FactKind.CAPTURED


def test_a_reversal_says_what_it_became() -> None:
    released = item("CANCEL_OR_REFUND", additionalData={"modification.action": "cancel"})

    (event,) = webhook.parse(envelope(released), "main", MERCHANT)

    assert event.facts[0].kind is FactKind.CANCELLED


def test_a_refund_names_itself_in_its_reference() -> None:
    told = item("REFUND", merchantReference=reference.of_refund(PAYMENT, str(REFUND)))  # type: ignore[arg-type]

    (event,) = webhook.parse(envelope(told), "main", MERCHANT)

    assert (event.facts[0].payment_id, event.facts[0].refund_id) == (PAYMENT, REFUND)
    assert len(told["merchantReference"]) <= 80


@pytest.mark.row(
    "PAY-26", partly="Adyen's codes name the payment; what follows: tests/workflows/test_adyen.py"
)
@pytest.mark.parametrize(
    ("code", "disputed"),
    [
        ("NOTIFICATION_OF_CHARGEBACK", True),
        ("REQUEST_FOR_INFORMATION", True),
        ("CHARGEBACK", True),
        ("SECOND_CHARGEBACK", True),
        ("CHARGEBACK_REVERSED", False),
        ("NOTIFICATION_OF_FRAUD", False),
    ],
)
def test_a_dispute_names_the_payment(code: str, disputed: bool) -> None:
    (event,) = webhook.parse(envelope(item(code)), "main", MERCHANT)

    assert (event.disputed, event.facts) == ("PSPOFTHEPAYMENT" if disputed else None, ())


def test_what_is_told_of_a_card_and_its_risk() -> None:
    about = {"cardSummary": "1142", "totalFraudScore": "70", "fraudResultType": "AMBER"}
    told = item(
        "AUTHORISATION", success=False, paymentMethod="mc", reason="Not enough balance", additionalData=about
    )

    (event,) = webhook.parse(envelope(told), "main", MERCHANT)

    (said,) = event.facts
    assert (said.method, said.card_brand, said.card_last4) == ("card", "mastercard", "1142")
    assert (said.risk_score, said.risk_result) == (Decimal("6.99"), RiskResult.REVIEW)
    assert (said.decline_code, said.decline_reason) == ("insufficient_funds", "not_enough_balance")


def test_what_is_anothers_merchants_says_nothing_and_is_known_as_such() -> None:
    (event,) = webhook.parse(envelope(item("AUTHORISATION", merchantAccountCode="Another")), "main", MERCHANT)

    assert (event.foreign, event.facts, event.disputed) == (True, (), None)


def test_what_nobody_understands_says_nothing() -> None:
    odd = [
        item("AUTHORISATION", amount={}),
        item("AUTHORISATION", merchantReference=None),
        item("AUTHORISATION", merchantReference="dashboard-7"),
        item("AUTHORISATION", additionalData="odd"),
    ]

    assert [event.facts for event in webhook.parse(envelope(*odd), "main", MERCHANT)] == [()] * 4
    for raw in (b"", b"{", b"[]", b"null", b'{"live":"false"}', b'{"live":"false","notificationItems":[{}]}'):
        assert webhook.parse(raw, "main", MERCHANT) == ()


@pytest.mark.row("WHK-02", partly="the answers: tests/api/test_adyen_webhook.py")
def test_adyens_own_example_is_authentic() -> None:
    good = {**SIGNED, "additionalData": {"hmacSignature": SIGNATURE}}

    webhook.verify(envelope(good), {}, keys=[KEY], login="")
    webhook.verify(envelope(good), {}, keys=[OTHER_KEY, KEY], login="")
    with pytest.raises(BadSignature):
        webhook.verify(envelope(good), {}, keys=[OTHER_KEY], login="")


@pytest.mark.parametrize(
    "changed",
    [
        {"success": "false"},
        {"amount": {"value": 2_501, "currency": "EUR"}},
        {"amount": {"value": 2_500, "currency": "USD"}},
        {"merchantReference": str(REFUND)},
        {"merchantAccountCode": "Another"},
        {"originalReference": "ANOTHER"},
        {"pspReference": "ANOTHER"},
        {"eventCode": "REFUND"},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
        {"additionalData": {"hmacSignature": "é"}},
        {"additionalData": None},
    ],
)
def test_one_altered_item_refuses_them_all(changed: dict[str, Any]) -> None:
    good = signed(item("CAPTURE"))

    with pytest.raises(BadSignature):
        webhook.verify(envelope(good, {**good, **changed}, good), {}, keys=[KEY], login="")


@given(st.binary(max_size=300) | st.recursive(st.none() | st.booleans() | st.text(max_size=9), st.lists).map(
    lambda value: json.dumps({"notificationItems": value}).encode()
))  # fmt: skip
def test_whatever_comes_unsigned_is_refused_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(BadSignature):
        webhook.verify(raw, {}, keys=[KEY], login="")


@pytest.mark.parametrize(
    ("shown", "let_in"),
    [("adyen:open sesame", True), ("adyen:open", False), ("", False), (None, False), ("é:é", False)],
)
def test_a_login_is_a_second_lock(shown: str | None, let_in: bool) -> None:
    raw = envelope(signed(item("CAPTURE")))
    headers = {} if shown is None else {"authorization": "Basic " + base64.b64encode(shown.encode()).decode()}

    if let_in:
        webhook.verify(raw, headers, keys=[KEY], login="adyen:open sesame")
    else:
        with pytest.raises(BadSignature):
            webhook.verify(raw, headers, keys=[KEY], login="adyen:open sesame")


@pytest.mark.parametrize(
    ("minor", "currency", "wire"),
    [
        (1_050, "EUR", 1_050),
        (500, "JPY", 500),
        (5_001, "KWD", 5_001),
        (17_550, "HUF", 17_550),
        (500, "CLP", 50_000),
        (500, "ISK", 50_000),
        (50_000, "IDR", 500),
        (50_000, "CVE", 500),
    ],
)
def test_an_amount_is_counted_as_adyen_counts_it(minor: int, currency: str, wire: int) -> None:
    money = Money(minor=minor, currency=currency)

    assert to_adyen(money) == {"value": wire, "currency": currency}
    assert from_adyen(wire, currency) == money


def test_an_amount_between_units_is_refused_and_equals_none_of_ours() -> None:
    with pytest.raises(Refused):
        to_adyen(Money(minor=50_050, currency="IDR"))
    assert from_adyen(1_050, "ISK").currency == UNCOUNTABLE


@pytest.mark.row("PAY-28", partly="Adyen's reasons; guidance: tests/domain")
@pytest.mark.parametrize(
    ("reason", "means"),
    [
        ("Refused", Decline.CARD_DECLINED),
        ("Blocked Card", Decline.CARD_DECLINED),
        ("FRAUD", Decline.CARD_DECLINED),
        ("Not enough balance", Decline.INSUFFICIENT_FUNDS),
        ("Expired Card", Decline.EXPIRED_CARD),
        ("CVC Declined", Decline.INCORRECT_CVC),
        ("Invalid Card Number", Decline.INCORRECT_DETAILS),
        ("3D Not Authenticated", Decline.AUTHENTICATION_FAILED),
        ("Authentication required", Decline.AUTHENTICATION_REQUIRED),
        ("Acquirer Error", Decline.PROCESSING_ERROR),
        ("Not supported", Decline.METHOD_UNAVAILABLE),
        ("A reason of tomorrow", Decline.CARD_DECLINED),
    ],
)
def test_a_refusal_is_told_in_our_words(reason: str, means: Decline) -> None:
    assert decline.of(reason) is means


def test_a_live_address_is_asked_as_it_stands() -> None:
    live = "https://prefix-checkout-live.adyenpayments.com/checkout"
    gateway = AdyenGateway(
        account="main", merchant=MERCHANT, api_key="AQE", keys=[KEY], memory=Told([]), api=live
    )

    client = gateway._adyen.client
    assert client._determine_api_url(client.platform, f"{live}/v72/sessions") == f"{live}/v72/sessions"


async def test_many_calls_at_once_run_side_by_side(adyen: Desk, order: MakeOrder) -> None:
    wishes = [order() for _ in range(20)]

    opened = await asyncio.gather(
        *(adyen.gateway.open_checkout(each, op_key=key_of(each)) for each in wishes)
    )

    assert [each.provider_ref for each in opened] == [str(each.payment_id) for each in wishes]
