"""A payer's bank wants money back, over the whole stack: flagged, told once, followed, and booked."""

from typing import Any
from uuid import UUID

import pytest

from tests.support.check import violations
from tests.support.stack import Booked, Stack, bearer
from tests.support.wait import eventually
from tests.workflows.test_refund import confirmed, operator
from tests.workflows.test_sweep import silence, sweep
from workflows import names

FEE = 2_000
BALANCE = """
select coalesce(sum(amount_minor), 0)::bigint from ledger_entries where account = $1
"""
CASES = "select kind, cause, closed_at is not null as closed from cases where booking_id = $1"
OPERATORS = "operators@example.com"


async def disputed(stack: Stack, state: str = "open", **wish: Any) -> tuple[Booked, dict[str, Any]]:
    """Have a booking paid, and its money wanted back; gives what operators are shown of the dispute."""
    booking, _ = await confirmed(stack)
    await stack.judge.execute("update tenants set operators_email = $1", OPERATORS)
    payment = (await stack.sandbox.payments())[-1]
    await stack.sandbox.control(f"payments/{payment['id']}/dispute", **wish)
    return booking, await until(stack, booking, state)


async def until(stack: Stack, booking: Booked, state: str) -> dict[str, Any]:
    """Read the booking's dispute until it has come to this state."""
    tenant_id = await stack.value("select tenant_id from bookings where id = $1", booking.id)
    token = await operator(stack, tenant_id)

    async def look() -> dict[str, Any] | None:
        answer = await stack.http.get(f"/api/v1/disputes?about={booking.id}", headers=bearer(token))
        assert answer.status_code == 200, answer.text
        return next((each for each in answer.json()["items"] if each["state"] == state), None)

    return await eventually(look, what=f"the dispute to be {state}")


async def cases(stack: Stack, booking: Booked) -> list[dict[str, Any]]:
    return await stack.rows(CASES, booking.id)


async def balance(stack: Stack, account: str) -> int:
    return int(await stack.value(BALANCE, account))


async def mails(stack: Stack) -> int:
    told = [mail["to"][0]["email"] for mail in await stack.sandbox.mailbox()]
    return told.count(OPERATORS)


async def flags(stack: Stack, booking: Booked, payment_id: str) -> tuple[str | None, str | None]:
    """Say what the booking and its payment show of a dispute."""
    answer = await stack.http.get(f"/api/v1/payments/{payment_id}", headers=bearer(booking.token))
    return (await stack.read(booking))["dispute"], answer.json()["dispute"]


@pytest.mark.row("PAY-26")
async def test_a_dispute_flags_payment_and_booking_opens_a_case_and_tells_once(stack: Stack) -> None:
    booking, dispute = await disputed(stack)

    assert (dispute["amount"]["minor"], dispute["taken"]["minor"], dispute["fee"]["minor"]) == (
        5_000,
        5_000,
        FEE,
    )
    assert dispute["evidence_due"] is not None
    assert await flags(stack, booking, dispute["payment_id"]) == ("open", "open")
    assert await cases(stack, booking) == [{"kind": "dispute", "cause": "disputed", "closed": False}]
    await eventually(lambda: mailed(stack), what="the operators' mail")
    assert await balance(stack, "dispute_receivable") == 5_000
    assert await balance(stack, "dispute_fee_expense") == FEE

    for event in await stack.sandbox.events("charge.dispute.created", "charge.dispute.funds_withdrawn"):
        await stack.sandbox.redeliver(event["id"])
    await stack.sandbox.drain()
    await stack.sandbox.decide_dispute(dispute["provider_ref"], won=True)
    won = await until(stack, booking, "won")

    assert (won["taken"]["minor"], won["fee"]["minor"]) == (0, 0)
    assert (await stack.closed(names.dispute(UUID(dispute["id"]))))["state"] == "won"
    assert await cases(stack, booking) == [{"kind": "dispute", "cause": "disputed", "closed": True}]
    assert await balance(stack, "dispute_receivable") == 0
    assert await balance(stack, "dispute_fee_expense") == 0
    assert await mails(stack) == 1
    assert (await stack.read(booking))["status"] == "confirmed"
    assert await violations(stack) == []


async def mailed(stack: Stack) -> bool:
    return await mails(stack) == 1


@pytest.mark.row("PAY-26")
async def test_what_is_lost_is_lost_by_whoever_earned_it(stack: Stack) -> None:
    booking, dispute = await disputed(stack)
    earned = {
        account: -await balance(stack, account) for account in ("organizer_payable:pending", "platform_fee")
    }
    assert sum(earned.values()) == 5_000

    await stack.sandbox.decide_dispute(dispute["provider_ref"], won=False)
    lost = await until(stack, booking, "lost")

    assert lost["taken"]["minor"] == 5_000
    assert await flags(stack, booking, dispute["payment_id"]) == ("lost", "lost")
    await stack.closed(names.dispute(UUID(dispute["id"])))
    assert [each["closed"] for each in await cases(stack, booking)] == [True]
    assert [await balance(stack, account) for account in earned] == [0, 0]
    assert await balance(stack, "dispute_receivable") == 0
    assert await balance(stack, "dispute_fee_expense") == FEE
    assert await violations(stack) == []


@pytest.mark.row("PAY-26")
async def test_an_inquiry_takes_nothing_until_it_is_a_dispute(stack: Stack) -> None:
    booking, inquiry = await disputed(stack, "warning", inquiry=True)
    assert inquiry["taken"]["minor"] == 0

    await stack.sandbox.control(f"disputes/{inquiry['provider_ref']}/escalate")
    dispute = await until(stack, booking, "open")

    assert (dispute["id"], dispute["taken"]["minor"]) == (inquiry["id"], 5_000)
    assert len(await cases(stack, booking)) == 1


@pytest.mark.row("PAY-26")
async def test_evidence_that_was_handed_in_is_seen(stack: Stack) -> None:
    booking, dispute = await disputed(stack)

    answer = await stack.http.post(
        f"{stack.sandbox.url}/stripe/v1/disputes/{dispute['provider_ref']}",
        data={"evidence[uncategorized_text]": "They sailed."},
        headers=bearer(stack.sandbox.key),
    )

    assert answer.status_code == 200, answer.text
    await until(stack, booking, "evidence_submitted")


@pytest.mark.row("PAY-26", partly="a webhook that is lost")
async def test_a_dispute_that_nobody_told_us_of_is_found(stack: Stack) -> None:
    booking, _ = await confirmed(stack)
    await stack.sandbox.drain()
    await silence(stack)

    await stack.sandbox.charge_back()
    await sweep(stack)

    await until(stack, booking, "open")


@pytest.mark.row("PAY-26", partly="what a dispute has taken is not given back as well")
async def test_what_a_dispute_has_taken_cannot_be_refunded(stack: Stack) -> None:
    _, dispute = await disputed(stack)

    answer = await stack.http.post(
        f"/api/v1/payments/{dispute['payment_id']}/refunds",
        json={"reason": "goodwill"},
        headers=bearer(await operator(stack)) | {"Idempotency-Key": "k" * 20},
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "exceeds_captured")


async def test_disputes_are_operators_and_of_one_tenant(stack: Stack) -> None:
    booking, dispute = await disputed(stack)

    mine = await stack.http.get(f"/api/v1/disputes/{dispute['id']}", headers=bearer(booking.token))
    anybody = await stack.http.get("/api/v1/disputes")

    assert (mine.status_code, anybody.status_code) == (403, 401)
