"""Klarna and Afterpay: the buyer approves a plan on another page, declines it, or leaves."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conforms import object_breaches
from tests.sandbox.conftest import Shop
from tests.sandbox.test_object import CLASSES

NAMES = {"klarna": "klarna", "afterpay": "afterpay_clearpay"}
EXPANDED: Any = {"expand": ["payment_intent.latest_charge", "payment_intent.payment_method"]}


async def begun(shop: Shop, plan: str) -> Any:
    """Return a session whose buyer is on the page of Klarna or Afterpay."""
    price = {"currency": "usd", "unit_amount": 4000, "product_data": {"name": "Boat trip"}}
    session = await shop.session(
        line_items=[{"price_data": price, "quantity": 1}], allowed_payment_method_types=[NAMES[plan]]
    )
    assert session.payment_method_types == [NAMES[plan]]
    gone = await shop.control("POST", f"/checkout/{session.id}/pay", later=plan)
    assert gone["outcome"] == "needs_action"
    return session, gone["payment"]


async def standing(shop: Shop, session: Any) -> Any:
    return await shop.stripe.v1.checkout.sessions.retrieve_async(session.id, EXPANDED)


@pytest.mark.parametrize("plan", NAMES)
async def test_a_plan_that_is_approved_pays_and_can_go_back(shop: Shop, plan: str) -> None:
    session, payment = await begun(shop, plan)
    assert (await standing(shop, session)).payment_intent.status == "requires_action"

    await shop.control("POST", f"/payments/{payment}/challenge")

    paid = await standing(shop, session)
    intent = paid.payment_intent
    assert (paid.status, paid.payment_status, intent.status) == ("complete", "paid", "succeeded")
    assert intent.latest_charge.id.startswith("py_")
    details = intent.latest_charge.payment_method_details
    assert (details.type, intent.payment_method.type) == (NAMES[plan], NAMES[plan])
    refund = await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1500})
    assert (refund.status, refund.destination_details.type) == ("succeeded", NAMES[plan])
    shown = [intent.latest_charge, intent.payment_method, refund]
    for each in shown:
        assert list(object_breaches(each.to_dict(), CLASSES[each.object], each.object)) == []
    await shop.advance(2)
    statement = await shop.control("GET", f"/accounts/{shop.key}/statement")
    assert {line["type"] for line in statement} == {"payment", "payment_refund"}


@pytest.mark.parametrize("plan", NAMES)
async def test_a_plan_that_is_declined_may_be_tried_again(shop: Shop, plan: str) -> None:
    session, payment = await begun(shop, plan)

    await shop.control("POST", f"/payments/{payment}/challenge", code="no")

    left = await standing(shop, session)
    assert (left.status, left.payment_intent.status) == ("open", "requires_payment_method")
    assert left.payment_intent.last_payment_error.payment_method.type == NAMES[plan]
    assert "payment_intent.payment_failed" in await shop.event_types()
    again = await shop.control("POST", f"/checkout/{session.id}/pay", later=plan)
    assert again["outcome"] == "needs_action"


async def test_a_buyer_who_leaves_leaves_a_session_that_can_be_closed(shop: Shop) -> None:
    session, _ = await begun(shop, "klarna")

    await shop.stripe.v1.checkout.sessions.expire_async(session.id)

    assert (await standing(shop, session)).payment_intent.status == "canceled"


@pytest.mark.parametrize(
    ("plan", "currency", "amount"),
    [
        ("klarna", "brl", 4000),
        ("afterpay", "eur", 4000),
        ("afterpay", "usd", 400_001),
        ("afterpay", "gbp", 120_001),
        ("afterpay", "aud", 99),
    ],
)
async def test_a_plan_has_its_currencies_and_limits(
    shop: Shop, plan: str, currency: str, amount: int
) -> None:
    wish: Any = {"amount": amount, "currency": currency, "allowed_payment_method_types": [NAMES[plan]]}

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.stripe.v1.payment_intents.create_async(wish)

    assert refused.value.param == "allowed_payment_method_types"


@pytest.mark.parametrize("plan", NAMES)
async def test_a_client_that_confirms_itself_is_sent_to_the_page(shop: Shop, plan: str) -> None:
    where = {"address": {"country": "US"}, "email": "ada@example.com"}
    wish: Any = {
        "amount": 4000,
        "currency": "usd",
        "confirm": True,
        "capture_method": "manual",
        "allowed_payment_method_types": [NAMES[plan]],
        "payment_method_data": {"type": NAMES[plan], "billing_details": where},
        "return_url": "http://127.0.0.1/back",
    }

    intent = await shop.stripe.v1.payment_intents.create_async(wish)

    assert intent.next_action.redirect_to_url.return_url == "http://127.0.0.1/back"
    assert intent.next_action.redirect_to_url.url.endswith("/challenge")
    await shop.control("POST", f"/payments/{intent.id}/challenge")
    held = await shop.stripe.v1.payment_intents.retrieve_async(intent.id)
    assert (held.status, held.amount_capturable) == ("requires_capture", 4000)


async def test_klarna_asks_where_the_buyer_lives(shop: Shop) -> None:
    wish: Any = {
        "amount": 4000,
        "currency": "usd",
        "allowed_payment_method_types": ["klarna"],
        "payment_method_data": {"type": "klarna"},
    }

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.stripe.v1.payment_intents.create_async(wish)

    assert refused.value.param == "payment_method_data[billing_details][address][country]"
