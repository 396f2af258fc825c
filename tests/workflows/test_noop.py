"""What a booking that is paid at once asks of the engine: the control of the saga benchmark asks for the
same, event for event, with the same deadlines.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

from temporalio.client import WorkflowHistory

from bench import noop
from tests.support.stack import Stack
from tests.support.temporal import kinds
from tests.support.wait import eventually
from workflows import names

Events = list[Counter[str]]

ROUNDS = 3


async def test_doing_nothing_costs_the_engine_what_a_paid_booking_does(stack: Stack) -> None:
    """A booking and its mail, beside their two controls; again where a slow machine had another rhythm."""
    nothing, paid = await do_nothing(stack), await be_paid(stack)
    for _ in range(ROUNDS - 1):
        if nothing != paid:
            nothing, paid = await do_nothing(stack), await be_paid(stack)

    assert nothing == paid


async def be_paid(stack: Stack) -> Events:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.closed(booking.workflow)
    mail = names.notice(await the_notice(stack, booking.id))
    await stack.closed(mail)
    return [await events_of(stack, run) for run in (booking.workflow, mail)]


async def do_nothing(stack: Stack) -> Events:
    subject = uuid4().hex
    async with AsyncExitStack() as running:
        for worker in noop.workers(stack.temporal):
            await running.enter_async_context(worker)
        await noop.with_notice(stack.temporal, subject)
        await stack.closed(noop.notice_of(subject))
    return [await events_of(stack, run) for run in (noop.run_of(subject), noop.notice_of(subject))]


async def the_notice(stack: Stack, booking_id: UUID) -> UUID:
    """Wait for what the buyer is told, and give its id."""
    notice_id: UUID = await eventually(
        lambda: stack.value("select id from notices where booking_id = $1", booking_id), what="a notice"
    )
    return notice_id


async def events_of(stack: Stack, workflow_id: str) -> Counter[str]:
    history: WorkflowHistory = await stack.temporal.get_workflow_handle(workflow_id).fetch_history()
    return Counter(kinds(history)) + Counter(deadlines(history))


def deadlines(history: WorkflowHistory) -> Iterator[str]:
    """Tell how long the engine waits for each step: in all, once it has begun, and between two heartbeats."""
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            asked = event.activity_task_scheduled_event_attributes
            waits = (asked.schedule_to_close_timeout, asked.start_to_close_timeout, asked.heartbeat_timeout)
            yield "STEP " + " ".join(str(each.ToTimedelta()) for each in waits)
