"""Details that Adyen keeps for a shopper, by its own package: stored, listed, paid with, deleted."""

from typing import Any

import pytest
from Adyen.exceptions import AdyenAPIResponseError, AdyenAPIUnprocessableEntity, AdyenAPIValidationError

from tests.sandbox.merchant import MERCHANT, VISA, Merchant, card, wish

ADA = {"merchantAccount": MERCHANT, "shopperReference": "shopper-ada"}
ON_FILE = {**ADA, "recurringProcessingModel": "CardOnFile"}


async def stored(merchant: Merchant, **more: str) -> dict[str, Any]:
    done = await merchant.call(
        "recurring_api.stored_payment_methods", {**ON_FILE, "paymentMethod": card(**more)}
    )
    assert done.status_code == 201
    kept: dict[str, Any] = done.message
    return kept


async def listed(merchant: Merchant, **of: str) -> list[dict[str, Any]]:
    done = await merchant.call(
        "recurring_api.get_tokens_for_stored_payment_details", query_parameters={**ADA, **of}
    )
    found: list[dict[str, Any]] = done.message["storedPaymentMethods"]
    return found


def paying_with(method_id: str, **more: Any) -> dict[str, Any]:
    method = {"type": "scheme", "storedPaymentMethodId": method_id}
    return wish(
        paymentMethod=method,
        shopperReference="shopper-ada",
        shopperInteraction="ContAuth",
        recurringProcessingModel="CardOnFile",
        **more,
    )


async def test_what_is_stored_is_listed_for_its_shopper_until_it_is_deleted(merchant: Merchant) -> None:
    first = await stored(merchant, holderName="Ada")
    second = await stored(merchant, encryptedCardNumber="test_5555444433331111")

    assert (first["brand"], first["lastFour"], first["holderName"]) == ("visa", "1142", "Ada")
    assert [each["id"] for each in await listed(merchant)] == [second["id"], first["id"]]
    assert await listed(merchant, shopperReference="shopper-bob") == []
    assert await listed(merchant, merchantAccount="Another") == []
    offered = await merchant.call("payments_api.payment_methods", ADA)
    assert [each["brand"] for each in offered.message["storedPaymentMethods"]] == ["mc", "visa"]

    gone = await merchant.call(
        "recurring_api.delete_token_for_stored_payment_details", second["id"], query_parameters=ADA
    )

    assert gone.status_code == 204
    assert [each["id"] for each in await listed(merchant)] == [first["id"]]


async def test_a_stored_card_pays_and_its_holder_still_orders_what_becomes_of_it(merchant: Merchant) -> None:
    good, poor = await stored(merchant), await stored(merchant, encryptedCardNumber="test_4000000000000341")

    results = [
        (await merchant.call("payments_api.payments", paying_with(each["id"]))).message["resultCode"]
        for each in (good, poor)
    ]

    assert results == ["Authorised", "Refused"]
    assert [each["success"] for each in await merchant.told("AUTHORISATION")] == ["true", "false"]


async def test_a_card_that_is_paid_with_can_be_stored_along_the_way(merchant: Merchant) -> None:
    body = wish(**ON_FILE, paymentMethod=card(), storePaymentMethod=True)

    paid = await merchant.call("payments_api.payments", body)

    (kept,) = await listed(merchant)
    assert paid.message["additionalData"] == {"tokenization.storedPaymentMethodId": kept["id"]}


KEEP = {**ON_FILE, "storePaymentMethodMode": "enabled"}


@pytest.mark.parametrize(
    ("wished", "cards", "kept"),
    [
        (KEEP, [VISA], ["1142"]),
        ({**ON_FILE, "storePaymentMethod": True}, [VISA], ["1142"]),
        (KEEP, ["4000000000000002", "5555444433331111"], ["1111"]),
        ({**KEEP, "storePaymentMethodMode": "askForConsent"}, [VISA], []),
        ({**KEEP, "storePaymentMethodMode": "disabled"}, [VISA], []),
        (ON_FILE, [VISA], []),
    ],
    ids=["enabled", "stored", "after_a_decline", "nobody_consents", "disabled", "unsaid"],
)
async def test_a_session_keeps_the_card_that_pays_and_tells_its_id(
    merchant: Merchant, wished: dict[str, Any], cards: list[str], kept: list[str]
) -> None:
    session = await merchant.session(**wished)

    for each in cards:
        await merchant.pay(session["id"], each)

    found = await listed(merchant)
    assert [each["lastFour"] for each in found] == kept
    *_, item = await merchant.told("AUTHORISATION")
    told = {name: value for name, value in item["additionalData"].items() if name.startswith("tokenization.")}
    assert told == (
        {"tokenization.shopperReference": "shopper-ada", "tokenization.storedPaymentMethodId": found[0]["id"]}
        if found
        else {}
    )


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"shopperReference": None}, AdyenAPIUnprocessableEntity),
        ({"recurringProcessingModel": None}, AdyenAPIUnprocessableEntity),
        ({"shopperReference": "ab"}, AdyenAPIValidationError),
        ({"storePaymentMethodMode": "always"}, AdyenAPIValidationError),
        ({"storePaymentMethod": "true"}, AdyenAPIValidationError),
    ],
)
async def test_a_session_that_does_not_say_for_whom_it_keeps_is_refused(
    merchant: Merchant, changed: dict[str, Any], kind: type[AdyenAPIResponseError]
) -> None:
    with pytest.raises(kind):
        await merchant.session(**{**KEEP, **changed})


async def test_whoever_pays_with_what_is_stored_says_what_for(merchant: Merchant) -> None:
    kept = await stored(merchant)
    unsaid = {
        name: value for name, value in paying_with(kept["id"]).items() if name != "recurringProcessingModel"
    }

    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call("payments_api.payments", unsaid)


async def test_nobody_pays_with_what_is_not_theirs_or_is_gone(merchant: Merchant) -> None:
    kept = await stored(merchant)
    foreign = paying_with(kept["id"]) | {"shopperReference": "shopper-bob"}
    with pytest.raises(AdyenAPIUnprocessableEntity) as refused:
        await merchant.call("payments_api.payments", foreign)
    assert refused.value.error_code == "800"

    await merchant.call(
        "recurring_api.delete_token_for_stored_payment_details", kept["id"], query_parameters=ADA
    )

    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call("payments_api.payments", paying_with(kept["id"]))
    with pytest.raises(AdyenAPIUnprocessableEntity):
        await merchant.call(
            "recurring_api.delete_token_for_stored_payment_details", kept["id"], query_parameters=ADA
        )
    assert await merchant.told() == []


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"shopperReference": None}, AdyenAPIUnprocessableEntity),
        ({"shopperReference": "ab"}, AdyenAPIValidationError),
        ({"recurringProcessingModel": None}, AdyenAPIUnprocessableEntity),
        ({"recurringProcessingModel": "Sometimes"}, AdyenAPIValidationError),
        ({"paymentMethod": card(encryptedCardNumber="test_4000001234567899")}, AdyenAPIUnprocessableEntity),
        ({"paymentMethod": card(holderName="DECLINED")}, AdyenAPIUnprocessableEntity),
        ({"colour": "red"}, AdyenAPIValidationError),
    ],
)
async def test_a_wrong_wish_to_store_is_refused_and_stores_nothing(
    merchant: Merchant, changed: dict[str, Any], kind: type[AdyenAPIResponseError]
) -> None:
    body = {**ON_FILE, "paymentMethod": card(), **changed}

    with pytest.raises(kind):
        await merchant.call(
            "recurring_api.stored_payment_methods",
            {name: value for name, value in body.items() if value is not None},
        )

    assert await listed(merchant) == []
