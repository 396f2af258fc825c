"""A buyer who lets the time run out. The hold is a few seconds long, as the offer says."""

import pytest

from domain.catalog import SalesTerms
from tests.support.check import events_of, violations
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack
from tests.support.temporal import steps_done
from tests.support.wait import eventually
from tests.workflows.test_late_money import in_time

SHORT = SalesTerms(hold_seconds=2)


@pytest.mark.row("SAG-05")
async def test_an_unpaid_booking_expires_and_its_checkout_is_closed_first(stack: Stack) -> None:
    async def begin_to_pay(terms: SalesTerms) -> tuple[Shop, Booked] | None:
        shop = await stack.shop(capacity=1, terms=terms)
        booking = await stack.book(shop)
        opened = (await stack.ask_to_pay(booking)).status_code == 201
        waits = opened and (await stack.read(booking))["status"] == "awaiting_payment"
        return (shop, booking) if waits else None

    shop, booking = await in_time(begin_to_pay)

    await stack.wait_for(booking, "expired")
    await stack.closed(booking.workflow)

    assert {each["status"] for each in await stack.sandbox.checkouts()} == {"expired"}
    steps = steps_done(await stack.run_of(booking).fetch_history())
    assert steps[3:] == ["close_payment", "return_payment", "release_places", "end_booking"]
    assert await stack.value("select held + sold from counters where id = $1", shop.slot.id) == 0
    assert (await events_of(stack, booking))[-1] == "booking.expired"
    assert await violations(stack) == []


async def test_a_booking_nobody_began_to_pay_expires(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(terms=SHORT))

    await stack.wait_for(booking, "expired")

    await stack.closed(booking.workflow)
    assert await violations(stack) == []


@pytest.mark.row("INV-10")
async def test_an_overdue_hold_does_not_block_a_sale_while_no_worker_runs(idle_stack: Stack) -> None:
    async def sold_out(terms: SalesTerms) -> Shop | None:
        shop = await idle_stack.shop(capacity=1, terms=terms)
        await idle_stack.book(shop)
        return shop if (await idle_stack.ask_to_book(shop)).status_code == 409 else None

    shop = await in_time(sold_out)

    async def sold() -> bool:
        return (await idle_stack.ask_to_book(shop)).status_code == 201

    await eventually(sold, what="the place")
    async with idle_stack.working():
        await eventually(lambda: _expired(idle_stack, shop, 2), what="the end of both")
    assert await violations(idle_stack) == []


async def test_the_relay_frees_places_of_a_booking_whose_run_is_late(idle_stack: Stack) -> None:
    shop = await idle_stack.shop(capacity=1, terms=SHORT)
    await idle_stack.book(shop)

    async with idle_stack.working("relay"):
        free = "select held = 0 from counters where id = $1"
        await eventually(lambda: idle_stack.value(free, shop.slot.id), what="the place")


async def _expired(stack: Stack, shop: Shop, number: int) -> bool:
    expired = "select count(*) from bookings where slot_id = $1 and status = 'expired'"
    return bool(await stack.value(expired, shop.slot.id) == number)
