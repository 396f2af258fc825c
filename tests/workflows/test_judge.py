"""Bookings that somebody must accept: a partner, or who reviews a risk. The money is only held meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client

from domain.booking import Judge, Verdict
from domain.catalog import SalesTerms
from domain.refusal import IllegalMove
from tests.support.check import events_of, violations
from tests.support.database import Databases
from tests.support.stack import Booked, Stack, front
from tests.support.user import User
from tests.support.wait import eventually

# Eight more attempts to pay from the address of the one there is.
EIGHT_MORE = """
insert into payment_tries (tenant_id, address, payment_id)
select tenant_id, address, gen_random_uuid() from payment_tries, generate_series(1, 8)
"""
YES = Verdict(judge=Judge.PARTNER, accepted=True, by="partner")
NO = Verdict(judge=Judge.PARTNER, accepted=False, by="partner", cause="no_guide")
ASKED = SalesTerms(partner_accepts=True)


async def paid(stack: Stack, terms: SalesTerms = ASKED) -> Booked:
    booking = await stack.book(await stack.shop(terms=terms))
    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")
    return booking


async def answer(stack: Stack, booking: Booked, verdict: Verdict) -> str:
    async with stack.telling() as sagas:
        outcome = await sagas.decide(await stack.request(booking), verdict)
    return outcome.status.value


async def money(stack: Stack) -> list[tuple[str, int]]:
    return [(each["status"], each["captured"]) for each in await stack.sandbox.payments()]


@pytest.mark.row("SAG-25")
async def test_the_money_is_taken_when_the_partner_accepts_and_not_before(stack: Stack) -> None:
    booking = await paid(stack)
    assert [captured for _, captured in await money(stack)] == [0]
    assert (await stack.read(booking))["tickets"] == []

    assert await answer(stack, booking, YES) == "confirmed"

    assert [captured for _, captured in await money(stack)] == [2_500]
    assert len((await stack.read(booking))["tickets"]) == 1
    assert await violations(stack) == []


@pytest.mark.row("SAG-25")
async def test_a_partner_who_refuses_costs_the_buyer_nothing(stack: Stack) -> None:
    booking = await paid(stack)

    assert await answer(stack, booking, NO) == "refunded"

    assert await money(stack) == [("cancelled", 0)]
    assert await stack.value("select held + sold from counters") == 0
    owed = await stack.rows("select kind from notices where booking_id = $1", booking.id)
    assert [row["kind"] for row in owed] == ["booking_cancelled"]
    assert await violations(stack) == []


@pytest.mark.row("SAG-25")
async def test_silence_until_the_deadline_is_a_no(stack: Stack) -> None:
    terms = SalesTerms(partner_accepts=True, partner_seconds=1)
    booking = await stack.book(await stack.shop(terms=terms))
    await stack.pay(booking)

    await stack.wait_for(booking, "refunded")

    assert "booking.partner_asked" in await events_of(stack, booking)
    assert await money(stack) == [("cancelled", 0)]
    assert await violations(stack) == []


@pytest.mark.row("SAG-25")
async def test_money_that_could_not_be_held_goes_back_when_the_partner_refuses(stack: Stack) -> None:
    """A direct debit is taken at once; the refusal gives it back, and the booking ends when it is back."""
    shop = await stack.shop(terms=ASKED)
    slot = await shop.add_slot(5, sales_until=shop.slot.sales_until + timedelta(days=60))
    booking = await stack.book(shop, slot_id=str(slot.id))
    checkout = await stack.checkout(booking, method="sepa_debit")
    await stack.sandbox.pay_by_debit(checkout["payment_url"])
    await stack.sandbox.settle(succeeds=True)
    await stack.wait_for(booking, "awaiting_partner")

    await answer(stack, booking, NO)

    await stack.wait_for(booking, "refunded")
    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []


async def test_the_buyer_may_leave_while_the_partner_decides(stack: Stack) -> None:
    booking = await paid(stack)

    left = await stack.cancel(booking)

    assert left.status_code == 200, left.text
    assert left.json()["status"] == "refunded"
    assert await money(stack) == [("cancelled", 0)]
    assert await violations(stack) == []


async def test_a_word_that_nobody_waits_for_is_refused(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(terms=ASKED))

    with pytest.raises(IllegalMove):
        await answer(stack, booking, YES)

    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")
    with pytest.raises(IllegalMove):
        await answer(stack, booking, YES.model_copy(update={"judge": Judge.REVIEWER}))
    assert await answer(stack, booking, YES) == "confirmed"
    assert await answer(stack, booking, NO) == "confirmed"  # the first word is kept


async def test_a_booking_for_nothing_waits_for_its_partner_too(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(minor=0, terms=ASKED))
    await stack.wait_for(booking, "awaiting_partner")

    assert await answer(stack, booking, YES) == "confirmed"
    assert await violations(stack) == []


@pytest.mark.row("SAG-31")
async def test_an_instant_product_is_confirmed_without_any_partner_step(stack: Stack) -> None:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")

    history = await stack.run_of(booking).fetch_history()

    assert "ask_judge" not in str(history.events)


async def test_an_authorisation_that_lapses_meanwhile_ends_the_booking(stack: Stack) -> None:
    booking = await paid(stack)

    await stack.sandbox.advance(seconds=timedelta(days=8).total_seconds())

    await stack.wait_for(booking, "refunded", "failed")
    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []


async def suspicious(stack: Stack) -> Booked:
    """The provider finds the card risky, and has taken the money."""
    booking = await stack.book()
    await stack.pay(booking, "riskLevelElevated")
    await stack.wait_for(booking, "payment_review")
    return booking


@pytest.mark.row("PAY-25")
async def test_payments_are_counted_scored_and_turned_away(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> None:
    """What the provider blocks is declined, the eleventh from one address is reviewed, who is blocked may
    not even try.
    """
    served = front(databases, temporal_address, temporal, sandbox_url, review_attempts=10)
    async with served as stack, stack.working():
        shop = await stack.shop(terms=SalesTerms(payment_attempts=20))
        blocked, eleventh = await stack.book(shop), await stack.book(shop)
        checkout = await stack.checkout(blocked)
        assert await stack.sandbox.pay(checkout["payment_url"], "riskLevelHighest") == "declined"
        scored = "select risk_score::text, risk_result from payments where risk_result is not null"
        [row] = await eventually(lambda: stack.rows(scored), what="the score")
        assert row == {"risk_score": "9.49", "risk_result": "blocked"}
        await stack.judge.execute(EIGHT_MORE)

        await stack.checkout(blocked)  # the tenth
        await stack.pay(eleventh)
        await stack.wait_for(eleventh, "payment_review")
        ada = User(stack, shop.tenant_id)
        booking = await ada.book(shop)
        desk = User(stack, shop.tenant_id, "olga", "operator")
        await stack.http.post(
            "/api/v1/admin/blocks", json={"user_id": "ada", "reason": "stolen cards"}, headers=desk.headers
        )
        turned_away = await stack.ask_to_pay(replace(booking, token=ada.token))

    assert (turned_away.status_code, turned_away.json()["code"]) == (403, "forbidden")


@pytest.mark.row("PAY-25", partly="a decline by the provider's own rules: the table of declines")
async def test_a_risky_payment_is_confirmed_once_a_person_accepts_it(stack: Stack) -> None:
    booking = await suspicious(stack)
    waiting = await stack.rows("select kind from cases where subject = $1 and closed_at is null", booking.id)
    assert [row["kind"] for row in waiting] == ["review"]

    accepted = Verdict(judge=Judge.REVIEWER, accepted=True, by="operator")
    assert await answer(stack, booking, accepted) == "confirmed"

    assert await stack.value("select count(*) from cases where closed_at is null") == 0
    assert await violations(stack) == []


@pytest.mark.row("PAY-25", partly="a decline by the provider's own rules: the table of declines")
async def test_a_risky_payment_that_a_person_declines_goes_back_though_the_places_are_free(
    stack: Stack,
) -> None:
    booking = await suspicious(stack)

    await answer(stack, booking, Verdict(judge=Judge.REVIEWER, accepted=False, by="operator"))

    await stack.wait_for(booking, "refunded")
    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []
