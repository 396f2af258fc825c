"""Captures, cancels, refunds and reversals by Adyen's own package: taken at once, told when they are done."""

import pytest
from Adyen.exceptions import AdyenAPIInvalidPermission, AdyenAPIUnprocessableEntity

from tests.sandbox.merchant import EUR, MANUAL, MERCHANT, REFERENCE, Merchant


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


async def test_a_refund_that_a_bank_sends_back_is_reversed(merchant: Merchant) -> None:
    psp = await merchant.paid()
    asked = await merchant.call(
        "modifications_api.refund_captured_payment", {"merchantAccount": MERCHANT, "amount": EUR}, psp
    )
    await merchant.told("REFUND")
    (refund,) = await merchant.control("GET", f"/accounts/{merchant.key}/refunds")

    await merchant.control("POST", f"/refunds/{refund['id']}/return")

    (item,) = await merchant.told("REFUNDED_REVERSED")
    assert (item["success"], item["pspReference"]) == ("true", asked.message["pspReference"])
    assert (item["originalReference"], item["amount"]) == (psp, EUR)
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


async def test_another_amount_is_held_and_taken(merchant: Merchant) -> None:
    psp, more = await merchant.paid(**MANUAL), {"value": 4_000, "currency": "EUR"}

    for name in ("update_authorised_amount", "capture_authorised_payment"):
        await merchant.call(f"modifications_api.{name}", {"merchantAccount": MERCHANT, "amount": more}, psp)
        await merchant.told()

    told = [(each["eventCode"], each["success"], each["amount"]["value"]) for each in await merchant.told()]
    assert told[1:] == [("AUTHORISATION_ADJUSTMENT", "true", 4_000), ("CAPTURE", "true", 4_000)]
    assert (await merchant.payment())["captured"] == 4_000


async def test_part_of_a_hold_is_taken_and_the_rest_released(merchant: Merchant) -> None:
    psp = await merchant.paid(**MANUAL)
    bodies = [
        {"merchantAccount": MERCHANT, "amount": {"value": value, "currency": "EUR"}} for value in (1_000, 1)
    ]

    for body in bodies:
        await merchant.call("modifications_api.capture_authorised_payment", body, psp)
        await merchant.told()

    assert [each["success"] for each in await merchant.told("CAPTURE")] == ["true", "false"]
    assert (await merchant.payment())["captured"] == 1_000


async def test_an_account_that_takes_holds_in_parts_takes_until_nothing_is_left(merchant: Merchant) -> None:
    await merchant.control("PUT", f"/accounts/{merchant.key}/captures", several=True)
    psp = await merchant.paid(**MANUAL)

    for value in (1_000, 1_501, 1_500, 1):
        body = {"merchantAccount": MERCHANT, "amount": {"value": value, "currency": "EUR"}}
        await merchant.call("modifications_api.capture_authorised_payment", body, psp)
        await merchant.told()

    told = await merchant.told("CAPTURE")
    assert [each["success"] for each in told] == ["true", "false", "true", "false"]
    assert len({each["pspReference"] for each in told}) == 4
    await merchant.control("POST", "/clock/advance", seconds=5, account=merchant.key)
    lines = await merchant.control("GET", f"/accounts/{merchant.key}/statement")
    assert [(each["type"], each["amount"]) for each in lines] == [("charge", 1_000), ("charge", 1_500)]

    await merchant.control("POST", f"/payments/{(await merchant.payment())['id']}/lose")

    lost = await merchant.told("CAPTURE_FAILED")
    assert [(each["pspReference"], each["amount"]["value"], each["success"]) for each in lost] == [
        (told[0]["pspReference"], 1_000, "true"), (told[2]["pspReference"], 1_500, "true"),
    ]  # fmt: skip
    assert (await merchant.payment())["captured"] == 0


async def test_what_is_left_of_a_hold_lapses(merchant: Merchant) -> None:
    await merchant.control("PUT", f"/accounts/{merchant.key}/captures", several=True)
    psp, part = await merchant.paid(**MANUAL), {"value": 1_000, "currency": "EUR"}
    body = {"merchantAccount": MERCHANT, "amount": part}
    await merchant.call("modifications_api.capture_authorised_payment", body, psp)
    await merchant.told()

    await merchant.control("POST", "/clock/advance", seconds=8 * 24 * 3600, account=merchant.key)
    await merchant.call("modifications_api.capture_authorised_payment", body, psp)

    assert [each["success"] for each in await merchant.told("CAPTURE")] == ["true", "false"]
    assert (await merchant.payment())["captured"] == 1_000
