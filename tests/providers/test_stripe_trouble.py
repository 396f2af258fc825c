"""What Stripe does wrong, on order of the test, and what each trouble leaves behind: looking, or the same key
again, always gives the same object.
"""

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from devtools.ports import any_free
from domain.money import Money
from domain.payment import Closing
from providers.gateway import NotExecuted, OutcomeUnknown, RefundStatus, Refused
from tests.providers.conftest import Desk, MakeOrder, key_of, stripe_gateway
from tests.support.sandbox import Account

OPEN = "POST /v1/checkout/sessions"


@pytest.mark.parametrize("kind", ["response_lost", "response_cut", "wrong_type"])
async def test_a_lost_answer_is_unknown_and_the_same_key_gives_what_was_made(
    desk: Desk, order: MakeOrder, kind: str
) -> None:
    wished = order()
    await desk.account.break_down(OPEN, kind)

    with pytest.raises(OutcomeUnknown):
        await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    found = await desk.gateway.find_checkout(wished.payment_id)
    again = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert again == found
    assert len(await desk.account.checkouts()) == 1


async def test_a_stored_500_stays_but_looking_finds_what_was_made(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    await desk.account.break_down(OPEN, "response_500_after")

    for _ in range(2):  # the provider replays its failure under the same key
        with pytest.raises(OutcomeUnknown):
            await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    found = await desk.gateway.find_checkout(wished.payment_id)

    assert found is not None
    assert found.payment_url


@pytest.mark.parametrize("kind", ["response_500_before", "drop_before", "html_error"])
async def test_what_may_have_happened_is_unknown_and_looking_shows_that_it_did_not(
    desk: Desk, order: MakeOrder, kind: str
) -> None:
    wished = order()
    await desk.account.break_down(OPEN, kind)

    with pytest.raises(OutcomeUnknown):
        await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    assert await desk.gateway.find_checkout(wished.payment_id) is None
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert [each["id"] for each in await desk.account.checkouts()] == [opened.provider_ref]


async def test_a_rate_limit_did_nothing_and_says_how_long_to_wait(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    await desk.account.break_down(OPEN, "rate_limit", seconds=7)

    with pytest.raises(NotExecuted) as refusal:
        await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert refusal.value.retry_after == timedelta(seconds=7)
    assert await desk.account.checkouts() == []


async def test_nobody_listening_means_that_nothing_happened(
    account: Account, http: aiohttp.ClientSession, order: MakeOrder
) -> None:
    gateway = stripe_gateway(account, http, api=f"http://127.0.0.1:{any_free()}/stripe")
    wished = order()

    with pytest.raises(NotExecuted):
        await gateway.open_checkout(wished, op_key=key_of(wished))


async def test_a_foreign_key_is_refused(
    account: Account, http: aiohttp.ClientSession, order: MakeOrder
) -> None:
    account.key = "no key of stripe"
    wished = order()

    with pytest.raises(Refused) as refusal:
        await stripe_gateway(account, http).open_checkout(wished, op_key=key_of(wished))

    assert refusal.value.reason == "not_authorised"


@pytest.mark.parametrize(
    "given",
    [
        {"amount": Money(minor=10, currency="EUR")},
        {"amount": Money(minor=10**9, currency="EUR")},
        {"amount": Money(minor=0, currency="EUR")},
        {"amount": Money(minor=5_000, currency="ZZZ")},
        {"return_url": "not an address"},
    ],
)
async def test_what_stripe_will_not_take_is_refused_without_its_words(
    desk: Desk, order: MakeOrder, given: dict[str, object]
) -> None:
    wished = order(**given)

    with pytest.raises(Refused) as refusal:
        await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert " " not in str(refusal.value)
    assert refusal.value.__cause__ is None


async def test_a_refund_whose_answer_was_lost_is_found_and_not_made_twice(
    desk: Desk, order: MakeOrder
) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    await desk.account.break_down("POST /v1/refunds", "response_lost")

    with pytest.raises(OutcomeUnknown):
        await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")
    found = await desk.gateway.find_refund(opened.provider_ref, refund_id="r")
    again = await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")

    assert found == again
    assert len(await desk.account.refunds()) == 1


async def test_a_close_whose_answer_was_lost_is_closed_when_asked_again(desk: Desk, order: MakeOrder) -> None:
    """Also when the provider stored a 500 under a key: closing needs none, and sends none."""
    for kind in ("response_lost", "response_500_after"):
        wished = order()
        opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
        await desk.account.break_down("POST /v1/checkout/sessions/*/expire", kind)

        with pytest.raises(OutcomeUnknown):
            await desk.gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))
        again = await desk.gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))

        assert again is Closing.CLOSED


async def test_the_intent_of_a_page_is_closed_by_expiring_the_page(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, "visa_chargeDeclined")  # the page makes its intent at the first try
    (intent,) = await desk.account.payments()

    closing = await desk.gateway.close_checkout(intent["id"], op_key=key_of(wished, "close"))

    assert closing is Closing.CLOSED
    assert [each["status"] for each in await desk.account.checkouts()] == ["expired"]


@pytest.mark.parametrize(
    ("card", "first", "last"),
    [
        ("pendingRefund", RefundStatus.PENDING, RefundStatus.COMPLETED),
        ("refundFail", RefundStatus.COMPLETED, RefundStatus.FAILED),
    ],
)
async def test_a_refund_settles_or_fails_later(
    desk: Desk, order: MakeOrder, card: str, first: RefundStatus, last: RefundStatus
) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, card)
    answer = await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")
    await desk.advance(timedelta(days=14))

    found = await desk.gateway.find_refund(opened.provider_ref, refund_id="r")

    assert found is not None
    assert (answer.status, found.status) == (first, last)


@pytest.mark.row("PAY-03", partly="the answer's paymentId and clientSecret are proved with the API")
async def test_stripe_hears_amount_currency_owner_and_3d_secure(desk: Desk, order: MakeOrder) -> None:
    wished = order(hosted=False, amount=Money(minor=59_999, currency="USD"))

    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    (intent,) = await desk.account.payments()
    assert (intent["amount"], intent["currency"]) == (59_999, "usd")
    assert intent["metadata"] == {
        "tenant": str(wished.tenant_id),
        "booking_id": str(wished.booking_id),
        "payment_id": str(wished.payment_id),
        "reference": "BK-2026-000042",
    }
    (event,) = await desk.account.events("payment_intent.created")
    assert event["request"]["idempotency_key"] == key_of(wished)
    assert event["data"]["object"]["payment_method_options"]["card"]["request_three_d_secure"] == "automatic"
    assert opened.client_secret


async def test_a_page_lives_a_while_longer_than_the_hold_whatever_the_hold(
    desk: Desk, order: MakeOrder
) -> None:
    """Stripe takes 30 minutes to 24 hours; the deadline itself is kept by closing the page."""
    now = datetime.now(UTC)
    for hold in (timedelta(0), timedelta(seconds=30), timedelta(hours=23), timedelta(days=9), None):
        wished = order(expires_at=None if hold is None else now + hold)

        opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

        assert opened.expires_at is not None
        assert now + timedelta(minutes=30) <= opened.expires_at <= now + timedelta(hours=24, minutes=1)


async def test_the_buyer_comes_back_to_the_shop_with_its_own_query_kept(desk: Desk, order: MakeOrder) -> None:
    wished = order(return_url="https://shop.example/back?lang=de#top")
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    (event,) = await desk.account.events("checkout.session.completed")

    session = event["data"]["object"]
    assert session["success_url"] == (
        f"https://shop.example/back?lang=de&payment_id={wished.payment_id}&checkout=done"
        "&session_id={CHECKOUT_SESSION_ID}"
    )
    assert session["cancel_url"].endswith(f"?lang=de&payment_id={wished.payment_id}&checkout=left")
