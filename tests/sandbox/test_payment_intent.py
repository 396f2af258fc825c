"""Payment intents through the unmodified SDK."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Shop


async def test_intent_waits_for_a_method_of_payment(shop: Shop) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async(
        {"amount": 1050, "currency": "EUR", "metadata": {"booking": "b1"}, "description": "Two seats"}
    )

    found = await shop.stripe.v1.payment_intents.retrieve_async(intent.id)

    assert (found.status, found.amount, found.currency) == ("requires_payment_method", 1050, "eur")
    assert found.metadata["booking"] == "b1"
    assert found.client_secret is not None
    assert found.client_secret.startswith(f"{intent.id}_secret_")
    assert found.automatic_payment_methods is not None


async def test_good_card_is_captured_at_once_and_its_fee_booked_later(shop: Shop) -> None:
    expand: Any = {"expand": ["latest_charge.balance_transaction"]}
    intent = await shop.paid(10_000, **expand)

    assert intent.status == "succeeded"
    assert intent.amount_received == 10_000
    assert intent.latest_charge.balance_transaction is None
    await shop.advance(2)
    late = await shop.stripe.v1.payment_intents.retrieve_async(intent.id, expand)
    line: Any = late.latest_charge.balance_transaction
    assert (line.amount, line.fee, line.net) == (10_000, 175, 9_825)
    assert (await shop.event_types(with_fees=True)) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ]


async def test_hold_is_captured_in_part_and_the_rest_released(shop: Shop) -> None:
    intent = await shop.paid(5_000, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 5_000)

    captured = await shop.stripe.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 3_000})

    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 3_000, 0)
    assert [payment["captured"] for payment in await shop.payments()] == [3_000]
    assert (await shop.event_types())[-4:] == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_capture_beyond_the_hold_is_refused(shop: Shop) -> None:
    intent = await shop.paid(5_000, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 5_001})

    assert (refusal.value.code, refusal.value.param) == ("amount_too_large", "amount_to_capture")


async def test_hold_nobody_captures_lapses_after_a_week(shop: Shop) -> None:
    intent = await shop.paid(5_000, capture_method="manual")

    await shop.advance(7 * 24 * 3600 + 1)

    lapsed = await shop.stripe.v1.payment_intents.retrieve_async(intent.id)
    assert (lapsed.status, lapsed.cancellation_reason) == ("canceled", "automatic")
    assert (await shop.event_types())[-2:] == ["charge.expired", "payment_intent.canceled"]


async def test_cancelled_hold_shows_a_refund_of_money_never_taken(shop: Shop) -> None:
    intent = await shop.paid(5_000, capture_method="manual")

    await shop.stripe.v1.payment_intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})

    events = await shop.control("GET", f"/accounts/{shop.key}/events")
    charge = next(event["data"]["object"] for event in events if event["type"] == "charge.refunded")
    assert (charge["captured"], charge["amount_captured"], charge["refunded"]) == (False, 0, True)
    [payment] = await shop.payments()
    assert (payment["status"], payment["captured"], payment["refunded"]) == ("cancelled", 0, 0)


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_radarBlock", "card_declined", "fraudulent"),
    ],
)
async def test_declined_card_leaves_the_intent_open_for_another(
    shop: Shop, card: str, code: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        await shop.paid(card=card)

    error: Any = refusal.value.error
    assert (refusal.value.http_status, refusal.value.code, error.decline_code) == (402, code, decline_code)
    intent = await shop.stripe.v1.payment_intents.retrieve_async(error.payment_intent["id"])
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == decline_code
    assert (await shop.event_types())[-2:] == ["charge.failed", "payment_intent.payment_failed"]

    again = await shop.stripe.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "succeeded"
    assert again.last_payment_error is None


async def test_challenge_must_be_passed_with_the_right_code(shop: Shop) -> None:
    intent = await shop.paid(card="pm_card_threeDSecure2Required", return_url="http://127.0.0.1/back")
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url == f"{shop.url}/pay/{intent.id}/challenge"

    failed = await shop.control("POST", f"/payments/{intent.id}/challenge", code="000000")
    assert failed["status"] == "unstarted"
    retried = await shop.stripe.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_threeDSecure2Required"}
    )
    assert retried.status == "requires_action"
    passed = await shop.control("POST", f"/payments/{intent.id}/challenge", code="123456")

    assert (passed["outcome"], passed["status"]) == ("paid", "captured")
    assert "payment_intent.requires_action" in await shop.event_types()


async def test_challenge_can_be_passed_and_the_card_still_decline(shop: Shop) -> None:
    intent = await shop.paid(card="pm_card_threeDSecureRequiredChargeDeclined")

    answer = await shop.control("POST", f"/payments/{intent.id}/challenge", code="123456")

    assert (answer["outcome"], answer["decline"]["code"]) == ("declined", "card_declined")


async def test_absent_buyer_cannot_be_challenged(shop: Shop) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        await shop.paid(card="pm_card_authenticationRequired", off_session=True)

    assert refusal.value.code == "authentication_required"


async def test_settled_intent_takes_no_further_step(shop: Shop) -> None:
    intent = await shop.paid()
    calls = shop.stripe.v1.payment_intents

    for call in (calls.cancel_async, calls.capture_async, calls.confirm_async):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await call(intent.id)
        assert refusal.value.code == "payment_intent_unexpected_state"
        error: Any = refusal.value.error
        assert error.payment_intent["status"] == "succeeded"


async def test_confirming_needs_a_return_address_where_redirects_are_possible(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.create_async(
            {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
        )

    assert refusal.value.param == "return_url"


async def test_update_changes_an_open_intent_only(shop: Shop) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async(
        {"amount": 1000, "currency": "eur", "metadata": {"a": "1", "b": "2"}}
    )

    changed = await shop.stripe.v1.payment_intents.update_async(
        intent.id, {"amount": 2000, "metadata": {"a": "", "c": "3"}}
    )

    assert changed.amount == 2000
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    settled = await shop.paid()
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.update_async(settled.id, {"amount": 1})
    assert refusal.value.code == "payment_intent_unexpected_state"


async def test_publishable_key_needs_the_client_secret_and_reaches_nothing_else(shop: Shop) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async(
        {
            "amount": 1000,
            "currency": "eur",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    public = {"Authorization": f"Bearer pk_test_{shop.key.removeprefix('sk_test_')}"}
    path = f"/stripe/v1/payment_intents/{intent.id}"

    status, _, _ = await shop.raw("GET", path, headers=public)
    assert status == 404
    status, body, _ = await shop.raw("POST", "/stripe/v1/payment_intents", headers=public)
    assert (status, body["error"]["code"]) == (403, "secret_key_required")
    form = {"client_secret": intent.client_secret, "payment_method": "pm_card_visa"}
    status, body, _ = await shop.raw("POST", path + "/confirm", headers=public, data=form)

    assert (status, body["status"]) == (200, "succeeded")


async def test_buyer_with_a_client_secret_can_be_played(shop: Shop) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})

    declined = await shop.control("POST", f"/payment_intents/{intent.id}/pay", card="4000000000000002")
    paid = await shop.control("POST", f"/payment_intents/{intent.id}/pay", card="4242 4242 4242 4242")

    assert (declined["outcome"], paid["outcome"]) == ("declined", "paid")


async def test_list_pages_through_everything_once_newest_first(shop: Shop) -> None:
    made = [
        (await shop.stripe.v1.payment_intents.create_async({"amount": 100 + n, "currency": "eur"})).id
        for n in range(7)
    ]

    first = await shop.stripe.v1.payment_intents.list_async({"limit": 3})
    seen = [intent.id async for intent in first.auto_paging_iter()]
    back = await shop.stripe.v1.payment_intents.list_async({"ending_before": made[3], "limit": 2})

    assert first.has_more
    assert seen == made[::-1]
    assert [intent.id for intent in back.data] == [made[5], made[4]]


async def test_list_is_narrowed_by_time(shop: Shop) -> None:
    old = await shop.paid()
    await shop.advance(1000)
    new = await shop.paid()

    recent = await shop.stripe.v1.payment_intents.list_async({"created": {"gte": old.created + 500}})

    assert [intent.id for intent in recent.data] == [new.id]
