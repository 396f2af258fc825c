"""What each of the provider's events does to booking, payment, tickets and mails (WHK-04, Stripe's part)."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from tests.support.worker_process import worker_process
from tests.workflows.test_refund import at_the_desk

DECLINED, ASKED = "visa_chargeDeclinedInsufficientFunds", "threeDSecure2Required"
KIND = """
select status, cause from webhook_events where kind = $1 and (told_at is not null or status = 'ignored')
"""
STANDS = """
select b.status as booking, p.status as payment, p.declines,
       (select array_agg(t.status) from tickets t where t.booking_id = b.id) as tickets,
       (select array_agg(n.kind order by n.created_at) from notices n where n.booking_id = b.id) as mails,
       (select array_agg(c.cause) from cases c where c.booking_id = b.id) as cases
  from bookings b join payments p on p.booking_id = b.id
"""

Story = Callable[[Stack, Booked], Awaitable[None]]


async def declined(stack: Stack, booking: Booked) -> None:
    """The bank declines; the buyer may try again."""
    await stack.pay(booking, DECLINED)


async def asked(stack: Stack, booking: Booked) -> None:
    """The bank asks the buyer, who has not answered yet."""
    await stack.pay(booking, ASKED)


async def paid(stack: Stack, booking: Booked) -> None:
    """The buyer pays."""
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")


async def refunded(stack: Stack, booking: Booked) -> None:
    """All of it is given back at the provider's own desk."""
    await paid(stack, booking)
    await at_the_desk(stack)
    await stack.wait_for(booking, "refunded")


async def disputed(stack: Stack, booking: Booked) -> None:
    """The payer's bank wants the money back."""
    await paid(stack, booking)
    await stack.sandbox.charge_back()


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    kind: str
    story: Story
    event: tuple[str, str]
    booking: str
    payment: str
    tickets: list[str] | None = None
    mails: list[str] | None = None
    declines: int = 0
    cases: list[str] | None = None


OPERATORS = "operators@example.com"
IGNORED, PROCESSED = ("ignored", "moves_nothing"), ("processed", "")
ONE, MAIL, AGAIN = ["active"], ["booking_confirmed"], ["payment_declined"]
BACK = ["refunded"]
TABLE = [
    Row("payment_intent.created", declined, IGNORED, "awaiting_payment", "pending", mails=AGAIN, declines=1),
    Row(
        "payment_intent.payment_failed",
        declined,
        PROCESSED,
        "awaiting_payment",
        "pending",
        mails=AGAIN,
        declines=1,
    ),
    Row("payment_intent.requires_action", asked, IGNORED, "awaiting_payment", "pending"),
    Row("payment_intent.succeeded", paid, PROCESSED, "confirmed", "captured", ONE, MAIL),
    Row("charge.succeeded", paid, IGNORED, "confirmed", "captured", ONE, MAIL),
    Row("charge.refunded", refunded, PROCESSED, "refunded", "captured", BACK, [*MAIL, "payment_refunded"]),
    Row(
        "charge.dispute.created",
        disputed,
        ("processed", "disputed"),
        "confirmed",
        "captured",
        ONE,
        [*MAIL, "case_opened"],
        cases=["disputed"],
    ),
]


@pytest.mark.row("WHK-04")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.kind)
async def test_an_event_does_what_the_table_says(stack: Stack, row: Row) -> None:
    booking = await stack.book()
    await stack.judge.execute("update tenants set operators_email = $1", OPERATORS)

    await row.story(stack, booking)
    await stack.sandbox.drain()
    event = await eventually(lambda: taken(stack, row.kind), what=row.kind)

    assert event == row.event
    wanted = {
        "booking": row.booking,
        "payment": row.payment,
        "declines": row.declines,
        "tickets": row.tickets,
        "mails": row.mails,
        "cases": row.cases,
    }

    async def stands() -> dict[str, Any] | None:
        [found] = await stack.rows(STANDS)
        return found if found == wanted else None

    assert await eventually(stands, what=f"the state after {row.kind}")
    mailed = Counter(OPERATORS if kind == "case_opened" else "ada@example.com" for kind in row.mails or ())

    async def sent() -> bool:
        return Counter(mail["to"][0]["email"] for mail in await stack.sandbox.mailbox()) == mailed

    await eventually(sent, what="the mails")
    assert await violations(stack) == []


async def taken(stack: Stack, kind: str) -> tuple[str, str] | None:
    """Give what became of the event of this kind."""
    rows = await stack.rows(KIND, kind)
    return (rows[0]["status"], rows[0]["cause"]) if rows else None


@pytest.mark.row("WHK-04", partly="what the events do: the table")
async def test_the_log_says_of_an_event_what_became_of_it_and_why_a_bank_declined(
    idle_stack: Stack, tmp_path: Path
) -> None:
    stack = replace(idle_stack, settings=idle_stack.settings.model_copy(update={"log_level": "info"}))
    booking = await stack.book()
    async with worker_process(stack, tmp_path / "worker.log"):
        checkout = await stack.checkout(booking)
        for card in (DECLINED, "visa"):
            await stack.sandbox.pay(checkout["payment_url"], card)
        await stack.wait_for(booking, "confirmed")
        await stack.sandbox.drain()
        await eventually(lambda: taken(stack, "payment_intent.succeeded"), what="the last event")

    lines = [json.loads(line) for line in (tmp_path / "worker.log").read_text().splitlines()]
    said = {(line["kind"], line["status"]) for line in lines if line["message"] == "an event was read"}
    assert said >= {("payment_intent.payment_failed", "processed"), ("payment_intent.succeeded", "processed")}
    (declined_line,) = [line for line in lines if line["message"] == "a payment was declined"]
    assert (declined_line["payment_id"], declined_line["decline_code"]) == (
        checkout["payment_id"],
        "insufficient_funds",
    )
