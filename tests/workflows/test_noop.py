"""The control of the saga benchmark goes through the motions of a paid booking, event for event."""

from collections import Counter
from uuid import uuid4

from temporalio.client import WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Worker

from bench import noop
from tests.support.stack import Stack
from tests.support.temporal import kinds
from tests.support.wait import eventually


async def test_doing_nothing_costs_the_engine_what_a_paid_booking_does(stack: Stack) -> None:
    booking = await stack.book()
    await eventually(lambda: started_to_wait(stack, booking.workflow), what="the wait for a wish")
    await stack.pay(booking)
    await stack.closed(booking.workflow)

    assert Counter(kinds(await noop_history(stack))) == Counter(kinds(await history(stack, booking.workflow)))


async def noop_history(stack: Stack) -> WorkflowHistory:
    """Let a workflow that does nothing run to its end, alone."""
    subject = uuid4().hex
    async with (
        Worker(
            stack.temporal,
            task_queue=noop.WORKFLOWS,
            workflows=[noop.NoopWorkflow],
            activities=[noop.nothing],
        ),
        Worker(stack.temporal, task_queue=noop.ACTIVITIES, activities=[noop.nothing]),
    ):
        run = await noop.begin(stack.temporal, subject)
        await eventually(lambda: started_to_wait(stack, run.id), what="the wait for a wish")
        await noop.go_through(stack.temporal, subject)
    return await history(stack, run.id)


async def started_to_wait(stack: Stack, workflow_id: str) -> bool:
    try:
        return "TIMER_STARTED" in kinds(await history(stack, workflow_id))
    except RPCError:
        return False  # not begun yet


async def history(stack: Stack, workflow_id: str) -> WorkflowHistory:
    return await stack.temporal.get_workflow_handle(workflow_id).fetch_history()
