"""Checkout sessions through the unmodified SDK."""

import time
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Shop


async def test_paid_session_is_complete_and_names_its_intent(shop: Shop) -> None:
    session = await shop.session(
        2500,
        client_reference_id="booking-1",
        customer_email="ada@example.com",
        metadata={"a": "b"},
        payment_intent_data={"metadata": {"payment_id": "p1"}, "transfer_group": "g1"},
    )
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.url == f"{shop.url}/pay/{session.id}"

    await shop.pay(session.id)

    expand: Any = {"expand": ["payment_intent.latest_charge", "line_items"]}
    paid: Any = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id, expand)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.payment_intent.metadata["payment_id"] == "p1"
    assert paid.payment_intent.transfer_group == "g1"
    assert paid.payment_intent.latest_charge.paid
    assert paid.line_items.data[0].amount_total == 2500
    assert (await shop.event_types())[-3:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    [payment] = await shop.payments()
    assert (payment["captured"], payment["reference"], payment["checkout"]) == (2500, "booking-1", session.id)


async def test_declined_buyer_may_try_again_on_the_same_session(shop: Shop) -> None:
    session = await shop.session()

    declined = await shop.pay(session.id, "4000000000009995")
    paid = await shop.pay(session.id)

    assert (declined["outcome"], declined["decline"]["reason"]) == ("declined", "insufficient_funds")
    assert paid["outcome"] == "paid"
    assert paid["payment"] == declined["payment"]
    assert [payment["captured"] for payment in await shop.payments()] == [5000]


async def test_note_of_the_merchant_is_kept_and_shown(shop: Shop) -> None:
    session = await shop.session(custom_text={"submit": {"message": "Pay by 19:05 <UTC>."}})

    assert session.custom_text.submit.message == "Pay by 19:05 <UTC>."
    async with shop.http.get(session.url) as answer:
        page = await answer.text()
    assert "Pay by 19:05 &lt;UTC&gt;." in page
    assert " left</p>" not in page


async def test_expired_session_cannot_be_paid(shop: Shop) -> None:
    session = await shop.session()

    expired = await shop.stripe.v1.checkout.sessions.expire_async(session.id)

    assert (expired.status, expired.url) == ("expired", None)
    async with shop.http.post(f"{shop.url}/_sandbox/checkout/{session.id}/pay", json={}) as answer:
        assert answer.status == 409
    assert await shop.payments() == []
    assert await shop.event_types() == ["checkout.session.expired"]


async def test_money_may_come_for_a_session_that_has_expired(shop: Shop) -> None:
    session = await shop.session()
    await shop.stripe.v1.checkout.sessions.expire_async(session.id)

    late = await shop.control("POST", f"/checkout/{session.id}/pay", after_expiry=True)

    assert late["outcome"] == "paid"
    assert [payment["captured"] for payment in await shop.payments()] == [5000]
    assert await shop.event_types() == [
        "checkout.session.expired",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    async with shop.http.post(
        f"{shop.url}/_sandbox/checkout/{session.id}/pay", json={"after_expiry": True}
    ) as answer:
        assert answer.status == 409


async def test_expiry_cancels_the_intent_of_a_declined_try(shop: Shop) -> None:
    session = await shop.session()
    declined = await shop.pay(session.id, "4000000000000002")

    await shop.stripe.v1.checkout.sessions.expire_async(session.id)

    intent = await shop.stripe.v1.payment_intents.retrieve_async(declined["payment"])
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")


async def test_session_ends_by_itself_at_its_time(shop: Shop) -> None:
    session = await shop.session(expires_at=int(time.time()) + 3600)

    await shop.advance(3601)

    ended = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert ended.status == "expired"


async def test_paid_session_cannot_be_expired(shop: Shop) -> None:
    session = await shop.session()
    await shop.pay(session.id)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.checkout.sessions.expire_async(session.id)

    assert "complete" in str(refusal.value)


async def test_intent_of_an_open_session_is_moved_by_the_session_only(shop: Shop) -> None:
    session = await shop.session()
    declined = await shop.pay(session.id, "4000000000000002")

    intents = shop.stripe.v1.payment_intents
    for call in (
        intents.cancel_async(declined["payment"]),
        intents.confirm_async(declined["payment"], {"payment_method": "pm_card_visa"}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await call
        assert refusal.value.code == "payment_intent_unexpected_state"


async def test_manual_capture_completes_the_session_and_leaves_it_unpaid(shop: Shop) -> None:
    session = await shop.session(payment_intent_data={"capture_method": "manual"})

    answer = await shop.pay(session.id)

    held = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert (held.status, held.payment_status) == ("complete", "unpaid")
    await shop.stripe.v1.payment_intents.capture_async(answer["payment"])
    taken = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert taken.payment_status == "paid"


async def test_hold_of_a_session_is_captured_in_part_and_the_rest_released(shop: Shop) -> None:
    session = await shop.session(5000, payment_intent_data={"capture_method": "manual"})
    held = await shop.pay(session.id)
    assert await shop.event_types() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "checkout.session.completed",
    ]

    taken = await shop.stripe.v1.payment_intents.capture_async(held["payment"], {"amount_to_capture": 3000})

    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 3000, 0)
    assert (await shop.event_types())[4:] == ["charge.captured", "payment_intent.succeeded"]
    found = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert found.payment_status == "paid"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.capture_async(held["payment"], {"amount_to_capture": 2000})
    assert refusal.value.code == "payment_intent_unexpected_state"
    assert [payment["captured"] for payment in await shop.payments()] == [3000]


async def test_hold_of_a_complete_session_is_released_by_cancelling_its_intent(shop: Shop) -> None:
    session = await shop.session(payment_intent_data={"capture_method": "manual"})
    held = await shop.pay(session.id)

    void = await shop.stripe.v1.payment_intents.cancel_async(held["payment"])

    assert (void.status, void.amount_capturable) == ("canceled", 0)
    assert (await shop.event_types())[4:] == ["charge.refunded", "payment_intent.canceled"]
    found = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert (found.status, found.payment_status) == ("complete", "unpaid")
    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.payment_intents.capture_async(held["payment"])
    assert await shop.control("GET", f"/accounts/{shop.key}/statement") == []


async def test_hold_of_a_session_lapses_when_nobody_captures_it(shop: Shop) -> None:
    session = await shop.session(payment_intent_data={"capture_method": "manual"})
    held = await shop.pay(session.id)

    await shop.advance(7 * 24 * 3600 + 1)

    intent = await shop.stripe.v1.payment_intents.retrieve_async(held["payment"])
    assert (intent.status, intent.cancellation_reason) == ("canceled", "automatic")
    assert (await shop.event_types())[4:] == ["charge.expired", "payment_intent.canceled"]
    found = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert (found.status, found.payment_status) == ("complete", "unpaid")


@pytest.mark.parametrize("seconds", [60, 29 * 60, 24 * 3600 + 60, -1])
async def test_life_of_a_session_is_half_an_hour_to_a_day(shop: Shop, seconds: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.session(expires_at=int(time.time()) + seconds)

    assert refusal.value.param == "expires_at"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"line_items": []}, "line_items"),
        ({"success_url": "not an address"}, "success_url"),
        ({"cancel_url": "javascript:alert(1)"}, "cancel_url"),
        ({"mode": "subscription"}, "mode"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"customer": "cus_unknown"}, "customer"),
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"client_reference_id": "x" * 201}, "client_reference_id"),
        ({"custom_text": {"submit": {"message": "x" * 1201}}}, "custom_text[submit][message]"),
        ({"custom_text": {"after_submit": {"message": "x"}}}, "custom_text[after_submit]"),
    ],
)
async def test_wrong_parameter_is_named(shop: Shop, change: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.session(**change)

    assert refusal.value.param == param


async def test_sessions_are_listed_by_status_and_intent(shop: Shop) -> None:
    opened, paid = await shop.session(), await shop.session()
    intent = (await shop.pay(paid.id))["payment"]

    sessions = shop.stripe.v1.checkout.sessions
    assert [each.id for each in (await sessions.list_async({"status": "open"})).data] == [opened.id]
    assert [each.id for each in (await sessions.list_async({"payment_intent": intent})).data] == [paid.id]


async def test_line_items_are_paged(shop: Shop) -> None:
    price: Any = {"currency": "eur", "unit_amount": 100, "product_data": {"name": "Seat"}}
    session = await shop.session(line_items=[{"price_data": price, "quantity": n} for n in (1, 2, 3)])

    lines = await shop.stripe.v1.checkout.sessions.line_items.list_async(session.id, {"limit": 2})
    everything = [line.quantity async for line in lines.auto_paging_iter()]

    assert (session.amount_total, lines.has_more, everything) == (600, True, [1, 2, 3])
