"""What becomes of a letter: it arrives, or somebody hears that it did not and sends it elsewhere."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from temporalio.client import Client

from observability.metrics import REGISTRY
from tests.support.database import Databases
from tests.support.mail import at_sendgrid
from tests.support.sandbox import Account
from tests.support.stack import Booked, Stack, front
from tests.support.wait import eventually
from tests.workflows.test_operator_routes import ask

NOTICES = "select * from notices where booking_id = $1 order by created_at"
CASES = "select cause, closed_by from cases where kind = 'notice' order by opened_at"


def delivered() -> float:
    """Count the letters that have arrived, by the metric."""
    return REGISTRY.get_sample_value("holdfast_letters_total", {"outcome": "delivered"}) or 0


async def confirmed(stack: Stack, email: str, **more: Any) -> Booked:
    """Book something free, which is confirmed at once, and tell its buyer by mail."""
    booking = await stack.book(
        await stack.shop(minor=0), contact={"name": "Ada Lovelace", "email": email}, **more
    )
    await stack.wait_for(booking, "confirmed")
    return booking


async def notice(stack: Stack, booking: Booked, **expected: Any) -> dict[str, Any]:
    """Wait until the booking's newest notice looks like this."""

    async def look() -> dict[str, Any] | None:
        rows = await stack.rows(NOTICES, booking.id)
        fits = rows and all(rows[-1][name] == value for name, value in expected.items())
        return rows[-1] if fits else None

    return await eventually(look, what=f"a notice with {expected}")


@pytest.mark.row("NOT-13")
async def test_a_letter_that_arrives_says_when_and_counts(stack: Stack) -> None:
    await stack.follow_mail()
    before = delivered()

    booking = await confirmed(stack, "ada@example.com")

    told = await notice(stack, booking, delivery="delivered", status="accepted")
    [mail] = await stack.sandbox.mailbox()
    assert told["message_id"] == mail["id"]
    assert told["delivered_at"] is not None

    async def grown() -> bool:
        return delivered() > before

    await eventually(grown, what="the metric")
    [shown] = (await ask(stack, "GET", f"/bookings/{booking.id}/notices"))["items"]
    assert (shown["delivery"], shown["suppressed"]) == ("delivered", None)
    assert shown["delivered_at"] is not None
    assert await stack.rows(CASES) == []


@pytest.mark.row("NOT-13")
async def test_a_letter_that_bounced_is_one_case_and_is_sent_elsewhere_by_an_operator(stack: Stack) -> None:
    """The address gets nothing more meanwhile; who mended it is on record, the address is not."""
    await stack.follow_mail()
    booking = await confirmed(stack, "bounce@example.com")
    bounced = await notice(stack, booking, delivery="bounced", status="accepted")

    other = await confirmed_again(stack, booking)
    await notice(stack, other, status="suppressed")
    assert len(await stack.sandbox.mailbox()) == 1
    assert [row["cause"] for row in await stack.rows(CASES)] == ["bounced", "suppressed"]

    wish = {"reason": "The buyer rang.", "email": "ada@example.com"}
    first, second = [await ask(stack, "POST", f"/notices/{bounced['id']}/resend", **wish) for _ in range(2)]

    assert first["id"] == second["id"] != str(bounced["id"])
    again = await notice(stack, booking, delivery="delivered")
    assert (again["kind"], again["version"], again["sending"]) == ("booking_confirmed", 1, 2)
    assert [mail["to"][0]["email"] for mail in await stack.sandbox.mailbox()] == [
        "bounce@example.com",
        "ada@example.com",
    ]
    assert (await stack.read(booking))["contact"]["email"] == "ada@example.com"
    assert [row["closed_by"] for row in await stack.rows(CASES)] == ["user:grace", None]
    audited = await stack.rows("select action, before::text || after::text as said from audit_entries")
    assert {row["action"] for row in audited} == {"notice.resend"}
    assert not any("@" in row["said"] for row in audited)


async def confirmed_again(stack: Stack, booking: Booked) -> Booked:
    """Book once more for the same address at the same organizer."""
    row = (await stack.rows("select tenant_id, offer_id, slot_id from bookings where id = $1", booking.id))[0]
    variant_id = await stack.value("select id from variants where offer_id = $1", row["offer_id"])
    answer = await stack.http.post(
        "/api/v1/bookings",
        json={
            "offer_id": str(row["offer_id"]),
            "slot_id": str(row["slot_id"]),
            "lines": [{"variant_id": str(variant_id), "quantity": 1}],
            "contact": {"name": "Ada Lovelace", "email": "Bounce@example.com"},
        },
        headers={"Authorization": f"Bearer pk_test_{row['tenant_id'].hex}", "Idempotency-Key": "again"},
    )
    booked = Booked.of(answer)
    await stack.wait_for(booked, "confirmed")
    return booked


@pytest.mark.row("NOT-10")
@pytest.mark.row("NOT-11")
async def test_a_mail_service_that_is_away_delays_the_letter_and_nothing_else(stack: Stack) -> None:
    there = await stack.follow_mail()
    await there.break_down("POST /v3/mail/send", "rate_limit", times=2)

    booking = await confirmed(stack, "ada@example.com")

    assert len((await stack.read(booking))["tickets"]) == 1
    await notice(stack, booking, delivery="delivered", status="accepted")
    assert len(await stack.sandbox.mailbox()) == 1
    assert await stack.rows(CASES) == []


async def test_what_one_service_cannot_take_the_other_one_does(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> None:
    async with httpx2.AsyncClient() as http:
        port = (await http.get(f"{sandbox_url}/_sandbox/health")).json()["smtp_port"]
        letters = Account(sandbox_url, http, mail_key=f"smtp_{uuid4().hex}")
        second = {"smtp_port": port, "smtp_user": letters.mail_key, "smtp_password": "a password"}
        over = front(databases, temporal_address, temporal, sandbox_url, mail_via="sendgrid,smtp", **second)
        async with over as stack, stack.working():
            await at_sendgrid(stack.sandbox).break_down("POST /v3/mail/send", "rate_limit", times=10**6)

            booking = await confirmed(stack, "ada@example.com")
            told = await notice(stack, booking, status="accepted")

            [mail] = await letters.mailbox()
            assert mail["headers"]["Message-ID"] == told["message_id"] == f"<{told['id']}@holdfast.example>"
            assert await stack.sandbox.mailbox() == []


@pytest.mark.row("NOT-17", partly="an answer that is lost; a worker killed: tests/crash")
async def test_a_lost_answer_is_settled_by_what_the_mail_service_tells(stack: Stack) -> None:
    """F15: it may have been sent, so nobody sends it again; its first event says that it was."""
    there = await stack.follow_mail()
    await there.break_down("*", "webhook_hold", times=10)
    await there.break_down("POST /v3/mail/send", "response_lost")

    booking = await confirmed(stack, "ada@example.com")

    await notice(stack, booking, status="unknown")
    assert [tuple(row.values()) for row in await stack.rows(CASES)] == [("maybe_sent", None)]

    await there.release()

    told = await notice(stack, booking, delivery="delivered")
    assert told["status"] == "accepted"
    assert [tuple(row.values()) for row in await stack.rows(CASES)] == [("maybe_sent", "holdfast")]
    assert len(await stack.sandbox.mailbox()) == 1


async def test_a_letter_that_no_service_will_have_is_one_case_and_can_be_sent_again(stack: Stack) -> None:
    there = await stack.follow_mail()
    await there.break_down("POST /v3/mail/send", "response_500_before", status=400)

    booking = await confirmed(stack, "ada@example.com")
    refused = await notice(stack, booking, status="refused")
    assert [row["cause"] for row in await stack.rows(CASES)] == ["refused"]

    await ask(stack, "POST", f"/notices/{refused['id']}/resend", reason="The template is mended.")

    await notice(stack, booking, delivery="delivered", sending=2)
    assert len(await stack.sandbox.mailbox()) == 1
