"""A payment that is divided: what Adyen is told of it, and who has what of the money afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from domain.ids import PaymentId
from domain.money import Money
from domain.split import Portion, in_proportion
from providers.gateway import NotExecuted
from providers.vault import Stored
from tests.providers.adyen_item import refunding
from tests.providers.conftest import Desk, MakeOrder, Told, adyen_gateway, key_of
from tests.support.adyen import balance, open_balance
from tests.support.sandbox import Account

WHOLE, BOAT, LUNCH = 59_999, 32_400, 9_000
BOATS, LUNCHES = "BA00000000000000000000BOAT", "BA0000000000000000000LUNCH"
SETTLED = timedelta(seconds=5)
STORED = Stored(customer="c1", token="t1")  # noqa: S106 - a name of the tests
TAKEN = {"resultCode": "Authorised", "pspReference": "P1"}


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


def divided(boat: str = BOATS, lunch: str = LUNCHES) -> tuple[Portion, ...]:
    return (
        Portion(vendor="boat", payee=boat, amount=usd(BOAT)),
        Portion(vendor="lunch", payee=lunch, amount=usd(LUNCH)),
        Portion(amount=usd(WHOLE - BOAT - LUNCH)),
    )


def splits(payment_id: PaymentId, boat: int, lunch: int, rest: int) -> list[dict[str, Any]]:
    """Write what Adyen is to be told."""
    return [
        {
            "type": "BalanceAccount",
            "account": BOATS,
            "amount": {"value": boat, "currency": "USD"},
            "reference": f"{payment_id}:split:boat",
        },
        {
            "type": "BalanceAccount",
            "account": LUNCHES,
            "amount": {"value": lunch, "currency": "USD"},
            "reference": f"{payment_id}:split:lunch",
        },
        {
            "type": "Commission",
            "amount": {"value": rest, "currency": "USD"},
            "reference": f"{payment_id}:split",
        },
    ]


@pytest.mark.parametrize("stored", [None, STORED], ids=["session", "stored"])
async def test_a_payment_is_divided_as_it_is_asked_for(
    account: Account, order: MakeOrder, stub: tuple[str, list[Any], list[web.Response]], stored: Stored | None
) -> None:
    address, came, answers = stub
    ends = "2030-01-01T00:00:00+00:00"
    session = {"id": "CS1", "sessionData": "x", "expiresAt": ends, "url": "https://page"}
    answers.append(web.json_response(TAKEN if stored else session))
    wished = order(portions=divided(), stored=stored)

    await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    ((_, _, body),) = came
    assert body["splits"] == splits(wished.payment_id, BOAT, LUNCH, WHOLE - BOAT - LUNCH)


async def test_what_is_not_divided_says_nothing_of_it(
    account: Account, order: MakeOrder, stub: tuple[str, list[Any], list[web.Response]]
) -> None:
    address, came, answers = stub
    answers.append(web.json_response(TAKEN))
    wished = order(stored=STORED)

    await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    assert "splits" not in came[0][2]


async def vendors(adyen: Desk) -> tuple[str, str]:
    return await open_balance(adyen.account, "boat"), await open_balance(adyen.account, "lunch")


async def have(adyen: Desk, *balances: str) -> list[int]:
    """Say what balance accounts have once all that is under way is booked."""
    await adyen.advance(SETTLED)
    return [await balance(adyen.account, each) for each in balances]


async def test_vendors_have_their_portions_and_give_what_a_refund_says(adyen: Desk, order: MakeOrder) -> None:
    boat, lunch = await vendors(adyen)
    portions = divided(boat, lunch)
    wished = order(portions=portions)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))

    await adyen.pay(opened)

    assert await have(adyen, boat, lunch) == [BOAT, LUNCH]
    part = tuple(
        portion.model_copy(update={"amount": usd(minor)})
        for portion, minor in zip(portions, (15_000, 1_000, 4_000), strict=True)
    )
    await refunding(adyen, opened.provider_ref, usd(20_000), portions=part)()
    assert await have(adyen, boat, lunch) == [BOAT - 15_000, LUNCH - 1_000]


async def test_a_part_that_is_taken_of_a_hold_is_divided_anew(adyen: Desk, order: MakeOrder) -> None:
    boat, lunch = await vendors(adyen)
    wished = order(portions=divided(boat, lunch), manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    with pytest.raises(NotExecuted):
        await adyen.gateway.capture(
            opened.provider_ref,
            usd(20_000),
            op_key=key_of(wished, "capture"),
            portions=in_proportion(usd(20_000), wished.portions),
        )
    await adyen.told()

    assert await have(adyen, boat, lunch) == [10_800, 3_000]


async def test_each_part_of_a_hold_is_divided_as_it_says(adyen: Desk, order: MakeOrder) -> None:
    boat, lunch = await vendors(adyen)
    await adyen.account.take_in_parts()
    wished = order(portions=divided(boat, lunch), manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    for n, minor in enumerate((20_000, WHOLE - 20_000), 1):
        with pytest.raises(NotExecuted):
            await adyen.gateway.capture(
                opened.provider_ref,
                usd(minor),
                op_key=key_of(wished, "capture", n),
                portions=in_proportion(usd(minor), wished.portions),
            )
        await adyen.told()

    assert await have(adyen, boat, lunch) == [BOAT, LUNCH]
