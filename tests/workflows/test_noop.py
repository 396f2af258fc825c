"""What a paid booking asks of the engine: the control of the saga benchmark asks for the same, event for
event, and what the relay starts takes no detour.
"""

from collections import Counter
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

from temporalio.client import WorkflowHistory
from temporalio.service import RPCError

from bench import noop
from tests.support.stack import Stack
from tests.support.temporal import kinds
from tests.support.wait import eventually
from workflows import names


async def test_doing_nothing_costs_the_engine_what_a_paid_booking_does(stack: Stack) -> None:
    booking = await stack.book()
    await eventually(lambda: started_to_wait(stack, booking.workflow), what="the wait for a wish")
    await stack.pay(booking)
    await stack.closed(booking.workflow)
    mail = names.notice(await the_notice(stack, booking.id))
    await stack.closed(mail)

    subject = await done_nothing(stack)

    for doing, done in ((f"noop:{subject}", booking.workflow), (noop.notice_of(subject), mail)):
        assert Counter(kinds(await history(stack, doing))) == Counter(kinds(await history(stack, done)))


async def test_what_the_relay_starts_begins_at_the_workers_beside_it(stack: Stack) -> None:
    """The engine gives the first task with the answer, instead of finding somebody for it."""
    booking = await stack.book(await stack.shop(minor=0))
    mail = names.notice(await the_notice(stack, booking.id))
    await stack.closed(mail)

    for run in (booking.workflow, mail):
        begun = (await history(stack, run)).events[0].workflow_execution_started_event_attributes
        assert begun.eager_execution_accepted


async def the_notice(stack: Stack, booking_id: UUID) -> UUID:
    """Wait for what the buyer is told, and give its id."""
    notice_id: UUID = await eventually(
        lambda: stack.value("select id from notices where booking_id = $1", booking_id), what="a notice"
    )
    return notice_id


async def done_nothing(stack: Stack) -> str:
    """Let the workflows that do nothing run to their end, alone; gives about what they did nothing."""
    subject = uuid4().hex
    async with AsyncExitStack() as running:
        for worker in noop.workers(stack.temporal):
            await running.enter_async_context(worker)
        run = await noop.begin(stack.temporal, subject)
        await eventually(lambda: started_to_wait(stack, run.id), what="the wait for a wish")
        await noop.with_notice(stack.temporal, subject)
        await stack.closed(noop.notice_of(subject))
    return subject


async def started_to_wait(stack: Stack, workflow_id: str) -> bool:
    try:
        return "TIMER_STARTED" in kinds(await history(stack, workflow_id))
    except RPCError:
        return False  # not begun yet


async def history(stack: Stack, workflow_id: str) -> WorkflowHistory:
    return await stack.temporal.get_workflow_handle(workflow_id).fetch_history()
