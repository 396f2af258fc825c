"""Payments without a session, by Adyen's own package: typed or stored cards, and what a bank asks."""

from urllib.parse import parse_qs, urlsplit

import pytest
from Adyen.exceptions import AdyenAPIUnprocessableEntity

from tests.sandbox.merchant import MERCHANT, Merchant, card, wish


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


async def test_a_real_card_number_never_gets_in(merchant: Merchant) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call(
            "payments_api.payments", wish(paymentMethod=card(encryptedCardNumber="test_4000001234567899"))
        )


async def challenged(merchant: Merchant, *, rightly: bool) -> str:
    """Pay with a card whose bank asks, and answer it; gives what the shopper brings back."""
    asked = await merchant.call(
        "payments_api.payments", wish(paymentMethod=card(encryptedCardNumber="test_4917610000000000"))
    )
    assert asked.message["resultCode"] == "RedirectShopper"
    assert (asked.message["action"]["type"], asked.message["action"]["method"]) == ("redirect", "GET")
    form = {"code": "123456", "answer": "pay"} if rightly else {"answer": "cancel"}
    async with merchant.http.post(
        asked.message["action"]["url"], data=form, allow_redirects=False
    ) as answered:
        return parse_qs(urlsplit(answered.headers["Location"]).query)["redirectResult"][0]


@pytest.mark.parametrize(("rightly", "result"), [(True, "Authorised"), (False, "Refused")])
async def test_what_a_shopper_says_to_their_bank_pays_when_the_merchant_brings_it(
    merchant: Merchant, rightly: bool, result: str
) -> None:
    brought = {"details": {"redirectResult": await challenged(merchant, rightly=rightly)}}

    before = await merchant.told()
    done = [await merchant.call("payments_api.payments_details", brought) for _ in range(2)]

    assert before == []
    assert [each.message["resultCode"] for each in done] == [result, result]
    (item,) = await merchant.told()
    assert (item["eventCode"], item["success"]) == ("AUTHORISATION", "true" if rightly else "false")
    assert done[0].message.get("pspReference") == (item["pspReference"] if rightly else None)


async def test_a_result_that_nobody_was_given_is_refused(merchant: Merchant) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity) as refused:
        await merchant.call("payments_api.payments_details", {"details": {"redirectResult": "guessed"}})

    assert refused.value.error_code == "14_014"


async def test_a_failed_authentication_is_told_as_a_refusal(merchant: Merchant) -> None:
    session = await merchant.session()
    await merchant.pay(session["id"], "4917610000000000")

    await merchant.control("POST", f"/payments/{(await merchant.payment())['id']}/challenge", code="000000")

    (item,) = await merchant.told()
    assert (item["success"], item["reason"]) == ("false", "3D Not Authenticated")


@pytest.mark.parametrize(
    ("country", "currency", "offered", "missing"),
    [
        ("NL", "EUR", {"scheme", "ideal", "sepadirectdebit", "paypal"}, {"bizum", "bcmc", "twint"}),
        ("ES", "EUR", {"scheme", "bizum"}, {"ideal", "eps"}),
        ("CH", "CHF", {"scheme", "twint"}, {"ideal", "sepadirectdebit"}),
        ("NL", "USD", {"scheme", "paypal"}, {"ideal", "sepadirectdebit"}),
    ],
)
async def test_what_can_be_paid_with_depends_on_country_and_currency(
    merchant: Merchant, country: str, currency: str, offered: set[str], missing: set[str]
) -> None:
    body = {
        "merchantAccount": MERCHANT,
        "countryCode": country,
        "amount": {"value": 100, "currency": currency},
    }

    listed = await merchant.call("payments_api.payment_methods", body)
    allowed = await merchant.call(
        "payments_api.payment_methods",
        {**body, "allowedPaymentMethods": ["scheme", "paypal"], "blockedPaymentMethods": ["paypal"]},
    )

    types = {each["type"] for each in listed.message["paymentMethods"]}
    assert offered <= types
    assert not missing & types
    assert [each["type"] for each in allowed.message["paymentMethods"]] == ["scheme"]
