"""Money that comes when its booking has ended: the places again if that can be, else the money back."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import pytest

from domain.catalog import SalesTerms
from domain.refusal import Unknown
from tests.support.check import events_of, violations
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from workflows import names

T = TypeVar("T")

# Holds in seconds: a machine that stalls gets more time.
LONGER = (2, 8, 30, 120)


@pytest.mark.row("INV-19")
async def test_late_money_takes_the_places_again(stack: Stack) -> None:
    booking = await paid_but_expired(stack)

    seen = await stack.wait_for(booking, "confirmed")

    assert len(seen["tickets"]) == 1
    told = await events_of(stack, booking)
    assert told[3:] == ["booking.expired", "payment.processed", "booking.confirmed"]
    assert await violations(stack) == []


@pytest.mark.row("INV-19")
async def test_late_money_for_a_slot_that_is_off_sale_goes_back(stack: Stack) -> None:
    booking = await paid_but_expired(stack, close_sales=True)

    await stack.wait_for(booking, "refunded")

    assert await stack.sandbox.kept() == 0
    assert (await events_of(stack, booking))[-2:] == ["booking.expired", "booking.refunded"]

    async def told() -> bool:
        subjects = [mail["subject"] for mail in await stack.sandbox.mailbox()]
        return "Your money goes back: 25.00 EUR" in subjects

    await eventually(told, what="the mail about the refund")
    assert await violations(stack) == []


@pytest.mark.row("WHK-18", partly="another amount: tests/workflows/test_webhook.py")
async def test_money_in_a_currency_that_nobody_asked_for_confirms_nothing_and_goes_back_whole(
    stack: Stack,
) -> None:
    """The provider takes euros for a payment that was asked for in dollars."""
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    await stack.judge.execute("update payments set currency = 'USD'")

    await stack.sandbox.pay(checkout["payment_url"])
    told = await stack.confirm(booking, checkout["payment_id"])

    assert (told.status_code, await stack.sandbox.kept()) == (402, 2_500)
    assert await stack.value("select captured_currency from payments where status = 'conflicted'") == "EUR"
    assert await stack.value("select subject from cases") == UUID(checkout["payment_id"])
    await stack.cancel(booking)
    await stack.wait_for(booking, "refunded")
    assert await stack.sandbox.kept() == 0
    assert await stack.rows("select amount_minor, currency, status from refunds") == [
        {"amount_minor": 2_500, "currency": "EUR", "status": "completed"}
    ]


@pytest.mark.row("SAG-04", partly="vouchers")
async def test_the_last_place_went_to_somebody_else_while_no_worker_ran(idle_stack: Stack) -> None:
    """Paid in time, but nobody heard of it before the hold was over and the place was sold."""
    stack = idle_stack
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_swallow", times=len(LONGER))

    async def pay(terms: SalesTerms) -> tuple[Shop, Booked] | None:
        time_to_stop = terms.model_copy(update={"hold_seconds": (terms.hold_seconds or 0) + 8})
        shop = await stack.shop(capacity=1, terms=time_to_stop)
        async with stack.working():
            booking = await pay_in_time(stack, shop)
        unheard = booking and (await stack.read(booking))["status"] == "awaiting_payment"
        return (shop, booking) if booking and unheard else None

    shop, late = await in_time(pay)

    async def sold() -> Booked | None:
        answer = await stack.ask_to_book(shop)
        return Booked.of(answer) if answer.status_code == 201 else None

    other = await eventually(sold, what="the place")
    async with stack.working():
        await stack.wait_for(late, "refunded")
        await stack.wait_for(other, "expired")
        await stack.closed(other.workflow)

    assert await violations(stack) == []


async def test_a_refund_that_the_bank_is_slow_with_is_told_when_it_is_done(stack: Stack) -> None:
    booking = await paid_but_expired(stack, close_sales=True, card="pendingRefund")

    await stack.wait_for(booking, "refunding", "refunded")
    await stack.sandbox.advance(seconds=3_600)

    await stack.wait_for(booking, "refunded")
    assert await violations(stack) == []


async def test_the_same_news_again_settles_nothing_twice(stack: Stack) -> None:
    booking = await paid_but_expired(stack, close_sales=True)
    await stack.wait_for(booking, "refunded")

    for event in await stack.sandbox.events("payment_intent.succeeded", "refund.created"):
        await stack.sandbox.redeliver(event["id"])
    await stack.sandbox.drain()

    assert len(await stack.sandbox.refunds()) == 1
    assert await violations(stack) == []


async def in_time(attempt: Callable[[SalesTerms], Awaitable[T | None]]) -> T:
    """Try with longer and longer holds until one lasts long enough for what is tried."""
    for seconds in LONGER:
        if (done := await attempt(SalesTerms(hold_seconds=seconds))) is not None:
            return done
    raise AssertionError("no hold lasted long enough")


async def pay_in_time(stack: Stack, shop: Shop, card: str = "visa", **wish: Any) -> Booked | None:
    """Book, open a checkout and pay it, if the hold lasts so long."""
    booking = await stack.book(shop)
    answer = await stack.ask_to_pay(booking, **wish)
    if answer.status_code != 201:
        return None
    try:
        await stack.sandbox.pay(answer.json()["payment_url"], card)
    except httpx2.HTTPStatusError:  # closed meanwhile
        return None
    return booking


async def paid_but_expired(stack: Stack, *, close_sales: bool = False, card: str = "visa") -> Booked:
    """Pay a booking whose run never hears of it and cannot ask, so that it ends as expired."""
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_swallow")
    stack.faults.refuse("close_payment", Unknown("ordered by the test"))

    async def pay(terms: SalesTerms) -> Booked | None:
        return await pay_in_time(stack, await stack.shop(terms=terms, capacity=1), card)

    booking = await in_time(pay)
    if close_sales:
        slot = "update slots set status = 'hidden' where id = (select slot_id from bookings where id = $1)"
        await stack.judge.execute(slot, booking.id)
    outcome = await stack.closed(booking.workflow)
    assert outcome["status"] == "expired"
    payment_id = await stack.value("select id from payments where booking_id = $1", booking.id)
    assert (await stack.temporal.get_workflow_handle(names.aftercare(payment_id)).describe()).id
    return booking
