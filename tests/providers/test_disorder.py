"""What a provider tells of one payment, in every order and number (F16, F17): one state, whoever told it."""

import random
from itertools import islice, permutations

import pytest

from domain.payment import PaymentFact, PaymentStatus, fold
from tests.providers.conftest import DESKS, Desk, MakeOrder, desks, key_of

ALL_OF_FIVE = 120
desk = desks(*DESKS)


@pytest.mark.row("WHK-07", partly="over the whole stack: tests/workflows/test_webhook.py")
async def test_the_events_of_a_payment_end_in_one_state_in_whatever_order_they_come(
    desk: Desk, order: MakeOrder
) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    await desk.told()
    await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")
    told = [event.facts for each in await desk.told() for event in desk.gateway.parse(each.raw)]
    moving = [facts for facts in told if facts]

    states = [fold(wished.amount, _flat(orders)) for orders in _orders(moving)]

    assert len(moving) > 1
    assert (states[0].status, states[0].captured_minor, states[0].refunded_minor) == (
        PaymentStatus.CAPTURED,
        59_999,
        59_999,
    )
    assert all(state == states[0] for state in states)


def _orders(told: list[tuple[PaymentFact, ...]]) -> list[list[tuple[PaymentFact, ...]]]:
    """Give all orders of up to five events, of more as many by chance; in each some are told again."""
    chance = random.Random(17)  # noqa: S311 - repeatable on purpose
    by_chance = (tuple(chance.sample(told, len(told))) for _ in range(ALL_OF_FIVE))
    orders = islice(permutations(told) if len(told) <= 5 else by_chance, ALL_OF_FIVE)
    return [[*each, *chance.sample(each, chance.randrange(len(each)))] for each in orders]


def _flat(told: list[tuple[PaymentFact, ...]]) -> list[PaymentFact]:
    return [fact for facts in told for fact in facts]


async def test_overtaking_and_repeated_deliveries_add_up_to_what_was_paid(
    desk: Desk, order: MakeOrder
) -> None:
    """The sandbox lets a later event pass an earlier one, and tells others three times."""
    await desk.account.break_down("*", "webhook_reorder")
    await desk.account.break_down("*", "webhook_duplicate", times=1_000, n=3)
    wishes = [order(), order()]

    for wished in wishes:
        await desk.pay(await desk.gateway.open_checkout(wished, op_key=key_of(wished)))
    events = [event for each in await desk.told() for event in desk.gateway.parse(each.raw)]

    for wished in wishes:
        facts = [fact for event in events for fact in event.facts if fact.payment_id == wished.payment_id]
        assert fold(wished.amount, facts).captured_minor == 59_999
    assert len({event.event_id for event in events}) < len(events)
    assert await _overtaken(desk)


async def _overtaken(desk: Desk) -> bool:
    """Say whether the first event that was made was taken after one that was made later."""
    first, *later = await desk.account.deliveries()
    return any(each["attempts"][-1]["at"] <= first["attempts"][-1]["at"] for each in later)
