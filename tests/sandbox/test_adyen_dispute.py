"""Disputes at Adyen, by its own package: told step by step, defended with documents, accepted."""

import base64
from typing import Any

import pytest
from Adyen.exceptions import AdyenAPIInvalidPermission, AdyenAPIResponseError

from tests.sandbox.merchant import EUR, MERCHANT, Merchant

DOCUMENT = {
    "content": base64.b64encode(b"%PDF").decode(),
    "contentType": "application/pdf",
    "defenseDocumentTypeCode": "DefenseMaterial",
}
REASON = {"defenseReasonCode": "GoodsOrServicesProvided"}


async def disputed(merchant: Merchant, **more: Any) -> dict[str, str]:
    """Have a payment disputed; gives what names the dispute."""
    await merchant.paid()
    payment = await merchant.payment()
    made = await merchant.control(
        "POST", f"/payments/{payment['id']}/dispute", **{"reason": "fraudulent", **more}
    )
    return {"disputePspReference": made["id"], "merchantAccountCode": MERCHANT}


async def codes(merchant: Merchant) -> list[str]:
    return [each["eventCode"] for each in await merchant.told()][1:]


async def test_a_chargeback_is_announced_and_the_money_taken(merchant: Merchant) -> None:
    named = await disputed(merchant)

    paid, *told = await merchant.told()

    assert [each["eventCode"] for each in told] == ["NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK"]
    for each in told:
        assert (each["pspReference"], each["originalReference"]) == (
            named["disputePspReference"], paid["pspReference"],
        )  # fmt: skip
        assert (each["amount"], each["success"]) == (EUR, "true")
        assert each["additionalData"]["chargebackReasonCode"] == "10.4"


async def test_a_dispute_that_is_defended_and_won_gives_the_money_back(merchant: Merchant) -> None:
    named = await disputed(merchant)

    asked = await merchant.answer("retrieve_applicable_defense_reasons", named)
    early = await merchant.answer("defend_dispute", {**named, **REASON})
    supplied = await merchant.answer("supply_defense_document", {**named, "defenseDocuments": [DOCUMENT]})
    defended = await merchant.answer("defend_dispute", {**named, **REASON})
    await merchant.control("POST", f"/disputes/{named['disputePspReference']}/decide", won=True)

    assert asked["defenseReasons"][0]["defenseReasonCode"] == REASON["defenseReasonCode"]
    answers = [each["disputeServiceResult"]["success"] for each in (early, supplied, defended)]
    assert answers == [False, True, True]
    assert (await codes(merchant))[2:] == [
        "INFORMATION_SUPPLIED",
        "CHARGEBACK_REVERSED",
        "PREARBITRATION_WON",
    ]


async def test_a_dispute_is_accepted_once(merchant: Merchant) -> None:
    named = await disputed(merchant)

    answers = [await merchant.answer("accept_dispute", named) for _ in range(2)]

    assert [each["disputeServiceResult"]["success"] for each in answers] == [True, False]
    assert (await codes(merchant))[2:] == ["DISPUTE_DEFENSE_PERIOD_ENDED"]


async def test_an_inquiry_moves_no_money_until_it_is_a_dispute(merchant: Merchant) -> None:
    named = await disputed(merchant, inquiry=True)
    before = await codes(merchant)

    await merchant.control("POST", f"/disputes/{named['disputePspReference']}/escalate")

    assert before == ["REQUEST_FOR_INFORMATION"]
    assert (await codes(merchant))[1:] == ["NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK"]


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("accept_dispute", {"disputePspReference": "NOBODYS"}, "30_002"),
        ("accept_dispute", {"colour": "red"}, "702"),
        ("defend_dispute", {}, "158"),
        ("supply_defense_document", {"defenseDocuments": [{"content": "x"}]}, "30_003"),
        (
            "supply_defense_document",
            {"defenseDocuments": [{**DOCUMENT, "contentType": "text/plain"}]},
            "30_003",
        ),
        ("supply_defense_document", {"defenseDocuments": "x"}, "702"),
    ],
)
async def test_a_wrong_answer_to_a_dispute_gets_adyens_error(
    merchant: Merchant, name: str, more: dict[str, Any], code: str
) -> None:
    named = await disputed(merchant)

    with pytest.raises(AdyenAPIResponseError) as refused:
        await merchant.answer(name, {**named, **more})

    assert refused.value.error_code == code


async def test_another_merchants_dispute_is_not_ours_to_answer(merchant: Merchant) -> None:
    named = await disputed(merchant)

    with pytest.raises(AdyenAPIInvalidPermission):
        await merchant.answer("accept_dispute", {**named, "merchantAccountCode": "Another"})
