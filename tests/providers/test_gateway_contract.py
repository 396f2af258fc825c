"""What every gateway promises, whichever provider stands behind it: one suite, run against each of them."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain.ids import PaymentId
from domain.instrument import instrument
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact, PaymentStatus, RiskResult, fold
from domain.split import Portion
from providers.gateway import NotExecuted, NotFound, Order, RefundStatus, Refused, StateConflict, WebhookEvent
from tests.providers.conftest import DESKS, Desk, MakeOrder, desks, key_of

# Some promises need a provider that can be asked: one that only tells is held to them by suites of its own.
CAN_BE_ASKED = pytest.mark.parametrize("desk", ["stripe", "paypal"], indirect=True)
# Some provider lists what it holds under our own id; another is asked with its key again.
CAN_BE_SEARCHED = pytest.mark.parametrize("desk", ["stripe"], indirect=True)
# At some a bank decides while the buyer is on the page; at another when the money is taken.
DECIDES_ON_THE_PAGE = pytest.mark.parametrize("desk", ["stripe", "adyen"], indirect=True)
# One divides a payment among its payees as it takes it; others pay them afterwards.
PAYS_AFTERWARDS = pytest.mark.parametrize("desk", ["stripe", "paypal"], indirect=True)
desk = desks(*DESKS)


def now() -> datetime:
    return datetime.now(UTC)


async def facts_of(desk: Desk, order: Order, reference: str) -> list[PaymentFact]:
    await desk.told()  # some providers can only be heard
    return list(await desk.gateway.fetch(order.payment_id, reference))


def kinds(facts: list[PaymentFact]) -> set[FactKind]:
    return {fact.kind for fact in facts}


async def events_of(desk: Desk) -> list[WebhookEvent]:
    return [event for delivery in await desk.told() for event in desk.gateway.parse(delivery.raw)]


async def facts_told(desk: Desk) -> list[PaymentFact]:
    return [fact for event in await events_of(desk) for fact in event.facts]


@pytest.mark.parametrize("hosted", [True, False])
async def test_a_checkout_gives_a_page_or_a_secret_but_never_both(
    desk: Desk, order: MakeOrder, hosted: bool
) -> None:
    wished = order(hosted=hosted)

    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert opened.provider_ref
    assert (opened.payment_url is not None) is hosted
    assert (opened.client_secret is not None) is not hosted


@pytest.mark.parametrize("hosted", [True, False])
async def test_the_same_key_opens_the_same_checkout(desk: Desk, order: MakeOrder, hosted: bool) -> None:
    wished = order(hosted=hosted)

    first = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    again = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert again == first
    assert len(await desk.account.payments() + await desk.account.checkouts()) == 1


async def test_a_key_whose_order_has_changed_gives_the_checkout_that_was_opened_first(
    desk: Desk, order: MakeOrder
) -> None:
    wished = order()
    first = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    put_off = wished.model_copy(update={"description": "Harbour cruise, put off"})
    again = await desk.gateway.open_checkout(put_off, op_key=key_of(wished))

    assert again.provider_ref == first.provider_ref


@CAN_BE_SEARCHED
@pytest.mark.parametrize("hosted", [True, False])
async def test_a_checkout_is_found_by_our_payment_id(desk: Desk, order: MakeOrder, hosted: bool) -> None:
    others = [order(hosted=hosted) for _ in range(3)]
    opened = [await desk.gateway.open_checkout(each, op_key=key_of(each)) for each in others]

    found = await desk.gateway.find_checkout(others[1].payment_id)

    assert found == opened[1]


async def test_a_checkout_that_was_never_opened_is_not_found(desk: Desk, order: MakeOrder) -> None:
    assert await desk.gateway.find_checkout(order().payment_id) is None


@CAN_BE_SEARCHED
async def test_a_paid_page_is_found_but_cannot_be_paid_again(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    found = await desk.gateway.find_checkout(wished.payment_id)

    assert found is not None
    assert (found.provider_ref, found.payment_url) == (opened.provider_ref, None)


@pytest.mark.parametrize("hosted", [True, False])
async def test_a_checkout_nobody_touched_is_pending(desk: Desk, order: MakeOrder, hosted: bool) -> None:
    wished = order(hosted=hosted)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    facts = await facts_of(desk, wished, opened.provider_ref)

    assert kinds(facts) == {FactKind.PENDING}
    assert {fact.source for fact in facts} == {FactSource.API}


@pytest.mark.parametrize("hosted", [True, False])
async def test_what_was_paid_is_captured_to_the_last_unit(desk: Desk, order: MakeOrder, hosted: bool) -> None:
    wished = order(hosted=hosted)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    facts = await facts_of(desk, wished, opened.provider_ref)

    state = fold(wished.amount, facts)
    assert (state.status, state.captured_minor) == (PaymentStatus.CAPTURED, 59_999)
    assert {fact.payment_id for fact in facts} == {wished.payment_id}


@DECIDES_ON_THE_PAGE
@pytest.mark.row(
    "PAY-25", partly="score and result are read from the provider; velocity and review elsewhere"
)
@pytest.mark.parametrize(
    ("card", "brand", "last4", "score", "result"),
    [
        ("mastercard", "mastercard", "4444", "2.00", RiskResult.PASSED),
        ("riskLevelElevated", "visa", "9235", "6.99", RiskResult.REVIEW),
        ("riskLevelHighest", "visa", "4954", "9.49", RiskResult.BLOCKED),
    ],
)
async def test_a_charge_tells_its_card_and_its_risk(
    desk: Desk, order: MakeOrder, card: str, brand: str, last4: str, score: str, result: RiskResult
) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, card)

    facts = await facts_of(desk, wished, opened.provider_ref)

    told = instrument(facts)
    assert (told.method, told.card_brand, told.card_last4) == ("card", brand, last4)
    assert (str(told.risk_score), told.risk_result) == (score, result)


async def taken(desk: Desk, reference: str, amount: Money, *, op_key: str) -> None:
    """Take of a hold, and come again where what became of it is told later."""
    try:
        await desk.gateway.capture(reference, amount, op_key=op_key)
    except NotExecuted:
        await desk.told()
        await desk.gateway.capture(reference, amount, op_key=op_key)


async def test_a_part_of_what_is_held_is_taken_and_the_rest_released(desk: Desk, order: MakeOrder) -> None:
    """F13: a partial capture, at every provider."""
    wished, part = order(manual_capture=True), Money(minor=20_000, currency="USD")
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    await taken(desk, opened.provider_ref, part, op_key=key_of(wished, "capture"))
    with pytest.raises(StateConflict):
        await taken(desk, opened.provider_ref, part, op_key=key_of(wished, "capture", 2))
    with pytest.raises(StateConflict):
        await desk.gateway.void(opened.provider_ref, op_key=key_of(wished, "void"))

    facts = await facts_of(desk, wished, opened.provider_ref)
    state = fold(wished.amount, facts, to_capture=part)
    assert (state.status, state.captured_minor) == (PaymentStatus.CAPTURED, 20_000)
    assert fold(wished.amount, facts).status is PaymentStatus.CONFLICTED  # nobody asked for a part
    assert await desk.account.kept() == 20_000


async def test_what_is_only_authorised_is_not_captured(desk: Desk, order: MakeOrder) -> None:
    wished = order(manual_capture=True)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    state = fold(wished.amount, await facts_of(desk, wished, opened.provider_ref))

    assert (state.status, state.captured_minor) == (PaymentStatus.AUTHORIZED, 0)
    assert sum(state.authorized.values()) == 59_999


@DECIDES_ON_THE_PAGE
@pytest.mark.parametrize("hosted", [True, False])
async def test_a_decline_is_told_with_our_word_for_it_and_counts_once(
    desk: Desk, order: MakeOrder, hosted: bool
) -> None:
    wished = order(hosted=hosted)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, "visa_chargeDeclinedInsufficientFunds")
    await desk.pay(opened, "visa_chargeDeclinedLostCard")
    await desk.pay(opened)

    asked = await facts_of(desk, wished, opened.provider_ref)
    told = await facts_told(desk)

    declines = [fact for fact in asked if fact.kind is FactKind.DECLINED]
    assert {fact.decline_code for fact in declines} == {"insufficient_funds", "card_declined"}
    assert len(fold(wished.amount, [*asked, *told, *asked]).declines) == 2


@DECIDES_ON_THE_PAGE
async def test_a_challenge_waits_for_the_buyer_and_fails_as_a_decline(desk: Desk, order: MakeOrder) -> None:
    wished = order(hosted=False)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, "threeDSecure2Required")

    waiting = await facts_of(desk, wished, opened.provider_ref)
    await desk.answer_challenge(rightly=False)
    failed = await facts_of(desk, wished, opened.provider_ref)
    told = await facts_told(desk)

    assert kinds(waiting) <= {FactKind.REQUIRES_ACTION, FactKind.PENDING}
    assert {fact.decline_code for fact in failed if fact.kind is FactKind.DECLINED} == {
        "authentication_failed"
    }
    assert len(fold(wished.amount, [*failed, *told]).declines) == 1


@CAN_BE_ASKED
async def test_a_closed_checkout_cannot_be_paid_and_stays_closed(desk: Desk, order: MakeOrder) -> None:
    for hosted in (True, False):
        wished = order(hosted=hosted)
        opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

        closings = [
            await desk.gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close", n))
            for n in (1, 2)
        ]

        assert closings == [Closing.CLOSED, Closing.CLOSED]
        state = fold(wished.amount, await facts_of(desk, wished, opened.provider_ref))
        assert state.status in (PaymentStatus.CANCELLED, PaymentStatus.EXPIRED)


async def test_closing_after_a_decline_closes(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, "visa_chargeDeclined")

    closing = await desk.gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))

    assert closing is Closing.CLOSED


@pytest.mark.parametrize("hosted", [True, False])
@pytest.mark.parametrize("manual", [True, False])
async def test_closing_what_was_paid_answers_paid_and_leaves_the_money(
    desk: Desk, order: MakeOrder, hosted: bool, manual: bool
) -> None:
    wished = order(hosted=hosted, manual_capture=manual)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    closing = await desk.gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))

    assert closing is Closing.PAID
    assert [payment["authorized"] for payment in await desk.account.payments()] == [59_999]


@CAN_BE_ASKED
@pytest.mark.parametrize("hosted", [True, False])
async def test_closing_while_the_buyer_pays_answers_what_became_of_the_money(
    desk: Desk, order: MakeOrder, hosted: bool
) -> None:
    wishes = [order(hosted=hosted) for _ in range(12)]
    opened = [await desk.gateway.open_checkout(each, op_key=key_of(each)) for each in wishes]

    paying = [desk.pay(each) for each in opened]
    closing = [
        desk.gateway.close_checkout(each.provider_ref, op_key=key_of(wish, "close"))
        for wish, each in zip(wishes, opened, strict=True)
    ]
    # Whoever pays too late is turned away by the page.
    outcomes = await asyncio.gather(*paying, *closing, return_exceptions=True)

    for wish, each, answer in zip(wishes, opened, outcomes[len(wishes) :], strict=True):
        state = fold(wish.amount, await facts_of(desk, wish, each.provider_ref))
        assert (answer is Closing.PAID) is (state.captured_minor == 59_999)
        assert answer in (Closing.PAID, Closing.CLOSED)


@CAN_BE_ASKED
async def test_a_refund_comes_back_once_and_is_found_by_our_id(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    part = Money(minor=20_000, currency="USD")

    answers = [
        await desk.gateway.refund(opened.provider_ref, part, refund_id="refund-1", op_key="refund-1:refund:1")
        for _ in range(2)
    ]
    found = await desk.gateway.find_refund(opened.provider_ref, refund_id="refund-1")

    assert answers == [found, found]
    assert (answers[0].status, answers[0].amount) == (RefundStatus.COMPLETED, part)
    assert await desk.account.kept() == 39_999


async def test_a_refund_that_was_never_asked_for_is_not_found(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert await desk.gateway.find_refund(opened.provider_ref, refund_id="refund-1") is None


@CAN_BE_ASKED
async def test_no_more_goes_back_than_was_taken(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    with pytest.raises(StateConflict):
        await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="a", op_key="a:refund:1")
    await desk.pay(opened)
    with pytest.raises(Refused):
        await desk.gateway.refund(opened.provider_ref, wished.amount * 2, refund_id="b", op_key="b:refund:1")
    await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="c", op_key="c:refund:1")

    with pytest.raises(StateConflict):
        await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="d", op_key="d:refund:1")

    assert await desk.account.kept() == 0


async def test_a_reference_that_nobody_knows_is_not_found(desk: Desk, order: MakeOrder) -> None:
    for hosted in (True, False):
        wished = order(hosted=hosted)
        opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
        foreign = opened.provider_ref[:-4] + "zzzz"

        with pytest.raises(NotFound):
            await desk.gateway.fetch(PaymentId(wished.payment_id), foreign)
        with pytest.raises(NotFound):
            await desk.gateway.close_checkout(foreign, op_key=key_of(wished, "close"))


@PAYS_AFTERWARDS
async def test_what_is_not_divided_there_is_refused_and_not_passed_over(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    portions = (Portion(vendor="boat", payee="BA1", amount=wished.amount),)
    divided = wished.model_copy(update={"portions": portions})
    with pytest.raises(Refused, match="not_divided"):
        await desk.gateway.open_checkout(divided, op_key=key_of(wished))
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    ref = opened.provider_ref

    with pytest.raises(Refused, match="not_divided"):
        await desk.gateway.capture(ref, wished.amount, op_key=key_of(wished, "capture"), portions=portions)
    with pytest.raises(Refused, match="not_divided"):
        await desk.gateway.refund(ref, wished.amount, refund_id="r", op_key="r:refund:1", portions=portions)

    assert not desk.gateway.divides
    assert await desk.account.kept() == wished.amount.minor
