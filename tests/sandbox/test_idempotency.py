"""Idempotency keys: what is saved, what is replayed, what is refused."""

import asyncio
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Shop
from tests.support.wait import eventually

INTENT: Any = {"amount": 1000, "currency": "eur"}


async def test_same_key_and_body_replays_the_first_answer(shop: Shop) -> None:
    create = shop.stripe.v1.payment_intents.create_async

    first = await create(INTENT, {"idempotency_key": "k"})
    again = await create(INTENT, {"idempotency_key": "k"})

    assert again.id == first.id
    assert "idempotent-replayed" not in first.last_response.headers
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert again.last_response.request_id != first.last_response.request_id
    assert len(await shop.payments()) == 1


async def test_same_key_with_another_body_is_refused(shop: Shop) -> None:
    create = shop.stripe.v1.payment_intents.create_async
    await create(INTENT, {"idempotency_key": "k"})

    with pytest.raises(stripe.IdempotencyError) as refusal:
        await create({**INTENT, "amount": 1001}, {"idempotency_key": "k"})

    assert refusal.value.http_status == 400


async def test_same_key_on_another_path_is_refused(shop: Shop) -> None:
    await shop.stripe.v1.payment_intents.create_async(INTENT, {"idempotency_key": "k"})

    with pytest.raises(stripe.IdempotencyError):
        await shop.stripe.v1.customers.create_async({}, {"idempotency_key": "k"})


async def test_decline_is_replayed_and_charges_nothing_twice(shop: Shop) -> None:
    ids = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            await shop.stripe.v1.payment_intents.create_async(
                {
                    **INTENT,
                    "confirm": True,
                    "payment_method": "pm_card_visa_chargeDeclined",
                    "return_url": "http://x.test",
                },
                {"idempotency_key": "k"},
            )
        error: Any = refusal.value.error
        ids.append(error.payment_intent["id"])

    assert ids[0] == ids[1]
    assert (await shop.event_types()).count("charge.failed") == 1


async def test_refused_parameters_do_not_use_the_key_up(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.payment_intents.create_async({**INTENT, "amount": 1}, {"idempotency_key": "k"})

    good = await shop.stripe.v1.payment_intents.create_async(INTENT, {"idempotency_key": "k"})

    assert good.amount == 1000


async def test_refused_state_is_saved_under_the_key(shop: Shop) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async(INTENT)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.payment_intents.capture_async(intent.id, None, {"idempotency_key": "k"})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.capture_async(intent.id, None, {"idempotency_key": "k"})

    headers: Any = refusal.value.headers
    assert headers["idempotent-replayed"] == "true"


async def test_key_in_flight_is_refused_with_409(shop: Shop) -> None:
    await shop.fault("hold", "POST /v1/payment_intents")
    create = shop.stripe.v1.payment_intents.create_async
    asked = [asyncio.create_task(create(INTENT, {"idempotency_key": "k"})) for _ in range(3)]

    async def others_refused() -> bool:
        return sum(each.done() for each in asked) == 2

    await eventually(others_refused, what="the answers to the others")
    await shop.control("POST", "/faults/release", account=shop.key)
    answers = await asyncio.gather(*asked, return_exceptions=True)

    done = [answer for answer in answers if isinstance(answer, stripe.PaymentIntent)]
    refused: list[Any] = [answer for answer in answers if isinstance(answer, stripe.StripeError)]
    assert len(done) == 1
    assert {(each.http_status, each.error.code) for each in refused} == {(409, "idempotency_key_in_use")}
    assert len(await shop.payments()) == 1


async def test_key_executes_anew_after_a_day(shop: Shop) -> None:
    create = shop.stripe.v1.payment_intents.create_async
    first = await create(INTENT, {"idempotency_key": "k"})

    await shop.advance(24 * 3600 + 1)
    second = await create(INTENT, {"idempotency_key": "k"})

    assert second.id != first.id


async def test_keys_of_two_accounts_are_strangers(shop: Shop) -> None:
    other = shop.with_key(shop.key + "other")

    first = await shop.stripe.v1.payment_intents.create_async(INTENT, {"idempotency_key": "k"})
    second = await other.v1.payment_intents.create_async(INTENT, {"idempotency_key": "k"})

    assert first.id != second.id


async def test_stored_500_is_replayed_though_the_charge_was_made(shop: Shop) -> None:
    await shop.fault("response_500_after", "POST /v1/payment_intents")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failure:
            await shop.stripe.v1.payment_intents.create_async(INTENT, {"idempotency_key": "k"})
        assert failure.value.http_status == 500

    assert len(await shop.payments()) == 1


async def test_too_long_a_key_is_refused(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.payment_intents.create_async(INTENT, {"idempotency_key": "k" * 256})
