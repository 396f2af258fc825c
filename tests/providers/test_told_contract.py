"""What every provider tells of a payment: authentic, complete, and listed afterwards as it was told."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.payment import fold
from providers.gateway import Missed
from tests.providers.conftest import DESKS, Desk, MakeOrder, desks, key_of
from tests.providers.test_gateway_contract import (
    CAN_BE_ASKED,
    DECIDES_ON_THE_PAGE,
    events_of,
    facts_of,
    facts_told,
    now,
)

desk = desks(*DESKS)


@CAN_BE_ASKED
@pytest.mark.row("PAY-33", partly="over the whole stack: tests/workflows/test_sweep.py")
async def test_what_was_told_is_listed_afterwards_as_it_was_told(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    page = await desk.gateway.missed(datetime(2020, 1, 1, tzinfo=UTC))
    listed = [event for raw in page.deliveries for event in desk.gateway.parse(raw) if event.facts]

    told = await facts_told(desk)
    assert sorted(fact.event_id for event in listed for fact in event.facts) == sorted(
        fact.event_id for fact in told
    )
    assert page.onward == ""
    assert await desk.gateway.missed(datetime.now(UTC) + timedelta(days=400)) == Missed()


@CAN_BE_ASKED
async def test_what_was_told_is_listed_page_by_page(desk: Desk, order: MakeOrder) -> None:
    began = datetime(2020, 1, 1, tzinfo=UTC)
    for wished in (order(), order()):
        await desk.pay(await desk.gateway.open_checkout(wished, op_key=key_of(wished)))
    whole = await desk.gateway.missed(began)

    pages = [await desk.gateway.missed(began, most=1)]
    while pages[-1].onward:
        pages.append(await desk.gateway.missed(began, onward=pages[-1].onward, most=1))

    assert len(whole.deliveries) > 1
    assert {len(page.deliveries) for page in pages} <= {0, 1}
    assert [raw for page in reversed(pages) for raw in page.deliveries] == [*whole.deliveries]


@DECIDES_ON_THE_PAGE
async def test_asking_and_being_told_add_up_to_the_same_state(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, "visa_chargeDeclined")
    await desk.pay(opened)
    await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")

    asked = await facts_of(desk, wished, opened.provider_ref)
    told = await facts_told(desk)

    state = fold(wished.amount, asked)
    assert state == fold(wished.amount, told) == fold(wished.amount, [*told, *reversed(asked), *told])
    assert (state.captured_minor, state.refunded_minor) == (59_999, 59_999)


@CAN_BE_ASKED
async def test_every_event_names_its_owner(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")

    events = await events_of(desk)

    assert len({event.event_id for event in events}) == len(events) > 3
    owners = {(event.tenant_id, event.booking_id, event.payment_id) for event in events}
    assert owners == {(wished.tenant_id, wished.booking_id, wished.payment_id)}
    assert not any(event.live for event in events)


async def test_delivered_webhooks_are_authentic(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)

    for delivery in await desk.told():
        await desk.gateway.verify(delivery.raw, delivery.headers, now())
