"""One booking, several payments: a deposit, parts, methods that settle days later, and manual capture."""

from datetime import timedelta
from functools import partial

import httpx2
import pytest

from domain.catalog import Capture, SalesTerms
from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from tests.workflows.test_late_money import in_time, pay_in_time

PARTS = SalesTerms(parts=True)


def eur(minor: int) -> dict[str, object]:
    return {"minor": minor, "currency": "EUR"}


async def pay_part(stack: Stack, booking: Booked, minor: int) -> None:
    checkout = await stack.checkout(booking, amount=eur(minor))
    await stack.sandbox.pay(checkout["payment_url"])


async def has(stack: Stack, booking: Booked, minor: int) -> bool:
    captured = "select coalesce(sum(captured_minor), 0) from payments where booking_id = $1"
    return bool(await stack.value(captured, booking.id) == minor)


async def keeps_for_days(stack: Stack, booking: Booked) -> bool:
    kept = "select min(kept_until) > now() + interval '10 days' from holds where booking_id = $1"
    return bool(await stack.value(kept, booking.id))


async def goes_on_as_another(stack: Stack, booking: Booked, run_id: str) -> bool:
    return (await stack.run_of(booking).describe()).run_id != run_id


async def debit_in_time(stack: Stack, terms: SalesTerms) -> Booked | None:
    """Book for a far day and pay by a debit that the bank does not decide yet, if the hold lasts so long."""
    shop = await stack.shop(terms=terms)
    slot = await shop.add_slot(1, sales_until=shop.slot.sales_until + timedelta(days=60))
    booking = await stack.book(shop, slot_id=str(slot.id))
    answer = await stack.ask_to_pay(booking, method="sepa_debit")
    if answer.status_code != 201:
        return None
    try:
        await stack.sandbox.pay_by_debit(answer.json()["payment_url"])
    except httpx2.HTTPStatusError:  # closed meanwhile
        return None
    return booking


async def taken(stack: Stack, booking: Booked) -> int:
    """Count the places of the booking's slot that are held or sold."""
    places = "select c.held + c.sold from counters c join bookings b on b.slot_id = c.id where b.id = $1"
    return int(await stack.value(places, booking.id))


async def by_debit(stack: Stack) -> Booked:
    """Book and pay by a debit that the bank has not decided when the time to pay is over."""
    booking = await in_time(partial(debit_in_time, stack))
    await eventually(lambda: keeps_for_days(stack, booking), what="the places to be kept for days")
    return booking


@pytest.mark.row("PAY-23")
async def test_two_parts_confirm_the_booking_on_the_second(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(minor=10_000, terms=PARTS))
    await pay_part(stack, booking, 4_000)
    await eventually(lambda: has(stack, booking, 4_000), what="the first part")
    assert (await stack.read(booking))["status"] == "awaiting_payment"

    too_much = await stack.ask_to_pay(booking, amount=eur(6_001))
    await pay_part(stack, booking, 6_000)

    await stack.wait_for(booking, "confirmed")
    assert too_much.status_code == 422
    assert too_much.json()["errors"][0]["pointer"] == "/amount/minor"
    assert await stack.sandbox.kept() == 10_000
    assert await violations(stack) == []


@pytest.mark.row("PAY-23")
async def test_a_deposit_confirms_and_no_less(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(minor=10_000, terms=SalesTerms(deposit_percent=30)))

    less = await stack.ask_to_pay(booking, amount=eur(2_000))
    assert less.status_code == 422

    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    assert await stack.sandbox.kept() == 3_000
    assert await violations(stack) == []


@pytest.mark.row("PAY-23")
async def test_parts_that_do_not_suffice_all_go_back_when_the_time_is_over(stack: Stack) -> None:
    async def pay(terms: SalesTerms) -> Booked | None:
        shop = await stack.shop(minor=10_000, terms=terms.model_copy(update={"parts": True}))
        return await pay_in_time(stack, shop, amount=eur(4_000))

    booking = await in_time(pay)

    await stack.wait_for(booking, "refunded")

    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []


@pytest.mark.row("PAY-11", partly="no route captures a part: a booking's price is fixed")
async def test_manual_capture_takes_the_money_right_before_the_tickets(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(terms=SalesTerms(capture=Capture.MANUAL)))

    await stack.pay(booking)

    await stack.wait_for(booking, "confirmed")
    (payment,) = await stack.sandbox.payments()
    assert (payment["authorized"], payment["captured"]) == (2_500, 2_500)
    told = await stack.rows("select type from events where type like 'payment.%' order by xid, seq")
    kinds = [row["type"] for row in told]
    assert kinds.index("payment.authorized") < kinds.index("payment.captured")
    assert await violations(stack) == []


@pytest.mark.row("PAY-43")
async def test_a_debit_keeps_the_places_until_it_settles_days_later(stack: Stack) -> None:
    booking = await by_debit(stack)
    assert await taken(stack, booking) == 1

    await stack.sandbox.settle(succeeds=True)

    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


@pytest.mark.row("PAY-43")
async def test_a_debit_that_fails_days_later_fails_the_booking(stack: Stack) -> None:
    booking = await by_debit(stack)

    await stack.sandbox.settle(succeeds=False)

    await stack.wait_for(booking, "failed")
    assert await taken(stack, booking) == 0
    owed = await stack.rows("select kind from notices where booking_id = $1", booking.id)
    assert [row["kind"] for row in owed] == ["booking_failed"]
    assert await violations(stack) == []


@pytest.mark.row("PAY-43")
async def test_a_debit_is_not_offered_when_it_would_settle_after_the_sale(stack: Stack) -> None:
    booking = await stack.book()

    no = await stack.ask_to_pay(booking, method="sepa_debit")

    assert no.status_code == 422
    assert no.json()["errors"][0] == {
        "pointer": "/method",
        "code": "too_late",
        "detail": "This method settles after the sale is over.",
    }


@pytest.mark.row("SAG-29", partly="histories of released versions: nothing was released yet")
async def test_a_run_whose_history_is_long_goes_on_as_a_new_one(idle_stack: Stack) -> None:
    """It knows the hold, the open checkout and the facts that nobody has used."""
    stack = idle_stack
    booking = await stack.book()
    short = (await stack.request(booking)).model_copy(update={"history_limit": 10})
    async with stack.working("bookings", "providers", "notices"), stack.telling() as sagas:
        await sagas.begin(short)
        first = (await stack.run_of(booking).describe()).run_id
        checkout = await stack.checkout(booking)
        await eventually(lambda: goes_on_as_another(stack, booking, first), what="the next run")
        await stack.sandbox.pay(checkout["payment_url"])
        async with stack.working("relay"):
            await stack.wait_for(booking, "confirmed")

    assert await violations(stack) == []
