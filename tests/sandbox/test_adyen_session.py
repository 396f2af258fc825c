"""Sessions at Adyen, driven by its own package: nothing of it is changed but the base address."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from Adyen.exceptions import (
    AdyenAPIAuthenticationError,
    AdyenAPICommunicationError,
    AdyenAPIResponseError,
    AdyenAPIUnprocessableEntity,
    AdyenAPIValidationError,
)

from tests.sandbox.merchant import EUR, MERCHANT, REFERENCE, VISA, Merchant, wish


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


async def test_a_buyer_pays_out_of_paypal(merchant: Merchant) -> None:
    session = await merchant.session(allowedPaymentMethods=["paypal"])
    asked = await merchant.pay(session["id"], later="paypal")

    assert asked["outcome"] == "needs_action"
    await merchant.control("POST", f"/payments/{asked['payment']}/challenge", code="123456")

    (item,) = await merchant.told()
    assert (item["eventCode"], item["success"], item["paymentMethod"]) == ("AUTHORISATION", "true", "paypal")
    assert "cardSummary" not in item["additionalData"]


@pytest.mark.parametrize(
    ("wished", "taken"),
    [
        ({}, ["card", "paypal"]),
        ({"allowedPaymentMethods": ["scheme", "ideal"]}, ["card"]),
        ({"allowedPaymentMethods": ["paypal"]}, ["paypal"]),
        ({"blockedPaymentMethods": ["paypal"]}, ["card"]),
        ({"allowedPaymentMethods": ["ideal"]}, ["card"]),
    ],
)
async def test_a_session_takes_what_the_merchant_allows(
    merchant: Merchant, wished: dict[str, Any], taken: list[str]
) -> None:
    session = await merchant.session(**wished)

    paid = {}
    for method, means in (("paypal", {"later": "paypal"}), ("card", {"card": VISA})):
        path = f"{merchant.url}/_sandbox/checkout/{session['id']}/pay"
        async with merchant.http.post(path, json=means) as answer:
            paid[method] = answer.status
    assert paid == {method: 200 if method in taken else 422 for method in ("paypal", "card")}


async def test_the_result_of_a_session_is_told_to_whoever_brings_it_back(merchant: Merchant) -> None:
    session = await merchant.session(mode="hosted", themeId="theme")
    form = {"card": VISA, "expiry": "03/30", "cvc": "737", "email": "ada@example.com", "name": ""}

    async with merchant.http.get(session["url"]) as page:
        assert VISA in await page.text()  # the test cards that are Adyen's own
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
