"""Faults on order: what was done and what the caller saw."""

import asyncio
from typing import Any

import aiohttp
import pytest
import stripe

from tests.sandbox.conftest import Receiver, Shop
from tests.support.wait import eventually

INTENT: Any = {"amount": 1000, "currency": "eur"}
ROUTE = "POST /v1/payment_intents"


async def create(shop: Shop, key: str = "k") -> Any:
    """Make a payment intent under a key."""
    return await shop.stripe.v1.payment_intents.create_async(INTENT, {"idempotency_key": key})


@pytest.mark.parametrize("kind", ["response_lost", "response_cut"])
async def test_lost_answer_is_replayed_under_the_same_key(shop: Shop, kind: str) -> None:
    await shop.fault(kind, ROUTE)

    with pytest.raises(
        (stripe.APIConnectionError, aiohttp.ClientError)
    ):  # the SDK lets a cut body through as it is
        await create(shop)
    again = await create(shop)

    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(await shop.payments()) == 1


async def test_dropped_request_was_never_done(shop: Shop) -> None:
    await shop.fault("drop_before", ROUTE)

    with pytest.raises(stripe.APIConnectionError):
        await create(shop)

    assert await shop.payments() == []
    assert "idempotent-replayed" not in (await create(shop)).last_response.headers


async def test_500_before_is_not_done_and_saved_only_if_so_ordered(shop: Shop) -> None:
    await shop.fault("response_500_before", ROUTE)
    await shop.fault("response_500_before", ROUTE, saved=True, status=503)

    with pytest.raises(stripe.APIError) as failure:
        await create(shop, "plain")
    assert failure.value.http_status == 500
    assert await shop.payments() == []
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failure:
            await create(shop, "saved")
        assert failure.value.http_status == 503
    assert await shop.payments() == []
    assert (await create(shop, "plain")).status == "requires_payment_method"


async def test_throttled_request_says_when_to_come_back(shop: Shop) -> None:
    await shop.fault("rate_limit", ROUTE, times=2, seconds=3)

    for _ in range(2):
        with pytest.raises(stripe.RateLimitError) as refusal:
            await create(shop)
        headers: Any = refusal.value.headers
        assert headers["retry-after"] == "3"

    assert (await create(shop)).id
    assert len(await shop.payments()) == 1


async def test_page_of_a_load_balancer_is_an_error_of_the_sdk(shop: Shop) -> None:
    await shop.fault("html_error", ROUTE)

    with pytest.raises(stripe.APIError) as failure:
        await create(shop)

    assert failure.value.http_status == 502
    assert await shop.payments() == []


async def test_answer_of_the_wrong_type_is_no_intent_though_one_was_made(shop: Shop) -> None:
    await shop.fault("wrong_type", ROUTE)

    answer = await create(shop)

    assert not hasattr(answer, "id")
    assert len(await shop.payments()) == 1


@pytest.mark.parametrize("kind", ["response_cut", "json_cut", "html_error", "wrong_type", "slow"])
@pytest.mark.parametrize("effect", [True, False])
async def test_a_bad_answer_comes_with_the_work_done_or_not_as_it_was_ordered(
    shop: Shop, kind: str, effect: bool
) -> None:
    await shop.fault(kind, ROUTE, effect=effect, seconds=0)

    try:
        await create(shop)
    except (stripe.StripeError, aiohttp.ClientError):
        pass  # which of them it is, the kind's own test says

    assert len(await shop.payments()) == int(effect)


async def test_slow_answer_was_done_at_once(shop: Shop, receiver: Receiver) -> None:
    await shop.fault("slow", ROUTE, seconds=30)
    endpoint = await shop.stripe.v1.webhook_endpoints.create_async(
        {"url": receiver.url, "enabled_events": ["payment_intent.created"]}
    )
    slow = asyncio.create_task(create(shop))

    await receiver.came.wait()

    assert [event.type for event in receiver.verified(endpoint.secret)] == ["payment_intent.created"]
    assert len(await shop.payments()) == 1
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


async def test_held_answer_comes_when_it_is_released(shop: Shop) -> None:
    await shop.fault("hold", ROUTE)
    held = asyncio.create_task(create(shop))

    async def released() -> int:
        answer = await shop.control("POST", "/faults/release", account=shop.key)
        return int(answer["released"])

    await eventually(released, what="the answer to be kept back")

    made = await held
    assert [payment["id"] for payment in await shop.payments()] == [made.id]


async def test_answer_that_drips_is_whole_in_the_end(shop: Shop) -> None:
    await shop.fault("drip", ROUTE, seconds=0)

    made = await create(shop)

    assert made.status == "requires_payment_method"


async def test_fault_strikes_by_chance_and_the_same_chance_again(shop: Shop) -> None:
    await shop.fault("rate_limit", ROUTE, rate=0.5, times=1_000)
    refused = 0

    for n in range(40):
        try:
            await create(shop, f"k{n}")
        except stripe.RateLimitError:
            refused += 1

    assert 0 < refused < 40
    assert len(await shop.payments()) == 40 - refused


async def test_later_event_overtakes_one_that_is_kept_for_it(shop: Shop, receiver: Receiver) -> None:
    endpoint = await shop.stripe.v1.webhook_endpoints.create_async(
        {"url": receiver.url, "enabled_events": ["payment_intent.created", "payment_intent.canceled"]}
    )
    await shop.fault("webhook_reorder", "payment_intent.created")

    made = await create(shop)
    await shop.drain()
    assert receiver.deliveries == []
    await shop.stripe.v1.payment_intents.cancel_async(made.id)
    await shop.drain()

    assert [event.type for event in receiver.verified(endpoint.secret)] == [
        "payment_intent.canceled",
        "payment_intent.created",
    ]


async def test_fault_hits_only_its_account_and_route(shop: Shop) -> None:
    await shop.fault("drop_before", "POST /v1/refunds")
    other = shop.with_key(shop.key + "other")

    assert (await create(shop)).id
    assert (await other.v1.payment_intents.create_async(INTENT)).id
    assert [
        fault["route"] for fault in await shop.control("GET", "/faults") if fault["kind"] == "drop_before"
    ]
    assert (await shop.control("DELETE", f"/faults?account={shop.key}"))["cleared"] == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "earthquake"},
        {"kind": "slow", "provider": "bank"},
        {"kind": "slow", "times": 0},
        {"kind": "slow", "seconds": "long"},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "seconds": [1]},
        {"kind": "slow", "rate": 0},
        {"kind": "slow", "rate": 1.5},
        {"kind": "response_500_after", "status": 200},
        {"kind": "slow", "account": "nonsense"},
        {},
    ],
)
async def test_impossible_fault_is_refused(
    shop: Shop, http: aiohttp.ClientSession, wish: dict[str, Any]
) -> None:
    async with http.post(f"{shop.url}/_sandbox/faults", json=wish) as answer:
        assert 400 <= answer.status < 500
