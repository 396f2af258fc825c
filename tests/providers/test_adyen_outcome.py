"""What becomes of money at Adyen: asked for, and true when a notification says so."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import Closing, FactKind, PaymentFact, PaymentStatus, fold
from providers.adyen_gateway import webhook
from providers.adyen_gateway.reference import of_refund
from providers.gateway import NotExecuted, NotFound, Order, RefundStatus, StateConflict
from tests.providers.adyen_item import PAYMENT, REFUND, envelope, item, refunding
from tests.providers.conftest import MERCHANT, Delivery, Desk, MakeOrder, Told, adyen_gateway, key_of
from tests.support.sandbox import Account


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


async def test_a_hold_is_captured_when_that_was_told(adyen: Desk, order: MakeOrder) -> None:
    wished = order(manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    with pytest.raises(NotExecuted):
        await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
    await adyen.told()
    await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))

    state = fold(wished.amount, await adyen.gateway.fetch(wished.payment_id, opened.provider_ref))
    assert (state.status, state.captured_minor) == (PaymentStatus.CAPTURED, 59_999)


async def test_a_capture_that_was_told_to_have_failed_is_a_conflict(adyen: Desk, order: MakeOrder) -> None:
    wished = order(manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)
    await adyen.account.break_down("POST /v72/payments/*/captures", "outcome_fails")

    for trouble in (NotExecuted, StateConflict):
        with pytest.raises(trouble):
            await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))
        await adyen.told()

    assert (await adyen.account.payments())[0]["status"] == "authorized"


async def test_a_hold_is_released_and_what_is_released_is_not_taken(adyen: Desk, order: MakeOrder) -> None:
    wished = order(manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    await adyen.gateway.void(opened.provider_ref, op_key=key_of(wished, "void"))
    await adyen.told()
    # Whatever would be asked from here on goes wrong.
    await adyen.account.break_down("POST /v72/payments/*", "response_500_before", times=9)
    await adyen.gateway.void(opened.provider_ref, op_key=key_of(wished, "void"))

    state = fold(wished.amount, await adyen.gateway.fetch(wished.payment_id, opened.provider_ref))
    assert state.status is PaymentStatus.CANCELLED
    with pytest.raises(StateConflict):
        await adyen.gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))


async def test_what_was_taken_is_not_released(adyen: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)

    with pytest.raises(StateConflict):
        await adyen.gateway.void(opened.provider_ref, op_key=key_of(wished, "void"))


@pytest.mark.parametrize(
    ("card", "then", "status"),
    [
        ("visa", timedelta(), RefundStatus.COMPLETED),
        ("pendingRefund", timedelta(minutes=1), RefundStatus.COMPLETED),
        ("refundFail", timedelta(minutes=1), RefundStatus.FAILED),
    ],
)
@pytest.mark.row("PAY-04")
async def test_what_became_of_a_refund_is_told(
    adyen: Desk, order: MakeOrder, card: str, then: timedelta, status: RefundStatus
) -> None:
    wished, part = order(), Money(minor=20_000, currency="USD")
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened, card)

    asked = await refunding(adyen, opened.provider_ref, part)()
    await adyen.told()
    if then:
        await adyen.advance(then)
        await adyen.told()
    found = await adyen.gateway.find_refund(opened.provider_ref, refund_id=str(REFUND))

    assert found is not None
    assert (
        (found.provider_ref, found.amount) == (asked.provider_ref, asked.amount) == (asked.provider_ref, part)
    )
    assert found.status is status


@pytest.mark.row("PAY-04")
async def test_a_refund_is_asked_for_with_exactly_these_fields_and_a_key(
    account: Account, stub: tuple[str, list[Any], list[web.Response]]
) -> None:
    address, came, answers = stub
    answers.append(web.json_response({"status": "received", "pspReference": "PSPOFTHEREFUND"}, status=201))
    paid = Told([Delivery(envelope(item("AUTHORISATION", pspReference="PSPOFTHEPAYMENT")), {})])
    part, key = Money(minor=1_000, currency="EUR"), f"{REFUND}:refund:1"

    gateway = adyen_gateway(account, paid, api=address)
    asked = await gateway.refund(str(PAYMENT), part, refund_id=str(REFUND), op_key=key)

    ((path, headers, body),) = came
    assert (path, headers["Idempotency-Key"]) == ("/v72/payments/PSPOFTHEPAYMENT/refunds", key)
    assert body == {
        "merchantAccount": MERCHANT,
        "amount": {"value": 1_000, "currency": "EUR"},
        "reference": of_refund(PaymentId(PAYMENT), str(REFUND)),
        "merchantRefundReason": "CUSTOMER REQUEST",
    }
    assert (asked.provider_ref, asked.status) == ("PSPOFTHEREFUND", RefundStatus.PENDING)


async def test_more_than_is_left_is_taken_and_told_to_have_failed(adyen: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    with pytest.raises(StateConflict):
        await refunding(adyen, opened.provider_ref, wished.amount)()
    await adyen.pay(opened)

    await refunding(adyen, opened.provider_ref, wished.amount * 2)()
    await adyen.told()

    found = await adyen.gateway.find_refund(opened.provider_ref, refund_id=str(REFUND))
    assert found is not None
    assert found.status is RefundStatus.FAILED
    assert await adyen.account.kept() == 59_999


async def test_a_session_cannot_be_taken_back_but_ends_at_its_time(adyen: Desk, order: MakeOrder) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    wished = order(expires_at=ends)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    times = {"now": ends - timedelta(seconds=1), "then": ends}
    standings = {}
    for name, at in times.items():
        told = Told(adyen.received, {wished.payment_id: ends})
        gateway = adyen_gateway(adyen.account, told, clock=at.timestamp)
        assert (
            await gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))
            is Closing.CLOSED
        )
        standings[name] = fold(
            wished.amount, await gateway.fetch(wished.payment_id, opened.provider_ref)
        ).status

    assert standings == {"now": PaymentStatus.PENDING, "then": PaymentStatus.EXPIRED}


async def test_a_reference_of_another_or_of_nobody_is_not_found(adyen: Desk, order: MakeOrder) -> None:
    mine, other = order(), order()

    for ref in (str(other.payment_id), "PSPREFERENCE", ""):
        with pytest.raises(NotFound):
            await adyen.gateway.fetch(mine.payment_id, ref)


async def test_a_refund_goes_under_one_key_whichever_call_it_is(adyen: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)
    part = Money(minor=100, currency="USD")

    for n in (1, 2):
        await adyen.gateway.refund(
            opened.provider_ref, part, refund_id=str(REFUND), op_key=f"{REFUND}:refund:{n}"
        )
    await adyen.told()

    assert [each["amount"] for each in await adyen.account.refunds()] == [100]


async def test_each_refund_of_a_payment_is_found_by_its_own_id(adyen: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)
    parts = {str(UUID(int=n)): Money(minor=n, currency="USD") for n in (100, 200)}

    for refund_id, part in parts.items():
        await refunding(adyen, opened.provider_ref, part, refund_id)()
    await adyen.told()

    for refund_id, part in parts.items():
        found = await adyen.gateway.find_refund(opened.provider_ref, refund_id=refund_id)
        assert found is not None
        assert found.amount == part


async def test_of_a_delivery_only_what_is_about_the_payment_and_ours_is_remembered_and_once(
    account: Account, order: MakeOrder
) -> None:
    mine, other = order(), order()
    raw = envelope(
        item("AUTHORISATION", merchantReference=str(mine.payment_id), pspReference="MINE"),
        item("AUTHORISATION", merchantReference=str(other.payment_id), pspReference="OTHER"),
        item("AUTHORISATION", merchantReference=str(mine.payment_id), merchantAccountCode="Another"),
    )
    told = Told([Delivery(raw, {}), Delivery(raw, {})])

    facts = await adyen_gateway(account, told).fetch(mine.payment_id, str(mine.payment_id))

    assert [each.operation for each in facts] == ["MINE"]


@pytest.mark.parametrize(
    ("card", "told"),
    [("visa", {FactKind.CAPTURED}), ("visa_chargeDeclined", {FactKind.DECLINED, FactKind.EXPIRED})],
)
async def test_what_was_told_is_known_after_the_end_and_what_is_paid_has_none(
    adyen: Desk, order: MakeOrder, card: str, told: set[FactKind]
) -> None:
    wished = order()
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened, card)
    ends = datetime.now(UTC) + timedelta(hours=1)
    memory = Told(adyen.received, {wished.payment_id: ends})

    later = adyen_gateway(adyen.account, memory, clock=(ends + timedelta(days=1)).timestamp)

    facts = await later.fetch(wished.payment_id, opened.provider_ref)
    assert {each.kind for each in facts} == told


async def held_in_parts(adyen: Desk, order: MakeOrder) -> tuple[Order, str]:
    """Have money held in an account that takes holds in several parts."""
    await adyen.account.take_in_parts()
    wished = order(manual_capture=True)
    opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
    await adyen.pay(opened)
    return wished, opened.provider_ref


async def take(adyen: Desk, wished: Order, minor: int, n: int) -> None:
    with pytest.raises(NotExecuted):
        await adyen.gateway.capture(str(wished.payment_id), usd(minor), op_key=key_of(wished, "capture", n))
    await adyen.told()


def captures(facts: Sequence[PaymentFact], kind: FactKind = FactKind.CAPTURED) -> dict[str, int]:
    return {each.operation: each.amount.minor for each in facts if each.kind is kind and each.amount}


async def test_a_hold_is_taken_in_several_parts_and_each_is_told_by_itself(
    adyen: Desk, order: MakeOrder
) -> None:
    wished, ref = await held_in_parts(adyen, order)

    for n, minor in enumerate((20_000, 30_000), 1):
        await take(adyen, wished, minor, n)
        await adyen.gateway.capture(ref, usd(minor), op_key=key_of(wished, "capture", n))
    await take(adyen, wished, 10_000, 3)
    with pytest.raises(StateConflict):  # of 599.99 only 99.99 was left
        await adyen.gateway.capture(ref, usd(10_000), op_key=key_of(wished, "capture", 3))

    facts = await adyen.gateway.fetch(wished.payment_id, ref)
    asked = [each for each in await adyen.account.told() if each["eventCode"] == "CAPTURE"]
    assert [each["merchantReference"] for each in asked] == [key_of(wished, "capture", n) for n in (1, 2, 3)]
    assert captures(facts) == {each["pspReference"]: each["amount"]["value"] for each in asked[:2]}
    assert fold(wished.amount, facts).captured_minor == await adyen.account.kept() == 50_000
    await refunding(adyen, ref, usd(40_000))()  # more than either of them
    await adyen.told()
    assert await adyen.account.kept() == 10_000


@pytest.mark.parametrize("parts", [(), (20_000,), (20_000, 39_999)], ids=["at_once", "a_part", "parts"])
async def test_each_capture_that_fails_after_all_takes_back_what_it_took(
    adyen: Desk, order: MakeOrder, parts: tuple[int, ...]
) -> None:
    if parts:
        wished, ref = await held_in_parts(adyen, order)
    else:
        wished = order()
        opened = await adyen.gateway.open_checkout(wished, op_key=key_of(wished))
        ref = opened.provider_ref
        await adyen.pay(opened)
    for n, minor in enumerate(parts, 1):
        await take(adyen, wished, minor, n)

    await adyen.account.lose_capture()
    await adyen.told()

    facts = await adyen.gateway.fetch(wished.payment_id, ref)
    state = fold(wished.amount, facts)
    assert sorted(state.refunded.values()) == sorted(state.captured.values())
    assert state.captured_minor == (sum(parts) or 59_999)
    if parts:
        assert state.refunded == state.captured
    assert await adyen.account.kept() == 0


@pytest.mark.parametrize(
    ("named", "taken"), [(f"{PAYMENT}:hold", 0), (str(PAYMENT), 1_000)], ids=["held", "at_once"]
)
def test_a_part_that_a_bank_has_granted_is_never_taken_for_the_whole(named: str, taken: int) -> None:
    """F13: a partial authorisation freezes the payment, with what was really granted."""
    part = {"value": 1_000, "currency": "EUR"}
    (event,) = webhook.parse(
        envelope(item("AUTHORISATION", merchantReference=named, amount=part)), "main", MERCHANT
    )

    state = fold(Money(minor=2_500, currency="EUR"), event.facts)

    assert (state.status, state.captured_minor) == (PaymentStatus.CONFLICTED, taken)
    assert sum(state.authorized.values()) == 1_000 - taken
