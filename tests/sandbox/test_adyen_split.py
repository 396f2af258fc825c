"""Payments divided among balance accounts, by Adyen's own package: what is refused, and who has what."""

from typing import Any

import pytest
from Adyen.exceptions import AdyenAPIUnprocessableEntity, AdyenAPIValidationError

from tests.sandbox.merchant import MANUAL, MERCHANT, Merchant

BOATS = "BA00000000000000000000BOAT"


def eur(value: int) -> dict[str, Any]:
    return {"value": value, "currency": "EUR"}


def part(value: int, account: Any = BOATS, **more: Any) -> dict[str, Any]:
    return {"type": "BalanceAccount", "account": account, "amount": eur(value), "reference": "boat", **more}


def rest(value: int, **more: Any) -> dict[str, Any]:
    return {"type": "Commission", "amount": eur(value), "reference": "ours", **more}


def without(split: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in split.items() if name != field}


@pytest.mark.parametrize(
    ("splits", "code"),
    [
        ([part(1_500), rest(999)], "14_091"),
        ([part(1_500), rest(1_001)], "14_091"),
        ([{"type": "PaymentFee", "account": BOATS}], "14_091"),
        ([part(2_500, account="BA1")], "158"),
        ([part(2_500, account="ACCOUNT00000000000000000")], "158"),
        ([without(part(2_500), "account")], "158"),
        ([without(part(2_500), "reference")], "158"),
        ([without(part(2_500), "amount")], "158"),
        ([part(2_500, type="MarketPlace")], "158"),
        ([part(2_500, type=[])], "158"),
        ([part(1_500), rest(1_000, reference="boat")], "14_092"),
        ([part(2_500, amount={"value": 2_500, "currency": "USD"})], "138"),
        ([part(2_500, amount=eur(0))], "137"),
        ([part(2_500, amount=eur(-1))], "137"),
        ([part(2_500, amount={"value": "2500"})], "137"),
        ([part(2_500, amount=2_500)], "702"),
        ([part(2_500, account=7)], "702"),
        ([part(2_500, vendor="boat")], "702"),
        ("all", "702"),
        ([1], "702"),
    ],
)
async def test_what_does_not_divide_the_amount_is_refused(merchant: Merchant, splits: Any, code: str) -> None:
    with pytest.raises((AdyenAPIUnprocessableEntity, AdyenAPIValidationError)) as refused:
        await merchant.session(splits=splits)

    assert refused.value.error_code == code


async def boat(merchant: Merchant) -> str:
    """Open a balance account by Adyen's own package."""
    made = await merchant.balances("create_balance_account", {"accountHolderId": "AH1"})
    return str(made["id"])


async def has(merchant: Merchant, account: str) -> int:
    """Say what a balance account has, once all that is under way is booked."""
    await merchant.control("POST", "/clock/advance", seconds=5, account=merchant.key)
    told = await merchant.balances("get_balance_account", account)
    return sum(each["balance"] for each in told["balances"])


async def change(merchant: Merchant, name: str, psp: str, value: int, **more: Any) -> None:
    body = {"merchantAccount": MERCHANT, "amount": eur(value), **more}
    await merchant.call(f"modifications_api.{name}", body, psp)
    await merchant.told()


REFUND, CAPTURE = "refund_captured_payment", "capture_authorised_payment"


async def test_each_has_its_part_and_gives_of_it_what_the_refund_says(merchant: Merchant) -> None:
    account = await boat(merchant)
    psp = await merchant.paid(splits=[part(1_500, account), rest(1_000)])

    assert await has(merchant, account) == 1_500
    await change(merchant, REFUND, psp, 1_000, splits=[part(900, account), rest(100)])
    assert await has(merchant, account) == 600
    await change(merchant, REFUND, psp, 1_500)
    assert await has(merchant, account) == 0


async def test_a_refund_that_nobody_divided_is_given_in_proportion(merchant: Merchant) -> None:
    account = await boat(merchant)
    psp = await merchant.paid(splits=[part(1_500, account), rest(1_000)])

    await change(merchant, REFUND, psp, 500)

    assert await has(merchant, account) == 1_200


async def test_a_refund_names_what_the_payment_was_divided_into(merchant: Merchant) -> None:
    account = await boat(merchant)
    psp = await merchant.paid(splits=[part(1_500, account), rest(1_000)])

    for wrong in (part(500, BOATS), part(500, account, reference="another")):
        with pytest.raises(AdyenAPIUnprocessableEntity) as refused:
            await change(merchant, REFUND, psp, 500, splits=[wrong])
        assert refused.value.error_code == "14_093"

    assert (await merchant.payment())["refunded"] == 0


async def test_a_refund_that_comes_back_is_put_where_it_was_taken_from(merchant: Merchant) -> None:
    account = await boat(merchant)
    session = await merchant.session(splits=[part(1_500, account), rest(1_000)])
    await merchant.pay(session["id"], "refundFail")
    psp = (await merchant.told("AUTHORISATION"))[0]["pspReference"]

    await change(merchant, REFUND, psp, 2_500)
    await merchant.told("REFUND")

    assert await has(merchant, account) == 1_500


async def test_a_capture_divides_anew_and_another_amount_without_a_word_is_ours(merchant: Merchant) -> None:
    account = await boat(merchant)
    divided = [part(1_500, account), rest(1_000)]
    said, unsaid, whole = [await merchant.paid(splits=divided, **MANUAL) for _ in range(3)]

    await change(merchant, CAPTURE, said, 1_000, splits=[part(700, account), rest(300)])
    assert await has(merchant, account) == 700
    await change(merchant, CAPTURE, unsaid, 1_000)
    assert await has(merchant, account) == 700
    await change(merchant, CAPTURE, whole, 2_500)
    assert await has(merchant, account) == 2_200


async def test_what_is_for_nobodys_account_stays_with_the_merchant(merchant: Merchant) -> None:
    await merchant.paid(splits=[part(1_500), rest(1_000)])
    await merchant.control("POST", "/clock/advance", seconds=5, account=merchant.key)

    kinds = [each["type"] for each in await merchant.control("GET", f"/accounts/{merchant.key}/statement")]

    assert kinds == ["charge"]


async def test_a_lost_capture_takes_its_parts_back(merchant: Merchant) -> None:
    account = await boat(merchant)
    await merchant.paid(splits=[part(1_500, account), rest(1_000)])

    await merchant.control("POST", f"/payments/{(await merchant.payment())['id']}/lose")

    assert await has(merchant, account) == 0
