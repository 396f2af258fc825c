"""A buyer whose bank says no."""

import httpx2
import pytest

from domain.catalog import SalesTerms
from domain.refusal import PaymentMismatch
from tests.support.check import events_of, violations
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from tests.workflows.test_late_money import in_time

INSUFFICIENT = "4000000000009995"


@pytest.mark.row("SAG-09", partly="five declines: below")
async def test_a_declined_payment_keeps_the_booking_open_until_one_succeeds(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)

    assert await stack.sandbox.pay(checkout["payment_url"], INSUFFICIENT) == "declined"
    assert await stack.sandbox.pay(checkout["payment_url"], INSUFFICIENT) == "declined"
    seen = await stack.read(booking)
    assert (seen["status"], seen["tickets"]) == ("awaiting_payment", [])

    assert await stack.sandbox.pay(checkout["payment_url"], "visa") == "paid"
    assert len((await stack.wait_for(booking, "confirmed"))["tickets"]) == 1
    assert await violations(stack) == []


@pytest.mark.row("SAG-09")
async def test_the_fifth_decline_ends_the_booking_on_whichever_checkout(stack: Stack) -> None:
    shop = await stack.shop(capacity=1)
    booking = await stack.book(shop)
    first = await stack.checkout(booking)
    for _ in range(2):
        await stack.sandbox.pay(first["payment_url"], INSUFFICIENT)
    second = await stack.checkout(booking)
    for _ in range(3):
        await stack.sandbox.pay(second["payment_url"], INSUFFICIENT)

    await stack.wait_for(booking, "failed")
    await stack.closed(booking.workflow)

    assert (await events_of(stack, booking))[-1] == "booking.failed"
    again = "select count(*) from notices where kind = 'payment_declined' and version > 4"
    assert await stack.value(again) == 0  # nothing is left to try: the mail of the end says so
    assert await stack.value("select held + sold from counters where id = $1", shop.slot.id) == 0
    sixth = await stack.ask_to_pay(booking)
    assert sixth.status_code == 409
    assert await violations(stack) == []
    await stack.book(shop)


async def test_a_decline_is_told_and_counted(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)

    await stack.sandbox.pay(checkout["payment_url"], INSUFFICIENT)

    declines = "select declines from payments where id = $1::text::uuid"
    await eventually(lambda: stack.value(declines, checkout["payment_id"]), what="the decline")
    seen = await stack.read(booking)
    assert seen["attempts_left"] == 4


@pytest.mark.row("WHK-04", partly="the other events: test_webhook_table.py")
async def test_a_decline_is_mailed_with_the_way_to_pay_again(stack: Stack) -> None:
    booking = await stack.book()
    first = await stack.checkout(booking)
    await stack.sandbox.pay(first["payment_url"], INSUFFICIENT)
    (mail,) = await eventually(stack.sandbox.mailbox, what="the mail about the decline")
    assert mail["subject"] == "Please pay again: the payment for Guided tour was declined"
    assert mail["to"][0]["email"] == "ada@example.com"
    address = next(word for word in mail["text"].split() if "/pay/" in word)
    assert address in mail["html"]

    page = await stack.http.get(address)
    nonce = page.text.partition('name="key" value="')[2].partition('"')[0]

    async def opened() -> str:
        onward = await stack.http.post(address, data={"key": nonce})
        return onward.text.partition('content="0; url=')[2].partition('"')[0]

    checkout = await eventually(opened, what="the way to the checkout")
    assert await stack.sandbox.pay(checkout, "visa") == "paid"
    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


async def test_a_mail_about_a_decline_that_came_too_late_is_not_sent(idle_stack: Stack) -> None:
    stack = idle_stack
    async with stack.working("bookings", "providers", "relay"):
        booking = await stack.book()
        checkout = await stack.checkout(booking)
        for _ in range(2):
            await stack.sandbox.pay(checkout["payment_url"], INSUFFICIENT)
        links = "select count(*) from payment_links where booking_id = $1"
        assert await eventually(lambda: stack.value(links, booking.id), what="the link") == 1
        await stack.sandbox.pay(checkout["payment_url"], "visa")
        await stack.wait_for(booking, "confirmed")

        async with stack.working("notices"):
            (mail,) = await eventually(stack.sandbox.mailbox, what="the confirmation")
            fates = "select status from notices where kind = 'payment_declined'"

            async def settled() -> bool:
                found = [row["status"] for row in await stack.rows(fates)]
                return bool(found) and set(found) == {"outdated"}

            await eventually(settled, what="the mails to be given up")

    assert mail["subject"].startswith("Confirmed: ")
    assert len(await stack.sandbox.mailbox()) == 1


async def test_a_buyer_who_leaves_the_banks_question_pays_nothing(stack: Stack) -> None:
    """F13: 3-D Secure, left."""

    async def asked(terms: SalesTerms) -> Booked | None:
        booking = await stack.book(await stack.shop(capacity=1, terms=terms))
        opened = await stack.ask_to_pay(booking)
        if opened.status_code != 201:
            return None
        try:
            outcome = await stack.sandbox.pay(opened.json()["payment_url"], "authenticationRequired")
        except httpx2.HTTPStatusError:  # closed already
            return None
        return booking if outcome == "needs_action" else None

    booking = await in_time(asked)

    await stack.wait_for(booking, "expired")
    await stack.closed(booking.workflow)

    assert {each["status"] for each in await stack.sandbox.payments()} == {"cancelled"}
    assert await stack.value("select sum(held + sold)::int from counters") == 0
    assert await violations(stack) == []


async def test_an_attempt_that_was_never_written_down_stands_in_nobodys_way(stack: Stack) -> None:
    booking = await stack.book()
    stack.faults.refuse("create_payment", PaymentMismatch("said before there is a row"))
    assert (await stack.ask_to_pay(booking)).status_code == 409
    stack.faults.mend()

    checkout = await stack.checkout(booking)

    assert await stack.sandbox.pay(checkout["payment_url"], "visa") == "paid"
    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []
