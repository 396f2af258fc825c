"""What only PayPal does: approve first and pay later, lapse after three hours, ask the bank at the end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from uuid_utils.compat import uuid7

from domain.ids import RefundId
from domain.money import Money
from domain.payment import Closing, FactKind, PaymentStatus, fold
from providers.gateway import (
    Declined,
    NeedsFunds,
    NotExecuted,
    NotFound,
    OutcomeUnknown,
    RefundStatus,
    Refused,
    StateConflict,
)
from providers.paypal_gateway.amount import TWO_DECIMALS, WHOLE, from_paypal, to_paypal
from providers.paypal_gateway.gateway import PayPalGateway
from providers.paypal_gateway.trouble import KEEP_OFF
from tests.providers.conftest import Delivery, MakeOrder, PayPalDesk, key_of, paypal_desk, paypal_gateway
from tests.support import paypal
from tests.support.sandbox import Account

HOUR = timedelta(hours=1)


@pytest.fixture
async def paypal_account(
    account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]
) -> PayPalDesk:
    return await paypal_desk(account, http, received)


async def late_gateway(
    desk: PayPalDesk, http: aiohttp.ClientSession, later: timedelta, **more: Any
) -> PayPalGateway:
    """Make a gateway whose clock is ahead."""
    clock = (datetime.now(UTC) + later).timestamp
    return paypal_gateway(desk.account, http, await paypal.roots(desk.account), clock=clock, **more)


@pytest.mark.row("PAY-05", partly="at PayPal itself; as a method through Adyen: test_adyen.py")
async def test_an_order_is_approved_captured_and_refunded(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    refund_id = RefundId(uuid7())

    await desk.approve(opened)
    approved = fold(wished.amount, await desk.gateway.fetch(wished.payment_id, opened.provider_ref))
    await desk.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
    taken = fold(wished.amount, await desk.gateway.fetch(wished.payment_id, opened.provider_ref))
    given = await desk.gateway.refund(
        opened.provider_ref, wished.amount, refund_id=str(refund_id), op_key=f"{refund_id}:refund:1"
    )
    facts = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)

    assert (approved.status, approved.captured_minor) == (PaymentStatus.AUTHORIZED, 0)
    assert (taken.status, taken.captured_minor) == (PaymentStatus.CAPTURED, 59_999)
    assert given.status is RefundStatus.COMPLETED
    assert fold(wished.amount, facts).refunded_minor == 59_999
    assert {fact.refund_id for fact in facts if fact.kind is FactKind.REFUNDED} == {refund_id}


@pytest.mark.row("WHK-20", partly="each event: tests/api/test_paypal_table.py")
async def test_events_and_asking_add_up_to_the_same(paypal_account: PayPalDesk, order: MakeOrder) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    refund_id = str(uuid7())
    part = Money(minor=9_999, currency="USD")
    await desk.gateway.refund(opened.provider_ref, part, refund_id=refund_id, op_key=f"{refund_id}:refund:1")

    events = [event for each in await desk.told() for event in desk.gateway.parse(each.raw)]
    told = [fact for event in events for fact in event.facts]
    asked = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)

    state = fold(wished.amount, told)
    assert (state.captured_minor, state.refunded_minor) == (59_999, 9_999)
    assert fold(wished.amount, [*told, *asked, *told]).captured == state.captured
    assert fold(wished.amount, asked).refunded == state.refunded
    assert {fact.provider_ref for fact in told} == {opened.provider_ref}


@pytest.mark.row("WHK-20", partly="each event: tests/api/test_paypal_table.py")
async def test_an_approval_is_no_payment(paypal_account: PayPalDesk, order: MakeOrder) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    await desk.approve(opened)

    told = [
        fact for each in await desk.told() for event in desk.gateway.parse(each.raw) for fact in event.facts
    ]
    assert [fact.kind for fact in told] == [FactKind.AUTHORIZED]
    assert await desk.account.kept() == 0


async def test_an_order_that_was_closed_is_never_captured(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    assert await desk.gateway.close_checkout(opened.provider_ref, op_key="any") is Closing.CLOSED

    await desk.approve(opened)

    told = [
        fact for each in await desk.told() for event in desk.gateway.parse(each.raw) for fact in event.facts
    ]
    assert told == []
    with pytest.raises(StateConflict):
        await desk.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
    facts = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)
    assert fold(wished.amount, facts).status is PaymentStatus.CANCELLED
    assert await desk.account.kept() == 0


async def test_what_is_approved_or_held_is_released(paypal_account: PayPalDesk, order: MakeOrder) -> None:
    desk = paypal_account
    for manual in (False, True):
        wished = order(manual_capture=manual)
        opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
        await desk.approve(opened)
        if manual:
            await paypal.authorize(desk.account, opened.provider_ref)

        for _ in range(2):
            await desk.gateway.void(opened.provider_ref, op_key=key_of(wished, "void"))

        facts = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)
        assert fold(wished.amount, facts).status is PaymentStatus.CANCELLED
        assert await desk.gateway.close_checkout(opened.provider_ref, op_key="any") is Closing.CLOSED


async def test_a_decline_comes_with_the_capture_and_gives_the_order_up(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.approve(opened, "visa_chargeDeclined")

    with pytest.raises(Declined, match="card_declined"):
        await desk.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))

    facts = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)
    assert fold(wished.amount, facts).status is PaymentStatus.CANCELLED


async def test_what_is_approved_to_be_held_is_held_when_it_is_seen_and_taken_days_later(
    paypal_account: PayPalDesk, order: MakeOrder, http: aiohttp.ClientSession
) -> None:
    """A partner may take longer than an approved order lives."""
    desk, wished = paypal_account, order(manual_capture=True)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.approve(opened)

    looks = [await desk.gateway.fetch(wished.payment_id, opened.provider_ref) for _ in range(2)]
    await desk.advance(20 * HOUR)
    later = await late_gateway(desk, http, 20 * HOUR)
    await later.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))

    assert [[fact.kind for fact in facts] for facts in looks] == [[FactKind.AUTHORIZED]] * 2
    assert [each["status"] for each in await desk.account.payments()] == ["captured"]
    kinds = [each["event_type"] for each in await desk.account.told()]
    assert kinds.count("PAYMENT.AUTHORIZATION.CREATED") == 1


@pytest.mark.parametrize(("days", "asked_anew"), [(2, False), (4, True)])
async def test_what_was_held_for_longer_than_it_is_honoured_is_authorized_anew(
    paypal_account: PayPalDesk, order: MakeOrder, http: aiohttp.ClientSession, days: int, asked_anew: bool
) -> None:
    desk, wished, wait = paypal_account, order(manual_capture=True), timedelta(days=days)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.approve(opened)
    await desk.gateway.fetch(wished.payment_id, opened.provider_ref)
    await desk.advance(wait)
    later = await late_gateway(desk, http, wait)
    await desk.account.break_down("POST *reauthorize", "response_500_before")

    if asked_anew:
        with pytest.raises(OutcomeUnknown):
            await later.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
        assert await desk.account.kept() == 0
    await later.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))

    assert await desk.account.kept() == 59_999


async def test_a_decline_when_the_money_is_to_be_held_gives_the_order_up(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    desk, wished = paypal_account, order(manual_capture=True)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.approve(opened, "visa_chargeDeclined")

    facts = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)
    again = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)

    assert [(fact.kind, fact.decline_code) for fact in facts] == [
        (FactKind.DECLINED, "card_declined"),
        (FactKind.CANCELLED, None),
    ]
    assert [fact.kind for fact in again] == [FactKind.CANCELLED]
    with pytest.raises(StateConflict):
        await desk.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))


@pytest.mark.row("PAY-34")
async def test_an_order_is_pending_for_three_hours_and_then_expired(
    paypal_account: PayPalDesk, order: MakeOrder, http: aiohttp.ClientSession
) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    minute = timedelta(minutes=1)

    await desk.advance(3 * HOUR - minute)
    before = await (await late_gateway(desk, http, 3 * HOUR - minute)).fetch(
        wished.payment_id, opened.provider_ref
    )
    await desk.advance(2 * minute)
    after = await (await late_gateway(desk, http, 3 * HOUR + minute)).fetch(
        wished.payment_id, opened.provider_ref
    )

    assert [fact.kind for fact in before] == [FactKind.PENDING]
    assert [fact.kind for fact in after] == [FactKind.EXPIRED]
    with pytest.raises(NotFound):  # by our clock it should still be there
        await desk.gateway.fetch(wished.payment_id, opened.provider_ref)


async def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    desk, wished = paypal_account, order()
    account = desk.account
    for route in ("POST */v2/checkout/orders", "POST *capture", "POST *refund"):
        await account.break_down(route, "response_500_after")

    async def again(asking: Any) -> Any:
        with pytest.raises(OutcomeUnknown):
            await asking()
        return await asking()

    opened = await again(lambda: desk.gateway.open_checkout(wished, op_key=key_of(wished)))
    await desk.approve(opened)
    with pytest.raises(OutcomeUnknown):
        await desk.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
    with pytest.raises(StateConflict):
        await desk.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
    part = Money(minor=100, currency="USD")
    await again(lambda: desk.gateway.refund(opened.provider_ref, part, refund_id="r", op_key="r:refund:1"))

    assert len(await account.checkouts()) == 1
    assert await account.kept() == 59_899


async def test_too_small_a_balance_is_no_refusal(paypal_account: PayPalDesk, order: MakeOrder) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    await desk.account.break_down("POST *refund", "response_500_before", status=422)

    with pytest.raises(NeedsFunds):
        await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")


@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        ("html_error", OutcomeUnknown),
        ("json_cut", OutcomeUnknown),
        ("wrong_type", OutcomeUnknown),
        ("response_lost", OutcomeUnknown),
    ],
)
async def test_whatever_paypal_answers_is_one_of_our_troubles(
    paypal_account: PayPalDesk, order: MakeOrder, kind: str, trouble: type[Exception]
) -> None:
    wished = order()
    await paypal_account.account.break_down("POST /v2/checkout/orders", kind)

    with pytest.raises(trouble):
        await paypal_account.gateway.open_checkout(wished, op_key=key_of(wished))


@pytest.mark.parametrize(
    ("route", "seconds", "wait"),
    [
        ("POST /v2/checkout/orders", 7, timedelta(seconds=7)),
        ("POST /v2/checkout/orders", 0, KEEP_OFF),
        ("POST /v1/oauth2/token", 0, KEEP_OFF),
    ],
)
async def test_a_rate_limit_did_nothing_and_is_kept_off_by_whoever_asked(
    paypal_account: PayPalDesk, order: MakeOrder, route: str, seconds: int, wait: timedelta
) -> None:
    desk, wished = paypal_account, order()
    await desk.account.break_down(route, "rate_limit", times=2, seconds=seconds)

    for _ in range(2):  # each try is one call: the fault is used up by these two
        with pytest.raises(NotExecuted) as refusal:
            await desk.gateway.open_checkout(wished, op_key=key_of(wished))
        assert (refusal.value.reason, refusal.value.retry_after) == ("rate_limited", wait)
    assert await desk.account.checkouts() == []
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert [each["id"] for each in await desk.account.checkouts()] == [opened.provider_ref]


async def test_one_token_is_fetched_for_all_and_again_when_it_has_ended(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    desk = paypal_account
    wishes = [order() for _ in range(8)]
    # A second token would meet this fault.
    first = order()
    await desk.gateway.open_checkout(first, op_key=key_of(first))
    await desk.account.break_down("POST /v1/oauth2/token", "response_500_before")

    await asyncio.gather(*(desk.gateway.open_checkout(each, op_key=key_of(each)) for each in wishes))
    await desk.advance(10 * HOUR)
    late = order()
    with pytest.raises(NotExecuted):  # the old one is taken no more, and the new one fails once
        await desk.gateway.open_checkout(late, op_key=key_of(late))
    opened = await desk.gateway.open_checkout(late, op_key=key_of(late))

    assert opened.provider_ref


@pytest.mark.parametrize(
    ("minor", "currency", "value"),
    [
        (1_050, "EUR", "10.50"),
        (5, "USD", "0.05"),
        (1_050, "JPY", "1050"),
        (1_000, "HUF", "10"),
        (1_000, "TWD", "10"),
    ],
)
def test_an_amount_is_written_as_paypal_counts_and_read_back(minor: int, currency: str, value: str) -> None:
    written = to_paypal(Money(minor=minor, currency=currency))

    assert written == {"currency_code": currency, "value": value}
    assert from_paypal(written) == Money(minor=minor, currency=currency)


def test_every_currency_that_paypal_takes_goes_there_and_back() -> None:
    for currency in WHOLE | TWO_DECIMALS:
        money = Money(minor=12_300, currency=currency)
        assert from_paypal(to_paypal(money)) == money


@pytest.mark.parametrize(("minor", "currency"), [(1_001, "HUF"), (1_000, "KWD"), (1_000, "ISK")])
def test_an_amount_that_paypal_cannot_take_is_refused(minor: int, currency: str) -> None:
    with pytest.raises(Refused):
        to_paypal(Money(minor=minor, currency=currency))


@pytest.mark.parametrize("value", ["1.005", "-1.00", "abc", "1e3", "", "٣.00"])
def test_an_amount_that_we_cannot_count_never_equals_what_was_asked(value: str) -> None:
    assert from_paypal({"currency_code": "EUR", "value": value}).currency == "XXX"
