"""What operators do, over the whole product: replay, retry, close; one case each, and each act on record."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client

from domain.catalog import SalesTerms
from domain.refusal import Unknown
from providers.token import KeyRing, UserTokens
from tests.support.check import violations
from tests.support.database import Databases, superuser
from tests.support.stack import Booked, Stack, bearer, front
from tests.support.wait import eventually
from tests.workflows.test_webhook import deliver, hurried_to_its_end, labels
from workflows.booking import BookingWorkflow

CASES = "select * from cases order by opened_at"


async def operator(stack: Stack, role: str = "operator") -> dict[str, str]:
    """Show the token of somebody who works for the only tenant of the test."""
    tenant_id = await stack.value("select id from tenants")
    keys = KeyRing(stack.settings.jwt_private_key)
    now = await stack.value("select now()")
    signer = UserTokens(keys, stack.settings.jwt_issuer)
    return bearer(signer.sign("grace", tenant_id, [role], token_id=uuid4().hex, now=now))


async def ask(stack: Stack, method: str, path: str, role: str = "operator", **body: Any) -> dict[str, Any]:
    """Ask as an operator, and expect to be answered."""
    answer = await stack.http.request(
        method, f"/api/v1/admin{path}", json=body or None, headers=await operator(stack, role)
    )
    assert answer.status_code in (200, 201), answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.row("WHK-10")
@pytest.mark.row("WHK-18")
async def test_a_dead_event_is_one_case_and_is_processed_once_when_it_is_replayed(stack: Stack) -> None:
    """The event names a payment by a label that is wrong; a person mends the payment's reference."""
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    named = {**await labels(stack, checkout), "payment_id": str(uuid4())}
    event_id = await deliver(stack, named)

    assert (await hurried_to_its_end(stack, event_id))["status"] == "dead"
    [case] = (await ask(stack, "GET", "/cases?status=open", "platform"))["items"]
    [dead] = (await ask(stack, "GET", "/webhook-events?status=dead", "platform"))["items"]
    assert (case["kind"], case["cause"], case["subject"]) == ("webhook", "unknown_reference", dead["id"])
    assert (await ask(stack, "GET", "/cases"))["items"] == []  # it is no tenant's yet

    tried = (await ask(stack, "GET", f"/webhook-events/{dead['id']}", "platform"))["tries"]
    assert [each["status"] for each in tried] == ["parked"] * 5 + ["dead"]

    await stack.judge.execute(
        "update payments set id = $1 where id = $2", UUID(named["payment_id"]), UUID(checkout["payment_id"])
    )
    for _ in range(2):
        await ask(stack, "POST", f"/webhook-events/{dead['id']}/replay", "platform")

    told = await eventually(lambda: settled(stack, event_id), what="the event to be told")
    assert (told["status"], told["payment_id"]) == ("processed", UUID(named["payment_id"]))
    [closed] = await stack.rows(CASES)
    assert closed["closed_by"] == "holdfast"


async def test_an_event_that_was_processed_is_replayed_without_a_second_effect(stack: Stack) -> None:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)
    await stack.sandbox.drain()
    [event] = (await ask(stack, "GET", "/webhook-events?kind=payment_intent.succeeded"))["items"]
    assert event["status"] == "processed"

    await ask(stack, "POST", f"/webhook-events/{event['id']}/replay")
    told = await eventually(lambda: settled(stack, event["event_id"]), what="the event to be told again")

    assert (told["status"], told["cause"]) == ("ignored", "known")
    assert await stack.value("select count(*) from tickets") == 1
    assert await violations(stack) == []


@pytest.mark.row("SAG-28")
@pytest.mark.row("ADM-12", partly="operators modify nothing of a booking yet")
async def test_a_parked_undo_is_one_case_and_is_tried_again_by_an_operator(stack: Stack) -> None:
    booking = await parked_booking(stack)

    [case] = (await ask(stack, "GET", "/cases?status=open"))["items"]
    assert (case["kind"], case["cause"]) == ("step", "return_payment_parked")
    assert case["subject"] == case["booking_id"] == str(booking.id)

    stack.faults.mend()
    run = await ask(stack, "POST", f"/sagas/{booking.reference}/retry", reason="the provider is back")

    assert run["parked"] is None
    await stack.wait_for(booking, "cancelled")
    await stack.closed(booking.workflow)
    shown = await ask(stack, "GET", f"/cases/{case['id']}")
    assert shown["status"] == "closed"
    assert shown["closed_by"] in ("user:grace", "holdfast")  # who comes first: the operator, or the end
    told = {moment["what"]: moment for moment in shown["timeline"]}
    assert (told["case.opened"]["source"], told["case.opened"]["detail"]) == ("holdfast", case["cause"])
    retry = told["saga.retry"]
    assert (retry["by"], retry["detail"]) == ("user:grace", "the provider is back")
    assert retry["after"]["reason"] == "the provider is back"
    assert await violations(stack) == []


@pytest.mark.row("SAG-28")
async def test_an_undo_that_is_refused_once_more_is_a_case_once_more(stack: Stack) -> None:
    booking = await parked_booking(stack)

    await ask(stack, "POST", f"/sagas/{booking.id}/retry")

    await eventually(lambda: opened_anew(stack), what="a second case")
    first, second = await stack.rows(CASES)
    assert first["closed_by"] == "user:grace"
    assert (second["cause"], second["closed_at"]) == ("return_payment_parked", None)


@pytest.mark.row("SAG-28")
async def test_a_run_is_not_parked_before_somebody_is_told(stack: Stack) -> None:
    booking = await stack.book()
    await stack.checkout(booking)
    stack.faults.refuse("return_payment", Unknown("ordered by the test"))

    async def parked_or_tried_again() -> bool:
        return stack.faults.tried["return_payment"] > 1 or bool(await parked(stack, booking))

    async with superuser(stack.databases.urls) as busy, busy.transaction():
        await busy.execute("lock table cases in exclusive mode")
        await stack.ask_to_cancel(booking)
        await eventually(parked_or_tried_again, what="the undo to be refused")
    await eventually(lambda: parked(stack, booking), what="the undo to be parked")

    [case] = await stack.rows(CASES)
    assert (case["cause"], case["closed_at"]) == ("return_payment_parked", None)


@pytest.mark.row("SAG-28")
async def test_a_case_stays_open_when_no_run_hears_the_wish_to_try_again(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> None:
    """Nobody is at work: the wish gets no answer, and is not on record either."""
    async with front(databases, temporal_address, temporal, sandbox_url, payment_answer_seconds=1) as stack:
        async with stack.working():
            booking = await parked_booking(stack)
        path = f"/api/v1/admin/sagas/{booking.id}/retry"

        unheard = await stack.http.post(path, headers=await operator(stack))

        assert unheard.status_code == 202
        assert [case["closed_at"] for case in await stack.rows(CASES)] == [None]
        assert await stack.value("select count(*) from audit_entries where action = 'saga.retry'") == 0
        stack.faults.mend()
        async with stack.working():

            async def heard() -> bool:
                await stack.http.post(path, headers=await operator(stack))
                return bool((await stack.read(booking))["status"] == "cancelled")

            await eventually(heard, what="the undo")
            await stack.closed(booking.workflow)
        [case] = await stack.rows(CASES)
        assert case["closed_at"] is not None
        assert await violations(stack) == []


async def test_nothing_is_retried_where_nothing_waits(stack: Stack) -> None:
    booking = await stack.book()

    answer = await stack.http.post(f"/api/v1/admin/sagas/{booking.id}/retry", headers=await operator(stack))
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_retry")
    assert await stack.rows("select * from audit_entries") == []


@pytest.mark.row("SAG-21")
async def test_a_step_that_gets_no_answer_for_long_is_one_case_until_it_does(idle_stack: Stack) -> None:
    settings = idle_stack.settings.model_copy(update={"step_patience": 1})
    stack = replace(idle_stack, settings=settings)
    async with stack.working():
        booking = await stack.book()
        stack.faults.fail("create_payment", times=2)
        await stack.checkout(booking)

    [case] = await stack.rows(CASES)
    assert (case["kind"], case["cause"]) == ("step", "create_payment_unanswered")
    assert case["note"] == "create_payment was done at try 3"


@pytest.mark.row("PAY-38")
async def test_an_investigation_shows_everything_that_happened_to_a_payment_and_is_opened_once(
    stack: Stack,
) -> None:
    booking = await stack.book()
    checkout = await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    await stack.sandbox.drain()
    await eventually(lambda: told_of(stack), what="the payment's event")
    path = f"/transactions/{checkout['payment_id']}/investigate"

    first, second = [await ask(stack, "POST", path) for _ in range(2)]

    assert first["id"] == second["id"]
    assert (first["kind"], first["opened_by"]) == ("investigation", "user:grace")
    happened = [(moment["source"], moment["what"]) for moment in second["timeline"]]
    assert ("provider", "payment_intent.succeeded") in happened
    assert ("holdfast", "payment.captured") in happened
    assert ("holdfast", "booking.confirmed") in happened
    assert happened.count(("operator", "payment.investigate")) == 2
    closed = await ask(stack, "POST", f"/cases/{first['id']}/close", note="All is well.")
    assert (closed["status"], closed["note"]) == ("closed", "All is well.")
    again = await stack.http.post(
        f"/api/v1/admin/cases/{first['id']}/close", json={"note": "x"}, headers=await operator(stack)
    )
    assert (again.status_code, again.json()["code"]) == (409, "case_closed")


@pytest.mark.row("PAY-28")
async def test_operators_see_every_attempt_and_the_banks_own_word(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.pay(booking, "visa_chargeDeclinedLostCard")

    async def counted() -> dict[str, Any] | None:
        seen = await ask(stack, "GET", f"/bookings/{booking.reference}/attempts")
        return seen if seen["declines"] else None

    seen = await eventually(counted, what="the decline")
    assert (seen["declines"], seen["most"]) == (1, 5)
    [attempt] = seen["items"]
    assert (attempt["payment_id"], attempt["declines"]) == (checkout["payment_id"], 1)
    [declined] = attempt["tries"]
    assert (declined["code"], declined["reason"]) == ("card_declined", "lost_card")


async def settled(stack: Stack, event_id: str) -> dict[str, Any] | None:
    """Give the event once it was told."""
    rows = await stack.rows(
        "select status, cause, payment_id from webhook_events where event_id = $1 and told_at is not null",
        event_id,
    )
    return rows[0] if rows else None


async def parked_booking(stack: Stack) -> Booked:
    """Have a booking cancelled whose payment cannot be returned."""
    booking = await stack.book()
    await stack.checkout(booking)
    stack.faults.refuse("return_payment", Unknown("ordered by the test"))
    await stack.ask_to_cancel(booking)
    await eventually(lambda: parked(stack, booking), what="the undo to be parked")
    return booking


async def parked(stack: Stack, booking: Booked) -> str | None:
    """Name the undo that waits."""
    return (await stack.run_of(booking).query(BookingWorkflow.status)).parked


async def opened_anew(stack: Stack) -> bool:
    """Say whether there is a case behind the first."""
    return len(await stack.rows(CASES)) == 2


async def told_of(stack: Stack) -> bool:
    """Say whether the event that tells of the money was matched with the payment."""
    matched = "select payment_id is not null from webhook_events where kind = 'payment_intent.succeeded'"
    return bool(await stack.value(matched))


ASKED = SalesTerms(partner_accepts=True)


async def waiting_for_the_partner(stack: Stack) -> Booked:
    """Make a booking that is paid for and waits for its partner."""
    booking = await stack.book(await stack.shop(terms=ASKED))
    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")
    return booking


async def said(
    stack: Stack, booking: Booked, what: str, role: str = "operator", **wish: Any
) -> tuple[int, str]:
    """Answer for whoever has to accept; gives the status, and the booking's or the problem's code."""
    answer = await stack.http.post(
        f"/api/v1/bookings/{booking.id}/{what}", json=wish, headers=await operator(stack, role)
    )
    told = answer.json()
    return answer.status_code, told.get("code") or told["status"]


@pytest.mark.row("SAG-25")
async def test_the_organizer_accepts_for_the_partner_and_the_same_again_is_the_same(stack: Stack) -> None:
    booking = await waiting_for_the_partner(stack)

    first = await said(stack, booking, "partner-answer", "organizer", accepted=True)
    again = await said(stack, booking, "partner-answer", "organizer", accepted=True)
    other = await said(stack, booking, "partner-answer", "organizer", accepted=False)

    assert first == again == (200, "confirmed")
    assert other == (409, "illegal_move")
    [act] = await stack.rows("select actor, action, after from audit_entries")
    assert (act["actor"], act["action"]) == ("user:grace", "booking.partner_answer")
    assert await violations(stack) == []


@pytest.mark.row("SAG-25")
async def test_a_refusal_for_the_partner_gives_everything_back(stack: Stack) -> None:
    booking = await waiting_for_the_partner(stack)

    assert await said(stack, booking, "review-answer", accepted=True) == (409, "illegal_move")
    refused = await said(stack, booking, "partner-answer", accepted=False, cause="no_guide")

    assert refused == (200, "refunded")
    assert await said(stack, booking, "partner-answer", accepted=False) == refused
    assert await stack.sandbox.kept() == 0
    assert await violations(stack) == []
