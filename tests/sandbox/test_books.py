"""Whatever is done in whatever order, the books add up."""

import asyncio
import random
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Shop

METHODS = [
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_refundFail",
    "pm_card_pendingRefund",
    "pm_card_visa_chargeDeclined",
    "pm_card_threeDSecure2Required",
    "pm_sepaDebit_success_at",
    "pm_sepaDebit_failed_at",
]
MANDATE = {"customer_acceptance": {"type": "offline"}}


async def some_step(shop: Shop, chance: random.Random, intents: list[str]) -> None:
    """Do one thing or another, sensible or not."""
    calls, refunds = shop.stripe.v1.payment_intents, shop.stripe.v1.refunds
    intent = chance.choice(intents) if intents else ""
    step = chance.randrange(10)
    if step <= 2 or not intents:
        manual = chance.random() < 0.4
        made = await calls.create_async(
            {
                "amount": chance.randrange(50, 9000),
                "currency": chance.choice(["eur", "eur", "gbp"]),
                "capture_method": "manual" if manual else "automatic_async",
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            }
        )
        intents.append(made.id)
        await calls.confirm_async(
            made.id, {"payment_method": chance.choice(METHODS), "mandate_data": MANDATE}
        )
    elif step == 3:
        await calls.capture_async(intent, {"amount_to_capture": chance.randrange(1, 9000)})
    elif step == 4:
        await calls.cancel_async(intent)
    elif step == 5:
        await calls.confirm_async(intent, {"payment_method": "pm_card_visa"})
    elif step == 6:
        await shop.control("POST", f"/payments/{intent}/challenge", code=chance.choice(["123456", "0"]))
    elif step == 7:
        await shop.control("POST", f"/payments/{intent}/settle", succeeds=chance.choice([True, False]))
    else:
        await refunds.create_async({"payment_intent": intent, "amount": chance.randrange(1, 900)})


@pytest.mark.parametrize("seed", range(6))
async def test_books_add_up_after_any_sequence_of_operations(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    intents: list[str] = []
    allowed = (
        stripe.CardError,
        stripe.InvalidRequestError,
        AssertionError,
    )  # the control API refuses by status

    for _ in range(60):
        try:
            await some_step(shop, chance, intents)
        except allowed:
            continue
    await shop.advance(3600)

    payments = await shop.payments()  # makes the sandbox check its own entries
    lines = (await shop.stripe.v1.balance_transactions.list_async({"limit": 100})).auto_paging_iter()
    net: dict[str, int] = {}
    fees: dict[str, int] = {}
    async for line in lines:
        net[line.currency] = net.get(line.currency, 0) + line.net
        fees[line.currency] = fees.get(line.currency, 0) + line.fee
    assert net
    for currency, total in net.items():
        kept = sum(each["captured"] - each["refunded"] for each in payments if each["currency"] == currency)
        assert total == kept - fees[currency]
    for each in payments:
        assert 0 <= each["refunded"] <= each["captured"] <= each["authorized"] <= each["amount"]
    assert (await shop.control("GET", "/health"))["status"] == "ok"


async def test_hundred_buyers_at_once_are_all_served(shop: Shop) -> None:
    async def buy(n: int) -> Any:
        return await shop.stripe.v1.payment_intents.create_async(
            {
                "amount": 1000 + n,
                "currency": "eur",
                "confirm": True,
                "payment_method": "pm_card_visa",
                "return_url": "http://x.test",
            },
            {"idempotency_key": f"k{n % 50}"},
        )

    answers = await asyncio.gather(*[buy(n) for n in range(100)], return_exceptions=True)

    assert sum(isinstance(answer, stripe.PaymentIntent) for answer in answers) == 50
    assert len(await shop.payments()) == 50
