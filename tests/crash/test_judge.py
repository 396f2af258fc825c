"""The judge complains about everything that must not be: each invariant is broken on purpose and found so."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import httpx2
import pytest
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from tests.crash import judge
from tests.crash.buyer import Patient, Wish
from tests.crash.story import Ended, play
from tests.support.stack import Booked, Stack, bearer
from tests.support.wait import eventually


@dataclass(frozen=True)
class Twin:
    """A row of a booking that is confirmed and paid, as it must not be, and what the judge says of it."""

    breaks: str
    sql: str
    complaint: str


TWINS = (
    Twin("I1 held by nobody", "update counters set held = held + 1", "counter is wrong: .*"),
    Twin("I1 sold to nobody", "update counters set sold = sold + 1", "counter is wrong: .*"),
    Twin("I2 no ticket", "update tickets set status = 'cancelled'", "tickets and state disagree: .*"),
    Twin("I2 kept", "update bookings set status = 'expired'", ".* is expired and we keep 2500"),
    Twin(
        "I3 too much",
        "update bookings set due_minor = 5000, total_minor = 5000",
        ".* is confirmed and we keep 2500",
    ),
    Twin(
        "I4 one side",
        "update ledger_entries set amount_minor = 2600 where account like 'provider_clearing:%'",
        "books do not balance: .*",
    ),
    Twin(
        "I4 both sides",
        "update ledger_entries set amount_minor = amount_minor * 2",
        "the provider keeps 2500, our books say 5000",
    ),
    Twin(
        "I4 owed",
        "update ledger_entries set account = 'refund_payable' where account not like 'provider_clearing:%'",
        "owed to buyers by mistake: .*",
    ),
    Twin("I5 sent by nobody", "update notices set id = gen_random_uuid()", "I5: notice .* is accepted"),
    Twin("I5 sent nowhere", "update notices set status = 'no_address'", "I5: notice .* is no_address"),
    Twin("I6 lost", "delete from bookings", "I6: .* ended as None, not confirmed"),
    Twin("I6 other end", "update bookings set status = 'cancelled'", "I6: .* as cancelled, not confirmed"),
    Twin("I8 held for ever", "update holds set status = 'active'", "holds after its end: .*"),
    Twin("I9 untold", "update bookings set status = 'failed'", r"I9: .* is failed after \['confirmed'\]"),
    Twin(
        "I9 twice",
        "insert into events (tenant_id, subject, n, type, data) select tenant_id, subject, n + 1, type, data"
        " from events where type = 'booking.confirmed'",
        r"I9: .* is confirmed after \['confirmed', 'confirmed'\]",
    ),
    Twin("I9 gap", "update events set n = n + 9 where type = 'booking.confirmed'", "feed has a gap: .*"),
    Twin("stranded", "update webhook_events set status = 'dead'", "event .* is dead"),
)
UNRESTED = (
    Twin("I13 open", "update bookings set status = 'awaiting_payment'", "booking .* is awaiting_payment"),
    Twin("I13 unbegun", "update bookings set saga_started_at = null", "booking .* has no run"),
    Twin(
        "I13 untold",
        "update webhook_events set told_at = null, status = 'received'",
        "event payment_intent.succeeded is untold",
    ),
    Twin("I13 unsent", "update notices set status = 'claimed'", "notice .* is claimed"),
)


@dataclass(frozen=True)
class Case:
    """A stack on which somebody has booked and paid, and what the judge needs besides."""

    stack: Stack
    buyer: Patient
    bookings: Ended

    @property
    def booking(self) -> Booked:
        """The one there is."""
        return self.bookings[0][0]

    async def complaints(self) -> list[str]:
        """Ask the judge."""
        return await judge.broken(self.stack, self.buyer, self.bookings)


@pytest.fixture
async def case(stack: Stack) -> AsyncIterator[Case]:
    async with Patient(stack.settings.api_url) as buyer:
        watched = replace(stack, http=buyer)
        bookings = await play("paid", watched)
        for booking, ends in bookings:
            await watched.wait_for(booking, *ends)
            await watched.closed(booking.workflow)
        await _told(watched)
        yield Case(watched, buyer, bookings)


async def _told(stack: Stack) -> None:
    """Wait until everybody has been told of everything."""
    for notice in await stack.rows("select id from notices"):
        await stack.closed(f"notice:{notice['id']}")


async def test_a_row_that_must_not_be_is_found(case: Case) -> None:
    assert await case.complaints() == []

    silent = [each.breaks for each in TWINS if not await _found(case, each)]

    assert silent == []


async def _found(case: Case, twin: Twin) -> bool:
    async with _broken(case.stack, twin.sql):
        return _says(await judge.disagreements(case.stack, case.bookings), twin.complaint)


def _says(complaints: list[str], complaint: str) -> bool:
    return any(re.fullmatch(complaint, each) for each in complaints)


@asynccontextmanager
async def _broken(stack: Stack, sql: str) -> AsyncIterator[None]:
    """Do, with no guard on duty, what no statement of ours could; undone afterwards."""
    transaction = stack.judge.transaction()
    await transaction.start()
    try:
        await stack.judge.execute("set local session_replication_role = replica")
        changed = await stack.judge.execute(sql)
        assert not changed.endswith(" 0"), f"nothing to break: {sql}"
        yield
    finally:
        await transaction.rollback()


async def test_what_is_not_at_rest_is_found(case: Case) -> None:
    """I13."""
    silent = []
    for twin in UNRESTED:
        async with _broken(case.stack, twin.sql):
            if not _says(await judge.undone(case.stack), twin.complaint):
                silent.append(twin.breaks)

    waiting = await case.stack.book()

    async def is_found() -> bool:
        return f"{waiting.workflow} runs" in await judge.undone(case.stack)

    await eventually(is_found, what="a run that the judge sees")
    assert f"booking {waiting.reference} is held" in await judge.undone(case.stack)
    assert silent == []


async def test_a_second_charge_is_found(case: Case) -> None:
    """I3: by the provider's books, for ours know nothing of it."""
    form = {
        "amount": "2500",
        "currency": "eur",
        "confirm": "true",
        "payment_method": "pm_card_visa",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "metadata[booking_id]": str(case.booking.id),
    }
    await _ask_sandbox(case.stack, "stripe/v1/payment_intents", case.stack.sandbox.key, data=form)

    complaints = await case.complaints()

    assert f"{case.booking.reference} is confirmed and we keep 5000" in complaints
    assert "the provider keeps 5000, our books say 2500" in complaints


async def test_a_page_where_one_could_still_pay_is_found(case: Case) -> None:
    """I2: the booking has ended and the checkout is open."""
    unpaid = await case.stack.book()
    await case.stack.checkout(unpaid)

    async with _broken(case.stack, "update bookings set status = 'expired' where status <> 'confirmed'"):
        complaints = await case.complaints()

    assert f"{unpaid.reference} can still be paid" in complaints


async def test_a_second_mail_is_found(case: Case) -> None:
    """I5: the same notice, accepted twice."""
    mails = await case.stack.sandbox.mailbox()
    notice = mails[0]["custom_args"]["notice_id"]
    mail = {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "tickets@holdfast.example"},
        "subject": "Your tickets",
        "content": [{"type": "text/plain", "value": "Here they are."}],
        "custom_args": {"notice_id": notice},
    }
    await _ask_sandbox(case.stack, "sendgrid/v3/mail/send", case.stack.sandbox.mail_key, json=mail)

    assert f"told twice: notice {notice}" in await case.complaints()


async def _ask_sandbox(stack: Stack, path: str, key: str, **body: object) -> None:
    async with httpx2.AsyncClient(base_url=stack.sandbox.url, headers=bearer(key)) as http:
        answer = await http.post(path, **body)  # type: ignore[arg-type]
    assert answer.status_code < 300, answer.text


async def test_another_answer_to_the_same_request_is_found(case: Case) -> None:
    """I7."""
    wish = case.buyer.wishes[0]
    case.buyer.wishes[0] = _answered(wish, b"{}")

    assert _says(await case.complaints(), "I7: /api/v1/bookings was answered 201, then 201 .*(?s:.*)")


async def test_an_answer_about_somebody_else_is_found(case: Case) -> None:
    """I12."""
    wish = case.buyer.wishes[0]
    told = wish.answer.json() | {"contact": "canary-somebodyelse"}
    case.buyer.wishes[0] = _answered(wish, json.dumps(told).encode())

    assert _says(await case.complaints(), "I12: an answer names somebody else: (?s:.*)")


def _answered(wish: Wish, content: bytes) -> Wish:
    return replace(wish, answer=httpx2.Response(wish.answer.status_code, content=content))


async def test_a_history_that_does_not_replay_is_found(case: Case) -> None:
    """I10: the run asked for a step that the code does not know."""
    history = await case.stack.run_of(case.booking).fetch_history()
    other = WorkflowHistory.from_json(
        history.workflow_id, history.to_json().replace("create_payment", "create_trouble")
    )

    assert await judge.unplayable([history]) == []
    assert await judge.unplayable([other]) == [f"I10: {case.booking.workflow} does not replay"]


async def test_a_run_whose_code_failed_is_found() -> None:
    """I10: also when it went on afterwards."""
    event = HistoryEvent()
    cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
    event.workflow_task_failed_event_attributes.cause = cause
    history = WorkflowHistory(f"booking:{uuid4()}", [event])

    assert judge.stumbled([history]) == [f"I10: a task of {history.workflow_id} has failed"]
