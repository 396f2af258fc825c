"""What Adyen is asked for, and what every answer of its means: to the field, and to the trouble."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from domain.money import Money
from domain.payment import FactKind, PaymentStatus, fold
from providers.adyen_gateway.gateway import AdyenGateway
from providers.gateway import GatewayTrouble, NotExecuted, NotFound, OutcomeUnknown, Refused, Unreachable
from providers.vault import Stored
from tests.providers.adyen_item import KEY
from tests.providers.conftest import MERCHANT, Desk, MakeOrder, Told, adyen_gateway, key_of
from tests.support.sandbox import Account


@pytest.mark.row("PAY-04", partly="the session; refunds: test_adyen_outcome.py")
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


@pytest.mark.parametrize(
    ("method", "manual", "held", "allowed"),
    [
        (None, True, True, ["scheme", "paypal", "applepay", "googlepay"]),
        ("card", True, True, ["scheme"]),
        ("apple_pay", True, True, ["applepay"]),
        ("ideal", True, False, ["ideal"]),
        ("bizum", False, False, ["bizum"]),
    ],
)
async def test_what_cannot_be_held_is_taken_at_once(
    account: Account,
    order: MakeOrder,
    stub: tuple[str, list[Any], list[web.Response]],
    method: str | None,
    manual: bool,
    held: bool,
    allowed: list[str],
) -> None:
    address, came, answers = stub
    ends = datetime.now(UTC) + timedelta(days=3)
    session = {"id": "CS1", "sessionData": "x", "expiresAt": ends.isoformat(), "url": "https://page"}
    answers.append(web.json_response(session, status=201))
    wished = order(
        method=method, manual_capture=manual, expires_at=ends, return_url="https://shop.example/#/back"
    )

    await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    ((_, _, body),) = came
    assert body["reference"] == (f"{wished.payment_id}:hold" if held else str(wished.payment_id))
    assert (body.get("additionalData"), body.get("captureDelayHours")) == (
        ({"manualCapture": "true"}, None) if held else (None, 0)
    )
    assert body["allowedPaymentMethods"] == allowed
    assert datetime.fromisoformat(body["expiresAt"]) < ends - timedelta(days=2)
    assert body["returnUrl"] == f"https://shop.example/?payment_id={wished.payment_id}&checkout=done"


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

    with pytest.raises((OutcomeUnknown, Unreachable)):  # the second on a machine that stood still
        await impatient.open_checkout(wished, op_key=key_of(wished))


def test_a_live_address_is_asked_as_it_stands() -> None:
    live = "https://prefix-checkout-live.adyenpayments.com/checkout"
    gateway = AdyenGateway(
        account="main", merchant=MERCHANT, api_key="AQE", keys=[KEY], memory=Told([]), api=live
    )

    client = gateway._client.checkout.client
    assert client._determine_api_url(client.platform, f"{live}/v72/sessions") == f"{live}/v72/sessions"


async def test_many_calls_at_once_run_side_by_side(adyen: Desk, order: MakeOrder) -> None:
    wishes = [order() for _ in range(20)]

    opened = await asyncio.gather(
        *(adyen.gateway.open_checkout(each, op_key=key_of(each)) for each in wishes)
    )

    assert [each.provider_ref for each in opened] == [str(each.payment_id) for each in wishes]


@pytest.mark.row("PAY-04", partly="methods by country and currency; the session: above")
async def test_methods_are_asked_for_by_country_and_currency_and_told_in_our_names(
    account: Account, stub: tuple[str, list[Any], list[web.Response]]
) -> None:
    address, came, answers = stub
    types = ("scheme", "applepay", "ideal", "a_method_of_tomorrow")
    answers.append(web.json_response({"paymentMethods": [{"type": each, "name": "x"} for each in types]}))

    told = await adyen_gateway(account, Told([]), api=address).methods(
        "NL", Money(minor=2_500, currency="EUR")
    )

    ((path, headers, body),) = came
    assert (path, "Idempotency-Key" in headers) == ("/v72/paymentMethods", False)
    assert body == {
        "merchantAccount": MERCHANT,
        "countryCode": "NL",
        "amount": {"value": 2_500, "currency": "EUR"},
        "shopperLocale": "nl-NL",
    }
    assert told == ["card", "apple_pay", "ideal", "a_method_of_tomorrow"]


@pytest.mark.row("PAY-04", partly="methods by country and currency, as the sandbox has them")
@pytest.mark.parametrize(
    ("country", "currency", "told"),
    [
        ("NL", "EUR", {"card", "ideal", "paypal"}),
        ("ES", "EUR", {"card", "bizum", "paypal"}),
        ("US", "USD", {"card", "paypal"}),
    ],
)
async def test_what_there_is_to_pay_with_depends_on_where_and_in_what(
    adyen: Desk, country: str, currency: str, told: set[str]
) -> None:
    assert isinstance(adyen.gateway, AdyenGateway)

    methods = await adyen.gateway.methods(country, Money(minor=100, currency=currency))

    assert told == {"card", "ideal", "bizum", "paypal"} & set(methods)


STORED = Stored(customer="shopper-1", token="TOKENOFADYENS")  # noqa: S106


@pytest.mark.row("PAY-44", partly="what Adyen is asked for; what comes of it: test_vault_contract.py")
@pytest.mark.parametrize("manual", [True, False])
async def test_a_stored_method_is_charged_with_exactly_these_fields_and_a_key(
    account: Account, order: MakeOrder, stub: tuple[str, list[Any], list[web.Response]], manual: bool
) -> None:
    address, came, answers = stub
    answers.append(web.json_response({"resultCode": "Authorised", "pspReference": "PSP"}))
    wished = order(stored=STORED, manual_capture=manual)

    opened = await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    ((path, headers, body),) = came
    assert (path, headers["Idempotency-Key"]) == ("/v72/payments", key_of(wished))
    names = ("amount", "returnUrl", "countryCode", "shopperLocale", "metadata", "captureDelayHours")
    assert {name: body[name] for name in body if name not in names} == {
        "merchantAccount": MERCHANT,
        "reference": f"{wished.payment_id}:hold" if manual else str(wished.payment_id),
        "paymentMethod": {"type": "scheme", "storedPaymentMethodId": "TOKENOFADYENS"},
        "shopperReference": "shopper-1",
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "CardOnFile",
        **({"additionalData": {"manualCapture": "true"}} if manual else {}),
    }
    assert body["amount"] == {"value": 59_999, "currency": "USD"}
    assert [each.kind for each in opened.facts] == [FactKind.PROCESSING]


async def test_where_the_bank_asks_a_page_is_opened_under_a_key_of_its_own(
    account: Account, order: MakeOrder, stub: tuple[str, list[Any], list[web.Response]]
) -> None:
    address, came, answers = stub
    asks = {"resultCode": "RedirectShopper", "action": {"type": "redirect", "url": "https://bank.example"}}
    session = {"id": "CS1", "sessionData": "x", "expiresAt": "2026-11-21T20:15:00Z", "url": "https://page"}
    answers += [web.json_response(asks), web.json_response(session, status=201)]
    wished = order(stored=STORED, hosted=False)

    opened = await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    _, (path, headers, body) = came
    assert (path, headers["Idempotency-Key"]) == ("/v72/sessions", f"{key_of(wished)}:page")
    assert len(f"{key_of(wished)}:page") <= 64
    assert (body["mode"], body["shopperReference"]) == ("hosted", "shopper-1")
    assert (opened.payment_url, opened.client_secret) == ("https://page", None)
    assert [each.kind for each in opened.facts] == [FactKind.REQUIRES_ACTION]


@pytest.mark.parametrize("result", ["Refused", "Error", "Cancelled"])
async def test_a_stored_method_that_is_declined_leaves_nothing_to_be_paid(
    account: Account, order: MakeOrder, stub: tuple[str, list[Any], list[web.Response]], result: str
) -> None:
    address, _, answers = stub
    no = {"resultCode": result, "pspReference": "PSP", "refusalReason": "Not enough balance"}
    answers.append(web.json_response(no))
    wished = order(stored=STORED)

    opened = await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    state = fold(wished.amount, opened.facts)
    assert (state.status, [*state.declines]) == (PaymentStatus.FAILED, ["PSP"])
    assert (state.decline_code, opened.facts[0].decline_reason) == (
        "insufficient_funds",
        "not_enough_balance",
    )


@pytest.mark.parametrize("answer", [[], {}, {"storedPaymentMethods": [{}]}, {"storedPaymentMethods": 7}])
async def test_a_list_that_nobody_understands_is_an_unknown_outcome(account: Account, answer: Any) -> None:
    async def tell(_: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/{path:.*}", tell)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vault = adyen_gateway(account, Told([]), api=f"http://127.0.0.1:{runner.addresses[0][1]}").vault
    assert vault is not None

    with pytest.raises(OutcomeUnknown):
        await vault.list_methods("shopper-1")
    await runner.cleanup()


async def test_an_owner_of_any_name_is_asked_for_as_they_are_called(adyen: Desk) -> None:
    vault, owner = adyen.gateway.vault, "shopper 1&merchantAccount=Another/é"
    assert vault is not None
    token = await adyen.typed(owner, "visa")

    assert [each.token for each in await vault.list_methods(owner)] == [token]
    await vault.forget_method(Stored(customer=owner, token="../storedPaymentMethods"), op_key="1")  # noqa: S106
    await vault.forget_method(Stored(customer=owner, token=token), op_key="1")
    assert list(await vault.list_methods(owner)) == []
