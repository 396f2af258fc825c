"""SEPA direct debits: methods that settle days after the buyer has gone, through the unmodified SDK."""

from typing import Any

import aiohttp
import pytest
import stripe

from tests.sandbox.conforms import object_breaches
from tests.sandbox.conftest import Shop
from tests.sandbox.test_object import CLASSES

GOOD, BAD, POOR = "AT611904300234573201", "AT861904300235473202", "AT981904300002222227"
FIVE_DAYS = 5 * 24 * 3600
MANDATE = {
    "customer_acceptance": {"type": "online", "online": {"ip_address": "127.0.0.1", "user_agent": "test"}}
}


async def pay_by_debit(shop: Shop, session_id: str, iban: str = GOOD) -> Any:
    """Pay a session from a bank account, as its page would."""
    return await shop.control("POST", f"/checkout/{session_id}/pay", iban=iban)


async def debited(shop: Shop, account: str = "pm_sepaDebit_success_at", **more: Any) -> Any:
    """Return an intent that was confirmed with a bank account."""
    return await shop.paid(card=account, mandate_data=MANDATE, **more)


async def test_session_is_complete_and_unpaid_until_the_bank_pays(shop: Shop) -> None:
    session = await shop.session(4000)
    assert session.payment_method_types == ["card", "sepa_debit"]

    outcome = await pay_by_debit(shop, session.id)

    assert (outcome["outcome"], outcome["status"]) == ("processing", "processing")
    expand: Any = {"expand": ["payment_intent.latest_charge", "payment_intent.payment_method"]}
    waiting = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id, expand)
    intent = waiting.payment_intent
    assert (waiting.status, waiting.payment_status, waiting.url) == ("complete", "unpaid", None)
    assert (intent.status, intent.amount_received, intent.payment_method.type) == (
        "processing",
        0,
        "sepa_debit",
    )
    assert (intent.latest_charge.status, intent.latest_charge.paid) == ("pending", False)
    assert intent.latest_charge.id.startswith("py_")
    assert intent.latest_charge.payment_method_details.sepa_debit.last4 == "3201"
    assert await shop.event_types() == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ]

    await shop.advance(FIVE_DAYS + 2)

    settled = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id, expand)
    assert (settled.payment_status, settled.payment_intent.status) == ("paid", "succeeded")
    assert (await shop.event_types(with_fees=True))[4:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
        "charge.updated",
    ]
    [line] = await shop.control("GET", f"/accounts/{shop.key}/statement")
    assert (line["type"], line["amount"], line["fee"]) == ("payment", 4000, 35)


@pytest.mark.parametrize(("iban", "code"), [(BAD, "generic_could_not_process"), (POOR, "insufficient_funds")])
async def test_bank_that_does_not_pay_leaves_the_session_complete_and_unpaid(
    shop: Shop, iban: str, code: str
) -> None:
    session = await shop.session()
    await pay_by_debit(shop, session.id, iban)

    await shop.advance(FIVE_DAYS + 1)

    expand: Any = {"expand": ["payment_intent.latest_charge"]}
    failed = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id, expand)
    intent = failed.payment_intent
    assert (failed.status, failed.payment_status) == ("complete", "unpaid")
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", code)
    assert (intent.latest_charge.status, intent.latest_charge.failure_code) == ("failed", code)
    assert (await shop.event_types())[4:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]
    assert await shop.control("GET", f"/accounts/{shop.key}/statement") == []


async def test_intent_is_processing_until_the_bank_pays(shop: Shop) -> None:
    intent = await debited(shop)
    assert intent.status == "processing"

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.cancel_async(intent.id)
    assert refusal.value.code == "payment_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    await shop.advance(FIVE_DAYS + 1)

    settled = await shop.stripe.v1.payment_intents.retrieve_async(intent.id)
    assert (settled.status, settled.amount_received) == ("succeeded", 5000)


async def test_intent_whose_debit_failed_takes_another_method(shop: Shop) -> None:
    intent = await debited(shop, "pm_sepaDebit_failed_at")
    await shop.advance(FIVE_DAYS + 1)

    again = await shop.stripe.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})

    assert again.status == "succeeded"
    assert [payment["captured"] for payment in await shop.payments()] == [5000]


async def test_slow_bank_takes_three_minutes_more(shop: Shop) -> None:
    fast, slow = await debited(shop), await debited(shop, "pm_sepaDebit_successDelayed_at")

    await shop.advance(FIVE_DAYS + 10)

    intents = shop.stripe.v1.payment_intents
    assert (await intents.retrieve_async(fast.id)).status == "succeeded"
    assert (await intents.retrieve_async(slow.id)).status == "processing"
    await shop.advance(180)
    assert (await intents.retrieve_async(slow.id)).status == "succeeded"


async def test_time_that_banks_take_is_a_setting_of_the_account(shop: Shop) -> None:
    await shop.control("PUT", f"/accounts/{shop.key}/bank", settle_seconds=60)
    intent = await debited(shop)

    await shop.advance(61)

    assert (await shop.stripe.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


@pytest.mark.parametrize(("succeeds", "status"), [(True, "succeeded"), (False, "requires_payment_method")])
async def test_bank_can_be_made_to_answer_now_and_once(shop: Shop, succeeds: bool, status: str) -> None:
    intent = await debited(shop)

    await shop.control("POST", f"/payments/{intent.id}/settle", succeeds=succeeds)

    assert (await shop.stripe.v1.payment_intents.retrieve_async(intent.id)).status == status
    told = await shop.event_types()
    async with shop.http.post(f"{shop.url}/_sandbox/payments/{intent.id}/settle", json={}) as answer:
        assert answer.status == 409
    await shop.advance(FIVE_DAYS + 1)
    assert await shop.event_types() == told
    assert (await shop.control("GET", "/health"))["stuck_jobs"] == []


async def test_time_of_a_debit_that_failed_before_is_not_that_of_the_next(shop: Shop) -> None:
    intent = await debited(shop)
    await shop.control("POST", f"/payments/{intent.id}/settle", succeeds=False)
    await shop.advance(FIVE_DAYS / 2)
    await shop.stripe.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_sepaDebit_success_at", "mandate_data": MANDATE}
    )

    await shop.advance(FIVE_DAYS / 2 + 1)

    assert (await shop.stripe.v1.payment_intents.retrieve_async(intent.id)).status == "processing"


async def test_debited_money_goes_back_by_bank_transfer_and_takes_a_while(shop: Shop) -> None:
    intent = await debited(shop)
    await shop.control("POST", f"/payments/{intent.id}/settle")
    await shop.advance(2)

    refund = await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id, "amount": 2000})

    assert (refund.status, refund.destination_details.type) == ("pending", "eu_bank_transfer")
    await shop.advance(4)
    assert (await shop.stripe.v1.refunds.retrieve_async(refund.id)).status == "succeeded"
    [payment] = await shop.payments()
    assert (payment["captured"], payment["refunded"]) == (5000, 2000)
    lines = await shop.control("GET", f"/accounts/{shop.key}/statement")
    assert [line["type"] for line in lines] == ["payment", "payment_refund"]


async def test_every_object_and_event_of_a_debit_obeys_the_types_of_the_sdk(shop: Shop) -> None:
    good, bad = await shop.session(), await shop.session()
    await pay_by_debit(shop, good.id)
    await pay_by_debit(shop, bad.id, BAD)
    await shop.advance(FIVE_DAYS + 2)
    [charge] = [each for each in (await shop.stripe.v1.charges.list_async()).data if each.paid]
    await shop.stripe.v1.refunds.create_async({"charge": charge.id})

    wrong: list[str] = []
    for event in await shop.control("GET", f"/accounts/{shop.key}/events"):
        subject = event["data"]["object"]
        wrong += object_breaches(event, stripe.Event, event["type"])
        wrong += object_breaches(subject, CLASSES[subject["object"]], event["type"])
    for path in (
        "payment_intents?expand[]=data.latest_charge&expand[]=data.payment_method",
        "balance_transactions?expand[]=data.source",
    ):
        _, page, _ = await shop.raw("GET", f"/stripe/v1/{path}")
        for found in page["data"]:
            wrong += object_breaches(found, CLASSES[found["object"]], path)

    assert wrong == []


@pytest.mark.parametrize(
    ("wish", "types"),
    [
        ({}, ["card", "sepa_debit"]),
        ({"allowed_payment_method_types": ["card"]}, ["card"]),
        ({"allowed_payment_method_types": ["sepa_debit", "ideal"]}, ["sepa_debit"]),
        ({"excluded_payment_method_types": ["sepa_debit"]}, ["card"]),
        ({"payment_intent_data": {"capture_method": "manual"}}, ["card"]),
    ],
)
async def test_session_offers_what_it_was_asked_to(
    shop: Shop, wish: dict[str, Any], types: list[str]
) -> None:
    session = await shop.session(**wish)

    assert session.payment_method_types == types
    if "sepa_debit" not in types:
        path = f"{shop.url}/_sandbox/checkout/{session.id}/pay"
        async with shop.http.post(path, json={"iban": GOOD}) as answer:
            assert answer.status == 422
        assert await shop.payments() == []


@pytest.mark.parametrize(
    ("wish", "types"),
    [
        ({}, ["card", "sepa_debit"]),
        ({"currency": "gbp"}, ["card"]),
        ({"capture_method": "manual"}, ["card"]),
        ({"allowed_payment_method_types": ["card"]}, ["card"]),
        ({"excluded_payment_method_types": ["card"]}, ["sepa_debit"]),
    ],
)
async def test_intent_takes_what_it_was_asked_to(shop: Shop, wish: dict[str, Any], types: list[str]) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async({"amount": 900, "currency": "eur", **wish})

    assert intent.payment_method_types == types


async def test_intent_for_which_no_method_is_left_is_refused(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.create_async(
            {"amount": 900, "currency": "gbp", "allowed_payment_method_types": ["sepa_debit"]}
        )

    assert refusal.value.param == "allowed_payment_method_types"


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"payment_method": "pm_sepaDebit_success_at"}, "mandate_data"),
        ({"payment_method": "pm_sepaDebit_nonsense"}, "payment_method"),
        ({"currency": "gbp", "payment_method": "pm_sepaDebit_success_at"}, "payment_method"),
        ({"payment_method_data": {"type": "sepa_debit"}}, "payment_method_data[sepa_debit]"),
        (
            {"payment_method_data": {"type": "sepa_debit", "sepa_debit": {"iban": GOOD}}},
            "payment_method_data[billing_details][name]",
        ),
        (
            {
                "payment_method_data": {
                    "type": "sepa_debit",
                    "sepa_debit": {"iban": "DE89370400440532013000"},
                    "billing_details": {"name": "Ada", "email": "ada@example.com"},
                }
            },
            "payment_method_data[sepa_debit][iban]",
        ),
    ],
)
async def test_debit_that_lacks_something_is_refused(shop: Shop, wish: dict[str, Any], param: str) -> None:
    asked = {
        "amount": 900,
        "currency": "eur",
        "confirm": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    }

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.payment_intents.create_async({**asked, **wish})

    assert (refusal.value.http_status, refusal.value.param) == (400, param)
    assert await shop.payments() == []


async def test_intent_is_paid_from_an_account_that_is_named_in_the_call(shop: Shop) -> None:
    intent = await shop.stripe.v1.payment_intents.create_async(
        {
            "amount": 900,
            "currency": "eur",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "mandate_data": MANDATE,
            "payment_method_data": {
                "type": "sepa_debit",
                "sepa_debit": {"iban": "AT61 1904 3002 3457 3201"},
                "billing_details": {"name": "Ada", "email": "ada@example.com"},
            },
        }
    )

    method = await shop.stripe.v1.payment_methods.retrieve_async(intent.payment_method)
    assert (intent.status, method.sepa_debit.last4, method.sepa_debit.country) == ("processing", "3201", "AT")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"iban": GOOD, "name": "Ada", "email": "a@b.test"}, 303),
        ({"iban": "DE89370400440532013000", "name": "Ada", "email": "a@b.test"}, 422),
        ({"iban": GOOD, "name": " ", "email": "a@b.test"}, 422),
        ({"iban": GOOD, "name": "Ada", "email": "nobody"}, 422),
        ({}, 422),
    ],
)
async def test_form_of_the_page_takes_test_accounts_only(
    shop: Shop, http: aiohttp.ClientSession, form: dict[str, str], status: int
) -> None:
    session = await shop.session()

    async with http.post(f"{session.url}?method=debit", data=form, allow_redirects=False) as answer:
        assert answer.status == status
    assert len(await shop.payments()) == (status == 303)
