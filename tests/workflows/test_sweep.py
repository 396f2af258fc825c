"""Nobody tells us anything: what is paid is found all the same, and runs that are lost are begun anew."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.service import RPCError

from domain.catalog import SalesTerms
from domain.refusal import Unknown
from domain.sweep import SweepRequest, Swept
from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.support.user import User
from tests.support.wait import eventually
from tests.workflows.test_late_money import in_time, pay_in_time
from tests.workflows.test_parts import debit_in_time
from tests.workflows.test_refund import confirmed, give_back, run_of, until
from workflows import names
from workflows.booking import ASK_AGAIN, BookingWorkflow
from workflows.schedule import keep_sweeping
from workflows.sweep import SweepWorkflow

OFTEN = timedelta(seconds=1)
LISTS_NOTHING = ("GET /v1/events", "html_error")


def request(every: timedelta = timedelta(0), **changes: int) -> SweepRequest:
    return SweepRequest(provider="stripe", account="default", every=every, **changes)


async def sweep(stack: Stack, named: str = "") -> Swept:
    """Sweep once; whatever is open is due."""
    return await stack.temporal.execute_workflow(
        SweepWorkflow.run,
        request(),
        id=named or f"{stack.settings.queue_prefix}{names.sweep('stripe', 'default')}-{uuid4()}",
        task_queue=f"{stack.settings.queue_prefix}{names.PAYOUTS}",
    )


async def kept(stack: Stack) -> bool:
    """Say whether the inbox has every event that the provider has told, once."""
    told = sorted(each["id"] for each in await stack.sandbox.events())
    rows = await stack.rows("select event_id from webhook_events order by event_id")
    return [row["event_id"] for row in rows] == told


async def silence(stack: Stack, *, lists_nothing: bool = False) -> None:
    """Switch the webhooks off entirely; with `lists_nothing`, the provider's own list of events as well."""
    await stack.sandbox.break_down("*", "webhook_swallow", times=100_000)
    if lists_nothing:
        await stack.sandbox.break_down(*LISTS_NOTHING, times=100_000)


@pytest.mark.row("PAY-33")
@pytest.mark.row("WHK-11", partly="the daily reconciliation")
async def test_a_payment_is_confirmed_by_the_schedule_though_no_webhook_ever_comes(stack: Stack) -> None:
    """F18: all webhooks are lost."""
    await silence(stack)
    schedules = [
        await keep_sweeping(stack.temporal, request(every), prefix=stack.settings.queue_prefix)
        for every in (timedelta(hours=1), OFTEN)
    ]
    try:
        booking = await stack.book()
        await stack.pay(booking)

        await stack.wait_for(booking, "confirmed")
        await stack.closed(booking.workflow)
    finally:
        handle = stack.temporal.get_schedule_handle(schedules[0])
        described = await handle.describe()
        await handle.delete()

    assert len({*schedules}) == 1
    assert [interval.every for interval in described.schedule.spec.intervals] == [OFTEN]
    assert await violations(stack) == []


@pytest.mark.row("PAY-33")
async def test_a_payment_is_confirmed_at_the_deadline_though_nobody_told_of_it(stack: Stack) -> None:
    """F18: no webhook, and no sweep either."""
    await silence(stack)

    async def pay(terms: SalesTerms) -> Booked | None:
        return await pay_in_time(stack, await stack.shop(terms=terms))

    booking = await in_time(pay)

    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)
    assert await violations(stack) == []


@pytest.mark.row("PAY-33")
async def test_where_the_provider_lists_nothing_open_payments_are_asked_about(stack: Stack) -> None:
    await silence(stack, lists_nothing=True)
    paid, left = await stack.book(), await stack.book()
    await stack.pay(paid)
    await stack.checkout(left)

    swept = await sweep(stack)

    await stack.wait_for(paid, "confirmed")
    assert (swept.asked, swept.missed) == (2, 0)
    assert (await stack.read(left))["status"] == "awaiting_payment"
    assert await violations(stack) == []


@pytest.mark.row("PAY-33")
async def test_money_of_which_nothing_is_news_any_more_is_asked_about_again_by_the_run_itself(
    stack: Stack,
) -> None:
    """F18: a stored method pays at once, the answer to the only question about it is lost. It is written
    down: what the provider lists is known, nothing is open, and nobody but the run can find it.
    """
    await silence(stack)
    shop = await stack.shop()
    ada = User(stack, shop.tenant_id)
    method_id = await ada.store()
    booking = await ada.book(shop)
    stack.faults.lose("check_payment")

    assert (await ada.ask_to_pay(booking, method_id)).status_code == 201

    await eventually(partial(pauses, stack, booking), what="the pause before the next question")
    assert await stack.value("select status from payments") == "captured"
    swept = await sweep(stack)
    await eventually(partial(all_read, stack), what="the inbox to be read")
    assert (swept.asked, swept.missed > 0) == (0, True)
    assert stack.faults.tried["check_payment"] == 1
    await stack.run_of(booking).signal(BookingWorkflow.payment_reported)  # by hand, not to wait
    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


async def pauses(stack: Stack, booking: Booked) -> bool:
    """Say whether the run waits to ask the provider again, for as long as it does."""
    history = await stack.run_of(booking).fetch_history()
    timers = [event.timer_started_event_attributes for event in history.events]
    return ASK_AGAIN in [timer.start_to_fire_timeout.ToTimedelta() for timer in timers]


async def all_read(stack: Stack) -> bool:
    """Say whether the relay has read every event of the inbox."""
    return bool(await stack.value("select bool_and(told_at is not null) from webhook_events"))


async def test_what_the_webhooks_brought_is_no_news_to_the_sweep(stack: Stack) -> None:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)

    await eventually(partial(kept, stack), what="every event in the inbox")

    swept = await sweep(stack)

    assert swept == Swept(until=swept.until)
    assert swept.until is not None
    assert await kept(stack)


async def test_a_provider_that_does_not_answer_fails_no_sweep_and_is_read_from_there_again(
    stack: Stack,
) -> None:
    stack.faults.refuse("list_missed", Unknown("ordered by the test"))

    swept = await sweep(stack)

    now = await stack.value("select now()")
    assert swept.until is not None
    assert now - swept.until > timedelta(days=2)


@pytest.mark.row("WHK-11", partly="the daily reconciliation")
@pytest.mark.parametrize(("status", "end"), [("live", "confirmed"), ("hidden", "refunded")])
async def test_money_that_came_after_the_end_without_a_word_is_found_and_settled(
    stack: Stack, status: str, end: str
) -> None:
    """F18 and F19: the bank decides when the hold is long over, the places are for sale or not any more."""
    await silence(stack, lists_nothing=True)
    stack.faults.refuse("close_payment", Unknown("ordered by the test"))

    booking = await in_time(partial(debit_in_time, stack))
    await stack.wait_for(booking, "expired")
    await stack.closed(booking.workflow)
    await stack.judge.execute("update slots set status = $1", status)
    await stack.sandbox.settle(succeeds=True)
    await stack.sandbox.mend()  # what follows is told, or a refund waits a minute to be asked about
    await stack.sandbox.break_down(*LISTS_NOTHING, times=100_000)

    await sweep(stack)

    await stack.wait_for(booking, end)
    assert await violations(stack) == []


async def test_a_run_that_somebody_has_terminated_is_begun_anew_and_ends_the_booking(stack: Stack) -> None:
    async def lose(terms: SalesTerms) -> Booked | None:
        booking = await stack.book(await stack.shop(terms=terms, capacity=1))
        if (await stack.ask_to_pay(booking)).status_code != 201:
            return None
        try:
            await stack.run_of(booking).terminate("by hand")
        except RPCError:  # over already
            return None
        return booking

    booking = await in_time(lose)

    async def swept() -> bool:
        await sweep(stack)
        return bool((await stack.read(booking))["status"] == "expired")

    await eventually(swept, what="the booking to end")

    await stack.closed(booking.workflow)
    assert await violations(stack) == []


async def test_a_run_that_somebody_has_terminated_is_begun_anew_by_money(stack: Stack) -> None:
    await silence(stack)
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    await stack.run_of(booking).terminate("by hand")
    await stack.sandbox.pay(checkout["payment_url"])

    await sweep(stack)

    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


async def test_a_run_that_somebody_has_terminated_is_begun_anew_by_the_next_wish_to_pay(stack: Stack) -> None:
    booking = await stack.book()
    await stack.checkout(booking)
    await stack.run_of(booking).terminate("by hand")

    await stack.pay(booking)

    await stack.wait_for(booking, "confirmed")
    assert [each["status"] for each in await stack.sandbox.checkouts()] == ["expired", "complete"]
    assert await violations(stack) == []


async def test_a_refund_that_nobody_runs_and_nobody_tells_of_is_seen_through(stack: Stack) -> None:
    """Lost between the row and the provider's answer: the row alone is enough."""
    booking, payment_id = await confirmed(stack)
    await silence(stack, lists_nothing=True)
    await stack.sandbox.break_down("POST /v1/refunds", "html_error", times=100_000)
    refund = await give_back(stack, payment_id)

    async def begun() -> bool:
        try:
            await run_of(stack, refund).terminate("by hand")
        except RPCError:
            return False
        return True

    await eventually(begun, what="the run of the refund")
    await stack.sandbox.mend()
    await silence(stack, lists_nothing=True)

    await sweep(stack)

    await until(stack, refund, "completed")
    await stack.wait_for(booking, "refunded")
    assert len(await stack.sandbox.refunds()) == 1
    assert await violations(stack) == []


async def test_a_refund_that_is_done_when_its_run_is_lost_is_written_into_its_booking(stack: Stack) -> None:
    """The step ends late: the row says the last word, and nobody would tell the booking."""
    booking, payment_id = await confirmed(stack)
    await silence(stack, lists_nothing=True)

    async def lose() -> None:
        await stack.temporal.get_workflow_handle(activity.info().workflow_id or "").terminate("by hand")

    stack.faults.before("refund_payment", lose)
    refund = await give_back(stack, payment_id)
    await until(stack, refund, "completed")
    assert (await stack.read(booking))["status"] == "refunding"

    swept = await sweep(stack)

    await stack.wait_for(booking, "refunded")
    await run_of(stack, refund).result()
    assert (swept.begun, (await sweep(stack)).begun) == (1, 0)
    assert len(await stack.sandbox.refunds()) == 1
    assert await violations(stack) == []
