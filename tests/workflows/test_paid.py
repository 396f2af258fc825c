"""A booking that is paid: what its run does, what it costs the engine, what it leaves behind."""

from functools import partial

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Replayer

import worker
from tests.support.check import events_of, violations
from tests.support.stack import Booked, Stack
from tests.support.temporal import kinds, steps_done
from tests.support.wait import eventually

EVENTS, TASKS = 31, 5
ROUNDS = 3


@pytest.mark.row("SAG-20", partly="a booking that is not paid: see the steps that are broken")
async def test_a_paid_booking_gets_its_tickets_once(stack: Stack) -> None:
    booking = await stack.book(quantity=2)

    await stack.pay(booking)

    seen = await stack.wait_for(booking, "confirmed")
    assert len(seen["tickets"]) == 2
    assert await stack.sandbox.kept() == 5_000
    await eventually(stack.sandbox.mailbox, what="the confirmation")
    assert await violations(stack) == []


@pytest.mark.row("SAG-03", partly="the timers after the booking come with reminders")
async def test_the_steps_come_in_the_order_of_the_saga(stack: Stack) -> None:
    booking = await stack.book()

    await stack.pay(booking)
    await stack.closed(booking.workflow)

    history = await stack.run_of(booking).fetch_history()
    assert steps_done(history) == [
        "hold_places",
        "keep_places",
        "create_payment",
        "check_payment",
        "confirm_booking",
    ]


@pytest.mark.row("SAG-23", partly="the events of other nouns come with them")
async def test_each_step_is_told_once_and_in_order(stack: Stack) -> None:
    booking = await stack.book()

    checkout = await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")

    assert await events_of(stack, booking) == [
        "booking.created",
        "booking.initiated",
        "inventory.reserved",
        "payment.processed",
        "booking.confirmed",
    ]
    told = await stack.rows(
        "select type from events where subject = $1::text::uuid order by n", checkout["payment_id"]
    )
    assert [row["type"] for row in told] == ["payment.created", "payment.captured", "payment.completed"]


async def test_a_paid_booking_costs_the_engine_a_known_number_of_events_and_tasks(stack: Stack) -> None:
    """A step, signal or timer more is work for every booking there will ever be: change the figures on
    purpose, and never beyond 34 events and 6 workflow tasks.
    """
    costs = [await cost(stack)]
    while costs[-1] != (EVENTS, TASKS) and len(costs) < ROUNDS:  # a slow machine had another rhythm
        costs.append(await cost(stack))

    assert costs[-1] == (EVENTS, TASKS), costs


async def cost(stack: Stack) -> tuple[int, int]:
    """Pay a booking, and count the events of its run and the tasks among them."""
    booking = await stack.book()
    await eventually(partial(_waits, stack, booking), what="the run to wait for its payment")
    await stack.pay(booking)
    await stack.closed(booking.workflow)
    events = kinds(await stack.run_of(booking).fetch_history())
    return len(events), events.count("WORKFLOW_TASK_COMPLETED")


async def test_the_history_just_made_replays(stack: Stack) -> None:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.closed(booking.workflow)

    replayer = Replayer(
        workflows=worker.WORKFLOWS,
        workflow_runner=worker.RUNNER,
        data_converter=pydantic_data_converter,
        debug_mode=True,  # a machine that stands still for two seconds is no saga that blocks
    )
    await replayer.replay_workflow(await stack.run_of(booking).fetch_history())


@pytest.mark.row("SAG-02")
async def test_a_booking_that_is_begun_twice_has_one_run(idle_stack: Stack) -> None:
    booking = await idle_stack.book()
    async with idle_stack.working() as sagas:
        request = await idle_stack.request(booking)
        await sagas.begin(request)
        first = await idle_stack.run_of(booking).describe()

        await sagas.begin(request)

        assert (await idle_stack.run_of(booking).describe()).run_id == first.run_id


async def _waits(stack: Stack, booking: Booked) -> bool:
    try:
        return kinds(await stack.run_of(booking).fetch_history())[-1] == "TIMER_STARTED"
    except RPCError:
        return False  # not begun yet


@pytest.mark.row("SAG-02")
async def test_starting_a_booking_again_after_its_end_runs_nothing_again(stack: Stack) -> None:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.closed(booking.workflow)
    before = (await stack.run_of(booking).describe()).run_id

    async with stack.telling() as sagas:
        await sagas.begin(await stack.request(booking))

    assert (await stack.run_of(booking).describe()).run_id == before
