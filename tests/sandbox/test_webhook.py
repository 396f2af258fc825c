"""Webhooks: registered, signed, delivered, tried again, found afterwards."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Receiver, Shop


async def registered(shop: Shop, receiver: Receiver, *types: Any) -> str:
    """Register the receiver and return its secret."""
    endpoint = await shop.stripe.v1.webhook_endpoints.create_async(
        {"url": receiver.url, "enabled_events": list(types) or ["*"], "api_version": stripe.api_version}
    )
    secret: str = endpoint.secret
    return secret


async def test_events_arrive_signed_for_stripes_own_verifier(shop: Shop, receiver: Receiver) -> None:
    secret = await registered(shop, receiver)

    intent = await shop.paid()
    await shop.drain()

    events = receiver.verified(secret)
    assert {event.type for event in events} >= {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    }
    succeeded = next(event for event in events if event.type == "payment_intent.succeeded")
    assert succeeded.data.object.id == intent.id
    assert succeeded.pending_webhooks == 1
    assert (await shop.stripe.v1.events.retrieve_async(succeeded.id)).pending_webhooks == 0


async def test_failed_delivery_is_tried_again_with_the_same_bytes(shop: Shop, receiver: Receiver) -> None:
    secret = await registered(shop, receiver, "payment_intent.succeeded")
    receiver.answers = [500, 302]

    await shop.paid()
    await shop.drain()
    undelivered = await shop.stripe.v1.events.list_async({"delivery_success": False})
    assert [event.type for event in undelivered.data] == ["payment_intent.succeeded"]
    await shop.advance(1.1)
    await shop.advance(5.1)

    assert len(receiver.deliveries) == 3
    assert len({body for body, _ in receiver.deliveries}) == 1
    assert len(receiver.verified(secret)) == 3
    [delivery] = await shop.control("GET", f"/deliveries?account={shop.key}")
    assert (delivery["status"], [each["status"] for each in delivery["attempts"]]) == (
        "delivered",
        [500, 302, 200],
    )
    assert (await shop.stripe.v1.events.list_async({"delivery_success": False})).data == []


async def test_delivery_is_given_up_at_the_end_of_the_ladder(shop: Shop, receiver: Receiver) -> None:
    await registered(shop, receiver, "payment_intent.created")
    receiver.answers = [503] * 20

    await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    await shop.drain()
    for _ in range(10):
        await shop.advance(24 * 3600)

    [delivery] = await shop.control("GET", f"/deliveries?account={shop.key}")
    assert (delivery["status"], len(delivery["attempts"])) == ("failed", 7)


async def test_given_up_event_can_be_sent_again(shop: Shop, receiver: Receiver) -> None:
    secret = await registered(shop, receiver, "payment_intent.created")
    await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    await shop.drain()
    [delivery] = await shop.control("GET", f"/deliveries?account={shop.key}")

    await shop.control("POST", f"/deliveries/{delivery['id']}/redeliver")
    await shop.control("POST", f"/events/{delivery['event']}/redeliver")
    await shop.drain()

    assert len({event.id for event in receiver.verified(secret)}) == 1
    assert len(receiver.deliveries) >= 2


async def test_endpoint_gets_only_what_it_asked_for(shop: Shop, receiver: Receiver) -> None:
    await registered(shop, receiver, "charge.succeeded", "refund.created")
    secret = await registered(shop, receiver, "refund.created")

    intent = await shop.paid()
    await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    await shop.drain()

    types = sorted(event["type"] for event in await shop.control("GET", f"/deliveries?account={shop.key}"))
    assert types == ["charge.succeeded", "refund.created", "refund.created"]
    assert len(receiver.deliveries) == 3
    mine = 0
    for body, signature in receiver.deliveries:
        try:
            stripe.Webhook.construct_event(body, signature, secret)
        except stripe.SignatureVerificationError:
            continue
        mine += 1
    assert mine == 1


async def test_secret_is_shown_once(shop: Shop, receiver: Receiver) -> None:
    endpoints = shop.stripe.v1.webhook_endpoints
    made = await endpoints.create_async({"url": receiver.url, "enabled_events": ["*"]})

    found = await endpoints.retrieve_async(made.id)
    listed = await endpoints.list_async()

    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert "secret" not in found.to_dict()
    assert [each.id for each in listed.data] == [made.id]
    assert "secret" not in listed.data[0].to_dict()


async def test_disabled_and_deleted_endpoints_get_nothing(shop: Shop, receiver: Receiver) -> None:
    endpoints = shop.stripe.v1.webhook_endpoints
    made = await endpoints.create_async({"url": receiver.url, "enabled_events": ["*"]})

    await endpoints.update_async(made.id, {"disabled": True})
    await shop.paid()
    await endpoints.update_async(made.id, {"disabled": False})
    deleted = await endpoints.delete_async(made.id)
    await shop.paid()
    await shop.drain()

    assert deleted.deleted
    assert receiver.deliveries == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"enabled_events": ["booking.confirmed"]}, "enabled_events[0]"),
        ({"enabled_events": []}, "enabled_events"),
        ({"enabled_events": ["*", "charge.succeeded"]}, "enabled_events"),
        ({"url": "ftp://x.test"}, "url"),
        ({"url": "http://x.test:99999/"}, "url"),
        ({"api_version": "2020-08-27"}, "api_version"),
    ],
)
async def test_wrong_endpoint_is_refused(shop: Shop, change: dict[str, Any], param: str) -> None:
    good: Any = {"url": "http://127.0.0.1/hook", "enabled_events": ["*"]}

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.webhook_endpoints.create_async({**good, **change})

    assert refusal.value.param == param or (
        refusal.value.param is None and not change.get("enabled_events", True)
    )


async def test_endpoint_with_a_secret_of_ones_own_is_put_by_the_control_api(
    shop: Shop, receiver: Receiver
) -> None:
    for secret in ("whsec_old_secret", "whsec_known_beforehand"):
        await shop.control("PUT", f"/accounts/{shop.key}/endpoints", url=receiver.url, secret=secret)

    await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    await shop.drain()

    assert [event.type for event in receiver.verified("whsec_known_beforehand")] == ["payment_intent.created"]


async def test_swallowed_event_is_found_by_asking(shop: Shop, receiver: Receiver) -> None:
    await registered(shop, receiver)
    await shop.fault("webhook_swallow", "payment_intent.succeeded")

    await shop.paid()
    await shop.drain()

    assert all(b'"payment_intent.succeeded"' not in body for body, _ in receiver.deliveries)
    lost = await shop.stripe.v1.events.list_async({"delivery_success": False})
    assert [event.type for event in lost.data] == ["payment_intent.succeeded"]


async def test_duplicate_held_and_late_deliveries_come_as_ordered(shop: Shop, receiver: Receiver) -> None:
    secret = await registered(
        shop, receiver, "payment_intent.created", "charge.succeeded", "payment_intent.succeeded"
    )
    await shop.fault("webhook_hold", "payment_intent.created")
    await shop.fault("webhook_duplicate", "charge.succeeded", n=3)
    await shop.fault("webhook_delay", "payment_intent.succeeded", seconds=60)

    await shop.paid()
    await shop.drain()
    assert [event.type for event in receiver.verified(secret)] == ["charge.succeeded"] * 3
    await shop.advance(61)
    await shop.control("POST", "/deliveries/release", account=shop.key)
    await shop.drain()

    assert [event.type for event in receiver.verified(secret)[3:]] == [
        "payment_intent.succeeded",
        "payment_intent.created",
    ]


@pytest.mark.parametrize("kind", ["webhook_wrong_secret", "webhook_stale"])
async def test_forged_and_stale_deliveries_are_refused_by_stripes_verifier(
    shop: Shop, receiver: Receiver, kind: str
) -> None:
    secret = await registered(shop, receiver, "payment_intent.created")
    await shop.fault(kind)

    await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    await shop.drain()

    [(body, signature)] = receiver.deliveries
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, secret)
