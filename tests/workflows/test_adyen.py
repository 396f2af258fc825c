"""Bookings that are paid over Adyen, which cannot be asked: what it told and signed decides."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from domain.booking import Judge, Verdict
from domain.catalog import SalesTerms
from tests.support.check import events_of, violations
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from tests.workflows.test_late_money import in_time, pay_in_time
from tests.workflows.test_refund import give_back, until

HELD = SalesTerms(partner_accepts=True)
YES = Verdict(judge=Judge.PARTNER, accepted=True, by="partner")


async def at_adyen(stack: Stack, terms: SalesTerms | None = None) -> tuple[Stack, Shop]:
    shop = await stack.shop(terms=terms or SalesTerms(), capacity=1)
    return await stack.at_adyen(shop), shop


async def accept(stack: Stack, booking: Booked) -> None:
    """Have the partner accept, and do not wait for what comes of it."""
    async with stack.telling() as sagas:
        await sagas.decide(await stack.request(booking), YES)


@pytest.mark.row("PAY-04", partly="the fields of the session: tests/providers/test_adyen_call.py")
async def test_a_booking_is_paid_over_adyen(stack: Stack) -> None:
    stack, shop = await at_adyen(stack)
    booking = await stack.book(shop)

    await stack.pay(booking)
    seen = await stack.wait_for(booking, "confirmed")

    assert len(seen["tickets"]) == 1
    (payment,) = await stack.rows("select provider, status, method, card_brand, card_last4 from payments")
    assert payment == {
        "provider": "adyen", "status": "captured",
        "method": "card", "card_brand": "visa", "card_last4": "4242",
    }  # fmt: skip
    assert await violations(stack) == []


async def test_a_declined_buyer_pays_with_another_card(stack: Stack) -> None:
    stack, shop = await at_adyen(stack)
    booking = await stack.book(shop)
    checkout = await stack.pay(booking, "visa_chargeDeclinedInsufficientFunds")

    async def declined() -> bool:
        return bool(
            await stack.value("select count(*) from payments where decline_code = 'insufficient_funds'")
        )

    await eventually(declined, what="the decline")
    await stack.sandbox.pay(checkout["payment_url"])
    await stack.wait_for(booking, "confirmed")

    assert await violations(stack) == []


async def test_held_money_is_taken_when_it_was_told_that_it_was(stack: Stack) -> None:
    stack, shop = await at_adyen(stack, HELD)
    booking = await stack.book(shop)
    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")

    await accept(stack, booking)
    await stack.wait_for(booking, "confirmed")

    assert [each["status"] for each in await stack.sandbox.payments()] == ["captured"]
    assert [each["eventCode"] for each in await stack.sandbox.told()] == ["AUTHORISATION", "CAPTURE"]
    assert await violations(stack) == []


async def test_a_capture_that_fails_ends_the_booking_and_releases_the_money(stack: Stack) -> None:
    stack, shop = await at_adyen(stack, HELD)
    booking = await stack.book(shop)
    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")
    await stack.sandbox.break_down("POST /v72/payments/*/captures", "outcome_fails")

    await accept(stack, booking)
    await stack.closed(booking.workflow)

    assert (await stack.read(booking))["tickets"] == []

    async def released() -> bool:
        return [each["status"] for each in await stack.sandbox.payments()] == ["cancelled"]

    await eventually(released, what="the money")
    assert await stack.value("select held + sold from counters") == 0
    assert await violations(stack) == []


async def paid_and_told_late(stack: Stack, *, close_sales: bool = False) -> tuple[Stack, Booked]:
    """Pay a booking that ends before Adyen tells of it; then let it tell."""

    async def pay(terms: SalesTerms) -> tuple[Stack, Booked] | None:
        there, shop = await at_adyen(stack, terms)
        await there.sandbox.mend()
        await there.sandbox.break_down("AUTHORISATION", "webhook_hold")
        booking = await pay_in_time(there, shop)
        return None if booking is None else (there, booking)

    there, booking = await in_time(pay)
    await there.wait_for(booking, "expired")
    if close_sales:
        slot = "update slots set status = 'hidden' where id = (select slot_id from bookings where id = $1)"
        await stack.judge.execute(slot, booking.id)
    await there.sandbox.release()
    return there, booking


@pytest.mark.row("PAY-33", partly="Adyen: nobody can be asked, so what comes late is settled late")
async def test_what_was_told_after_the_end_takes_the_places_again(stack: Stack) -> None:
    stack, booking = await paid_and_told_late(stack)

    await stack.wait_for(booking, "confirmed")

    assert (await events_of(stack, booking))[-3:] == [
        "booking.expired", "payment.processed", "booking.confirmed",
    ]  # fmt: skip
    assert await violations(stack) == []


async def test_late_money_for_places_that_are_gone_goes_back(stack: Stack) -> None:
    stack, booking = await paid_and_told_late(stack, close_sales=True)

    await stack.wait_for(booking, "refunded")

    assert await stack.sandbox.kept() == 0
    assert [each["eventCode"] for each in await stack.sandbox.told()] == ["AUTHORISATION", "REFUND"]
    assert await violations(stack) == []


@pytest.mark.row("PAY-26", partly="Adyen's; all that follows from a dispute: test_dispute.py")
async def test_a_chargeback_of_what_was_held_first_is_followed_to_the_banks_decision(stack: Stack) -> None:
    stack, shop = await at_adyen(stack, HELD)
    booking = await stack.book(shop)
    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")
    await accept(stack, booking)
    await stack.wait_for(booking, "confirmed")

    await stack.sandbox.charge_back()
    dispute = await disputed(stack, "open", taken_minor=2500)
    await stack.sandbox.decide_dispute(dispute["provider_ref"].partition("/")[2], won=True)

    await disputed(stack, "won", taken_minor=0)
    await stack.closed(f"dispute:{dispute['id']}")
    assert await stack.value("select count(*) from cases where closed_at is null") == 0


@pytest.mark.row("WHK-05", partly="a refund that its bank sends back; each code: tests/providers")
async def test_a_refund_that_a_bank_sends_back_is_given_once_more(stack: Stack) -> None:
    stack, shop = await at_adyen(stack)
    booking = await stack.book(shop)
    checkout = await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    first = await until(stack, await give_back(stack, checkout["payment_id"]), "completed")
    (there,) = await stack.sandbox.refunds()

    await stack.sandbox.control(f"refunds/{there['id']}/return")

    await until(stack, first, "failed")

    async def again() -> bool:
        rows = await stack.rows("select status from refunds order by created_at, id")
        return [row["status"] for row in rows] == ["failed", "completed"]

    await eventually(again, what="the second refund")
    assert await stack.sandbox.kept() == 0
    told = {each["eventCode"] for each in await stack.sandbox.told()}
    assert told == {"AUTHORISATION", "REFUND", "REFUNDED_REVERSED"}
    await stack.wait_for(booking, "refunded")
    assert await violations(stack) == []


@pytest.mark.row("PAY-19", partly="over Adyen, on its page in a browser")
async def test_a_bank_asks_in_a_browser_and_says_no_and_then_yes(stack: Stack, browser: Browser) -> None:
    stack, shop = await at_adyen(stack)
    booking = await stack.book(shop)
    page_of_adyen = (await stack.checkout(booking))["payment_url"]
    page = await browser.new_page()

    await page.goto(page_of_adyen)
    await typed(page)
    await page.get_by_role("button", name="Do not approve").click()
    await page.wait_for_url(page_of_adyen)

    async def declined() -> bool:
        return (await stack.read(booking)).get("decline") is not None

    await eventually(declined, what="the decline")
    seen = await stack.read(booking)
    assert (seen["status"], seen["decline"]["code"]) == ("awaiting_payment", "authentication_failed")
    assert seen["decline"]["guidance"]

    await typed(page)
    await page.get_by_label("Code").fill("123456")
    await page.get_by_role("button", name="Approve", exact=True).click()
    await page.wait_for_url("**/docs**")
    await page.close()
    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


@pytest.mark.row("PAY-05")
async def test_paypal_pays_through_adyen(stack: Stack) -> None:
    stack, shop = await at_adyen(stack)
    booking = await stack.book(shop)
    opened = await stack.checkout(booking, method="paypal")
    session = opened["payment_url"].rpartition("/")[2]

    asked = await stack.sandbox.control(f"checkout/{session}/pay", later="paypal")
    assert (asked["outcome"], (await stack.read(booking))["status"]) == ("needs_action", "awaiting_payment")
    await stack.sandbox.control(f"payments/{asked['payment']}/challenge", code="123456")
    await stack.wait_for(booking, "confirmed")

    (payment,) = await stack.rows("select provider, method, card_brand, card_last4, status from payments")
    assert payment == {
        "provider": "adyen", "method": "paypal", "card_brand": None, "card_last4": None,
        "status": "captured",
    }  # fmt: skip
    await until(stack, await give_back(stack, opened["payment_id"]), "completed")
    await stack.wait_for(booking, "refunded")
    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []


async def typed(page: Page) -> None:
    """Type a card whose bank asks, and go on to the bank."""
    for label, text in (
        ("E-mail", "ada@example.com"),
        ("Card number", "4000 0000 0000 3220"),
        ("Expires", "12 / 34"),
        ("Security code", "123"),
    ):
        await page.get_by_label(label).fill(text)
    await page.get_by_role("button", name="Pay").click()
    await page.get_by_label("Code").wait_for()


async def disputed(stack: Stack, state: str, *, taken_minor: int) -> dict[str, Any]:
    """Wait for the one dispute to stand so, with so much of the money taken."""

    async def stands() -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = await stack.rows("select * from disputes")
        found = [row for row in rows if (row["state"], row["taken_minor"]) == (state, taken_minor)]
        return found[0] if found else None

    return await eventually(stands, what=f"the dispute to be {state}")


@pytest.mark.row("WHK-05", partly="a capture that fails after all; each code: tests/providers")
async def test_a_capture_that_is_lost_after_all_takes_the_tickets_and_the_places_back(stack: Stack) -> None:
    stack, shop = await at_adyen(stack)
    booking = await stack.book(shop)
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")

    await stack.sandbox.lose_capture()

    seen = await stack.wait_for(booking, "refunded")
    assert [each["status"] for each in seen["tickets"]] == ["refunded"]
    assert await stack.value("select held + sold from counters") == 0
    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []
