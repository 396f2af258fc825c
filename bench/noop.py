"""The control of `bench saga`: a workflow that does nothing at all, in exactly as many events, tasks,
updates, signals and activities as a paid booking.

A test compares both histories. `python -m bench.noop ADDRESS` is its worker.
"""

import asyncio
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.worker import Worker

from workflows import names

WORKFLOWS, ACTIVITIES = "noop-bookings", "noop-providers"
ONCE = RetryPolicy(maximum_attempts=1)
LIMIT = timedelta(seconds=10)


@activity.defn(name="nothing")
async def nothing(_: str) -> str:
    """Do nothing."""
    return "done"


@workflow.defn(name="NoopWorkflow")
class NoopWorkflow:
    """Waits for a wish and for a fact, with steps that do nothing between them."""

    def __init__(self) -> None:
        self.wished = self.answered = self.told = False

    @workflow.run
    async def run(self, subject: str) -> str:
        """Go through the motions of a paid booking."""
        await self.ours(subject)
        asyncio.create_task(workflow.sleep(timedelta(minutes=15), summary="the hold ends"))  # noqa: RUF006
        await workflow.wait_condition(lambda: self.wished)
        await self.ours(subject)
        await self.theirs(subject)
        self.answered = True
        await workflow.wait_condition(lambda: self.told)
        await self.theirs(subject)
        await self.ours(subject)
        workflow.upsert_search_attributes([names.BOOKING_STATUS.value_set("confirmed")])
        return "done"

    async def ours(self, subject: str) -> str:
        """Ask for a step of our own database."""
        return await workflow.execute_local_activity(
            nothing, subject, start_to_close_timeout=LIMIT, retry_policy=ONCE
        )

    async def theirs(self, subject: str) -> str:
        """Ask for a step at a provider."""
        return await workflow.execute_activity(
            nothing, subject, task_queue=ACTIVITIES, start_to_close_timeout=LIMIT
        )

    @workflow.update
    async def wish(self, _: str) -> str:
        """Wish for what a checkout is in a booking."""
        self.wished = True
        await workflow.wait_condition(lambda: self.answered)
        return "done"

    @workflow.signal
    def tell(self, _: str) -> None:
        """Tell what a captured payment is in a booking."""
        self.told = True


async def begin(client: Client, subject: str) -> WorkflowHandle[NoopWorkflow, str]:
    """Start one, or find it started."""
    return await client.start_workflow(
        NoopWorkflow.run,
        subject,
        id=f"noop:{subject}",
        task_queue=WORKFLOWS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )


async def go_through(client: Client, subject: str) -> str:
    """Start one, wish, tell, and wait for its end."""
    await begin(client, subject)
    start = WithStartWorkflowOperation(
        NoopWorkflow.run,
        subject,
        id=f"noop:{subject}",
        task_queue=WORKFLOWS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    await client.execute_update_with_start_workflow(
        NoopWorkflow.wish, subject, start_workflow_operation=start, id=f"wish:{subject}"
    )
    handle = await start.workflow_handle()
    await handle.signal(NoopWorkflow.tell, subject)
    return await handle.result()


async def serve(address: str) -> None:
    """Work until killed."""
    client = await Client.connect(address)
    sagas = Worker(client, task_queue=WORKFLOWS, workflows=[NoopWorkflow], activities=[nothing])
    providers = Worker(client, task_queue=ACTIVITIES, activities=[nothing])
    async with sagas, providers:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
