"""Objects and events are what the SDK's classes say, field by field."""

import json
from typing import Any

import pytest
import stripe

from tests.sandbox.conforms import object_breaches
from tests.sandbox.conftest import Shop

CLASSES: dict[str, type] = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "customer": stripe.Customer,
    "payment_method": stripe.PaymentMethod,
    "balance_transaction": stripe.BalanceTransaction,
    "checkout.session": stripe.checkout.Session,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "dispute": stripe.Dispute,
    "account": stripe.Account,
    "transfer": stripe.Transfer,
    "payout": stripe.Payout,
    "event": stripe.Event,
    "balance": stripe.Balance,
}
FLOWS = {
    "captured at once": {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    },
    "refunded": {"refund.created", "charge.refunded"},
    "refund fails": {"refund.updated", "refund.failed"},
    "declined": {"charge.failed", "payment_intent.payment_failed"},
    "challenged": {"payment_intent.requires_action"},
    "held": {"payment_intent.amount_capturable_updated"},
    "captured later": {"charge.captured"},
    "lapsed": {"payment_intent.canceled", "charge.expired"},
    "disputed": {
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    },
    "money out": {
        "transfer.created",
        "transfer.reversed",
        "payout.created",
        "payout.paid",
        "account.updated",
    },
    "session": {"checkout.session.completed", "checkout.session.expired"},
}


async def story_of_everything(shop: Shop) -> list[dict[str, Any]]:
    """Let everything happen once and return the events that told it."""
    await shop.paid(capture_method="manual")
    captured = await shop.paid(capture_method="manual")
    await shop.stripe.v1.payment_intents.capture_async(captured.id, {"amount_to_capture": 100})
    paid = await shop.paid(
        card="pm_card_refundFail", receipt_email="a@x.test", statement_descriptor_suffix="BOAT"
    )
    await shop.stripe.v1.refunds.create_async({"payment_intent": paid.id, "amount": 700})
    await shop.paid(card="pm_card_authenticationRequired", return_url="http://x.test")
    with pytest.raises(stripe.CardError):
        await shop.paid(card="pm_card_visa_chargeDeclined")
    first, second = await shop.session(customer_email="ada@example.com"), await shop.session()
    await shop.pay(first.id)
    await shop.stripe.v1.checkout.sessions.expire_async(second.id)
    customer = await shop.stripe.v1.customers.create_async({"email": "a@x.test", "address": {"city": "Bern"}})
    await shop.stripe.v1.customers.update_async(customer.id, {"name": "Ada"})
    await shop.paid(card="pm_card_createDispute")
    await shop.advance(8 * 24 * 3600)
    payee = await disputes_and_money_out(shop)
    found: list[dict[str, Any]] = await shop.control("GET", f"/accounts/{shop.key}/events")
    theirs = await shop.stripe.v1.events.list_async({}, {"stripe_account": payee})
    return [*found, *(event.to_dict() for event in theirs.data)]


async def disputes_and_money_out(shop: Shop) -> str:
    """Win the dispute, move what is there to a payee, take a part back, and pay out the platform's own; gives
    the payee's account.
    """
    calls = shop.stripe.v1
    [dispute] = (await calls.disputes.list_async()).data
    await calls.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    account = await calls.accounts.create_async({"country": "DE", "default_currency": "eur"})
    await calls.accounts.update_async(account.id, {"email": "organizer@x.test"})
    transfer = await calls.transfers.create_async(
        {"amount": 300, "currency": "eur", "destination": account.id}
    )
    await calls.transfers.reversals.create_async(transfer.id, {"amount": 100})
    await calls.payouts.create_async({"amount": 200, "currency": "eur"})
    await shop.advance(3 * 24 * 3600)
    return str(account.id)


async def test_every_event_obeys_the_types_of_the_sdk(shop: Shop) -> None:
    events = await story_of_everything(shop)

    told = {event["type"] for event in events}
    assert set().union(*FLOWS.values()) <= told
    wrong: list[str] = []
    for event in events:
        subject = event["data"]["object"]
        wrong += object_breaches(event, stripe.Event, event["type"])
        wrong += object_breaches(subject, CLASSES[subject["object"]], event["type"])
        assert event["api_version"] == stripe.api_version
        assert stripe.Event.construct_from(event, "sk").type == event["type"]
    assert wrong == []


async def test_every_object_that_can_be_fetched_obeys_the_types_of_the_sdk(shop: Shop) -> None:
    await story_of_everything(shop)
    await shop.stripe.v1.webhook_endpoints.create_async({"url": "http://x.test", "enabled_events": ["*"]})
    wrong: list[str] = []

    for path in (
        "payment_intents?expand[]=data.latest_charge&expand[]=data.payment_method",
        "checkout/sessions?expand[]=data.line_items&expand[]=data.payment_intent",
        "charges?expand[]=data.balance_transaction&expand[]=data.refunds",
        "refunds?expand[]=data.charge&expand[]=data.failure_balance_transaction",
        "customers",
        "events",
        "webhook_endpoints",
        "disputes?expand[]=data.charge",
        "accounts",
        "transfers?expand[]=data.balance_transaction",
        "payouts?expand[]=data.balance_transaction",
        "balance_transactions?expand[]=data.source",
    ):
        status, page, _ = await shop.raw("GET", f"/stripe/v1/{path}{'&' if '?' in path else '?'}limit=100")
        assert (status, page["object"]) == (200, "list"), page
        assert page["data"], path
        for found in page["data"]:
            wrong += object_breaches(found, CLASSES[found["object"]], path)
    _, balance, _ = await shop.raw("GET", "/stripe/v1/balance")
    wrong += object_breaches(balance, stripe.Balance, "balance")

    assert wrong == []


async def test_event_says_which_request_caused_it(shop: Shop) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async(
        {"amount": 1000, "currency": "eur"}, {"idempotency_key": "k9"}
    )

    [event] = (await shop.stripe.v1.events.list_async({"type": "payment_intent.*"})).data

    assert event.request is not None
    assert (event.request.id, event.request.idempotency_key) == (intent.last_response.request_id, "k9")


async def test_events_are_found_by_type_and_by_delivery(shop: Shop) -> None:
    await shop.paid()
    events = shop.stripe.v1.events

    charges = await events.list_async({"type": "charge.*"})
    two = await events.list_async({"types": ["charge.succeeded", "payment_intent.created"]})
    undelivered = await events.list_async({"delivery_success": False})

    assert {event.type for event in charges.data} == {"charge.succeeded"}
    assert {event.type for event in two.data} == {"charge.succeeded", "payment_intent.created"}
    assert undelivered.data == []  # nobody was to be told
    one = await events.retrieve_async(two.data[0].id)
    assert json.loads(str(one)) == json.loads(str(two.data[0]))
