"""Parameters are judged by the SDK's types; every refusal has Stripe's type, code and parameter."""

import base64
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Shop

CREATE = "amount=1000&currency=eur"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ("currency=eur", "parameter_missing", "amount"),
        ("amount=1000", "parameter_missing", "currency"),
        (CREATE + "&colour=red", "parameter_unknown", "colour"),
        (
            CREATE + "&shipping[address][planet]=x&shipping[name]=n",
            "parameter_unknown",
            "shipping[address][planet]",
        ),
        (CREATE + "&shipping[phone]=1", "parameter_missing", "shipping[address]"),
        (
            CREATE + "&payment_method_types[]=card",
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ("amount=ten&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=10.5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=١٢٣٤&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=-1&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=0&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=49&currency=eur", "amount_too_small", "amount"),
        ("amount=29&currency=gbp", "amount_too_small", "amount"),
        ("amount=100000000&currency=eur", "amount_too_large", "amount"),
        ("amount=1001&currency=kwd", "parameter_invalid_integer", "amount"),
        ("amount=150&currency=isk", "parameter_invalid_integer", "amount"),
        ("amount[a]=1&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=1000&currency=xxx", None, "currency"),
        (CREATE + "&capture_method=later", None, "capture_method"),
        (CREATE + "&confirm=yes", None, "confirm"),
        (CREATE + "&description=", "parameter_invalid_empty", "description"),
        (CREATE + "&metadata=x", None, "metadata"),
        (CREATE + f"&metadata[{'k' * 41}]=v", None, "metadata"),
        (CREATE + f"&metadata[k]={'v' * 501}", None, "metadata[k]"),
        (CREATE + "".join(f"&metadata[k{n}]=v" for n in range(51)), None, "metadata"),
        (CREATE + "&customer=cus_nobody", "resource_missing", "customer"),
        (CREATE + "&payment_method=pm_nothing", "resource_missing", "payment_method"),
        (CREATE + "&payment_method=pm_card_nonsense", "resource_missing", "payment_method"),
        (CREATE + "&expand[]=colour", None, "expand"),
        (CREATE + "&expand[]=latest_charge.a.b.c.d", None, "expand"),
        (CREATE + "&expand[]=status.x", None, "expand"),
        (CREATE + "&off_session=true", None, "off_session"),
        (
            CREATE + "&automatic_payment_methods[enabled]=true&allowed_payment_method_types[]=card",
            None,
            "allowed_payment_method_types",
        ),
        (CREATE + "&application_fee_amount=10", "sandbox_unsupported", "application_fee_amount"),
        (CREATE + "&a[b=1", None, "a[b"),
        (CREATE + "&a=1&a[b]=2", None, "a[b]"),
    ],
)
async def test_wrong_parameter_is_refused_by_name(
    shop: Shop, body: str, code: str | None, param: str
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    status, answer, headers = await shop.raw("POST", "/stripe/v1/payment_intents", data=body, headers=form)

    error = answer["error"]
    assert status == 400, error
    assert error["type"] == "invalid_request_error"
    assert (error.get("code"), error["param"]) == (code, param), error
    assert error["message"]
    assert headers["Request-Id"].startswith("req_")


async def test_refused_request_leaves_nothing_behind(shop: Shop) -> None:
    await shop.raw("POST", "/stripe/v1/payment_intents", data={"amount": "1000", "currency": "eur", "x": "1"})

    assert await shop.payments() == []
    assert await shop.event_types() == []


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(500, "jpy"), (1010, "kwd"), (200, "isk"), (17500, "huf"), (99_999_999, "eur"), (100, "clp")],
)
async def test_each_currency_counts_in_its_own_way(shop: Shop, amount: int, currency: str) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async({"amount": amount, "currency": currency})

    assert (intent.amount, intent.currency) == (amount, currency)


async def test_numbered_and_empty_brackets_mean_the_same(shop: Shop) -> None:
    for expand in ("expand[]=customer&expand[]=latest_charge", "expand[0]=customer&expand[1]=latest_charge"):
        status, _, _ = await shop.raw(
            "GET", f"/stripe/v1/payment_intents?limit=1&{expand.replace('=', '=data.')}"
        )
        assert status == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/payment_intents/pi_unknown", "resource_missing"),
        ("/v1/checkout/sessions/cs_test_unknown", "resource_missing"),
        ("/v1/charges/ch_unknown", "resource_missing"),
        ("/v1/refunds/re_unknown", "resource_missing"),
        ("/v1/customers/cus_unknown", "resource_missing"),
        ("/v1/events/evt_unknown", "resource_missing"),
        ("/v1/webhook_endpoints/we_unknown", "resource_missing"),
        ("/v1/balance_transactions/txn_unknown", "resource_missing"),
        ("/v1/payment_methods/pm_unknown", "resource_missing"),
        ("/v1/unheard_of", None),
        ("/v1/payment_intents/", None),
        ("/v2/payment_intents", None),
        ("/", None),
    ],
)
async def test_what_does_not_exist_is_404(shop: Shop, path: str, code: str | None) -> None:
    status, answer, _ = await shop.raw("GET", "/stripe" + path)

    assert (status, answer["error"].get("code")) == (404, code)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "starting_after=pi_x",
        "created[since]=1",
        "starting_after=a&ending_before=b",
    ],
)
async def test_wrong_list_parameter_is_refused(shop: Shop, query: str) -> None:
    status, answer, _ = await shop.raw("GET", f"/stripe/v1/payment_intents?{query}")

    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer sk_live_abcdefghijkl",
        "Bearer sk_test_",
        "Bearer sk_test_a b",
        "Basic !!!",
        "Bearer SG.abc.def",
        "Token sk_test_abcdefghijkl",
        "Bearer sk_test_" + "a" * 300,
        "Bearer \u00fcber",
    ],
)
async def test_malformed_key_is_401(shop: Shop, header: str) -> None:
    status, answer, _ = await shop.raw("GET", "/stripe/v1/balance", headers={"Authorization": header})

    assert (status, answer["error"]["type"]) == (401, "invalid_request_error")


async def test_basic_authorization_is_the_same_key(shop: Shop) -> None:
    basic = base64.b64encode(f"{shop.key}:".encode()).decode()
    await shop.paid()

    status, page, _ = await shop.raw(
        "GET", "/stripe/v1/payment_intents", headers={"Authorization": f"Basic {basic}"}
    )

    assert (status, len(page["data"])) == (200, 1)


async def test_accounts_do_not_see_each_other(shop: Shop) -> None:
    intent = await shop.paid()
    other = shop.with_key(shop.key + "other")

    assert (await other.v1.payment_intents.list_async()).data == []
    status, _, _ = await shop.raw(
        "GET", f"/stripe/v1/payment_intents/{intent.id}", headers={"Authorization": f"Bearer {shop.key}other"}
    )
    assert status == 404


@pytest.mark.parametrize(
    ("name", "value", "expected"), [("Stripe-Version", "2019-01-01", 400), ("Stripe-Account", "acct_x", 403)]
)
async def test_foreign_version_or_account_is_refused(
    shop: Shop, name: str, value: str, expected: int
) -> None:
    status, _, _ = await shop.raw("GET", "/stripe/v1/balance", headers={name: value})

    assert status == expected


async def test_answers_name_the_version_they_speak(shop: Shop) -> None:
    _, _, headers = await shop.raw("GET", "/stripe/v1/balance")

    assert headers["Stripe-Version"] == stripe.api_version


async def test_expanding_reaches_four_levels(shop: Shop) -> None:
    session = await shop.session()
    await shop.pay(session.id)
    await shop.advance(2)
    expand: Any = {"expand": ["payment_intent.latest_charge.balance_transaction.source"]}

    found: Any = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id, expand)

    assert found.payment_intent.latest_charge.balance_transaction.source.object == "charge"
