"""A worker that dies, is told to stop, or serves one queue only."""

import asyncio
import signal
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import TimeoutType

from tests.support.check import violations
from tests.support.mail import at_sendgrid
from tests.support.stack import Stack
from tests.support.wait import eventually
from tests.support.worker_process import worker_process
from workflows import names

ACCOUNTS = ("stripe/default", "adyen/default", "paypal/default", "sendgrid/default")
READY = {
    "status": "ready",
    "checks": {"temporal": "ok", "database": "ok"},
    "circuits": dict.fromkeys(ACCOUNTS, "closed"),
}


@pytest.mark.row("NOT-17")
async def test_a_letter_that_a_worker_took_with_it_into_death_is_not_sent_again(
    idle_stack: Stack, tmp_path: Path
) -> None:
    """The mail service has it and nobody has written that down: a person hears of it, the buyer once."""
    stack = idle_stack
    await at_sendgrid(stack.sandbox).break_down("POST /v3/mail/send", "slow", seconds=600)
    booking = await stack.book(await stack.shop(minor=0))
    async with worker_process(stack, tmp_path / "first.log") as first:
        await eventually(stack.sandbox.mailbox, what="the letter")
        first.kill()
    assert await stack.value("select status from notices") == "claimed"

    async with stack.working():
        notice_id = await stack.value("select id from notices")
        assert (await stack.closed(names.notice(notice_id)))["result"] == "unknown"

    assert await stack.rows("select status from notices") == [{"status": "unknown"}]
    assert await stack.rows("select kind, cause, booking_id from cases") == [
        {"kind": "notice", "cause": "maybe_sent", "booking_id": booking.id}
    ]
    assert len(await stack.sandbox.mailbox()) == 1
    assert await violations(stack) == []


async def test_a_worker_that_dies_in_a_providers_call_is_missed_by_its_heartbeat(
    idle_stack: Stack, tmp_path: Path
) -> None:
    """Not only by the end of the time that a call may take."""
    stack = idle_stack
    booking = await stack.book()
    await stack.sandbox.break_down("POST /v1/checkout/sessions", "slow", seconds=600)
    async with worker_process(stack, tmp_path / "first.log") as first:
        wish = asyncio.create_task(stack.ask_to_pay(booking, key="the same wish"))
        await eventually(stack.sandbox.checkouts, what="the checkout")
        first.kill()

    async with stack.working():
        await wish

        async def paid() -> bool:
            return (await stack.ask_to_pay(booking, key="the same wish")).status_code == 201

        await eventually(paid, what="the answer", every=0.5)

    history = await stack.run_of(booking).fetch_history()
    starts = [event.activity_task_started_event_attributes for event in history.events]
    causes = [start.last_failure.timeout_failure_info.timeout_type for start in starts if start.attempt > 1]
    assert {*causes} == {TimeoutType.TIMEOUT_TYPE_HEARTBEAT}
    assert len(await stack.sandbox.checkouts()) == 1


async def test_a_worker_ends_in_order_when_it_is_told_to(idle_stack: Stack, tmp_path: Path) -> None:
    stack = idle_stack
    async with worker_process(stack, tmp_path / "worker.log") as process:
        booking = await stack.book()
        await stack.checkout(booking)
        assert process.child

        process.child.send_signal(signal.SIGTERM)

        assert process.child.wait(timeout=30) == 0


@pytest.mark.row("PAY-01")
@pytest.mark.row("DEP-13")
async def test_a_worker_serves_the_queue_it_was_started_for_and_no_other(
    idle_stack: Stack, tmp_path: Path
) -> None:
    """Bookings wait while nobody serves them; a run goes as far as its queues are served."""
    stack = idle_stack
    booking = await stack.book()
    async with worker_process(stack, tmp_path / "relay.log", "relay"):
        await eventually(lambda: stack.value("select saga_started_at from bookings"), what="the start")
        assert await stack.value("select count(*) from notices") == 0

    async with worker_process(stack, tmp_path / "bookings.log", "bookings"):
        wish = asyncio.create_task(stack.ask_to_pay(booking, key="the same wish"))
        created = "select status = 'awaiting_payment' from bookings"
        await eventually(lambda: stack.value(created), what="the step of its own queue")
        assert await stack.sandbox.checkouts() == []

        async with worker_process(stack, tmp_path / "providers.log", "providers"):
            await eventually(stack.sandbox.checkouts, what="the checkout")
            assert (await wish).status_code in (201, 202)
            assert (await stack.ask_to_pay(booking, key="the same wish")).status_code == 201
            assert await stack.sandbox.mailbox() == []


async def test_a_worker_tells_how_it_is_and_what_it_has_done(idle_stack: Stack, tmp_path: Path) -> None:
    stack = idle_stack
    async with worker_process(stack, tmp_path / "worker.log") as process:
        await stack.book()

        async def ready() -> bool:
            seen = await stack.http.get(f"{process.health}/health/ready")
            return bool(seen.json() == READY)

        await eventually(ready, what="a worker that is ready")

        async def told() -> bool:
            metrics = await stack.http.get(f"{process.health}/metrics")
            seen = (
                'holdfast_relay_told_total{kind="booking"} 1.0',
                'holdfast_relay_lag_seconds{kind="fact"} 0.0',
            )
            return all(each in metrics.text for each in seen)

        await eventually(told, what="the count of what was told")
