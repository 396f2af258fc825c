"""The control of `bench saga`: workflows that do nothing at all, in exactly as many events, tasks, updates,
signals and activities as a paid booking and the mail about it, with the same deadlines, for each of which the
engine keeps a timer, and found by the same attributes.

A test compares the histories. `python -m bench.noop ADDRESS` is its worker.
"""

import asyncio
import sys
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    RetryPolicy,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.service import GrpcCompression
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from workflows import names

WORKFLOWS, PROVIDERS, NOTICES = "noop-bookings", "noop-providers", "noop-notices"
ONCE = RetryPolicy(maximum_attempts=1)
# The deadlines of a booking's steps (`workflows/steps.py`), written out: what a run imports it imports anew.
OURS = timedelta(seconds=2)
PROVIDER_CALL, ALL_TRIES, HEARTBEAT = timedelta(seconds=25), timedelta(seconds=60), timedelta(seconds=8)
MAIL = timedelta(seconds=20)
STICKY = timedelta(seconds=2)  # as in `worker.py`
STEPS = PollerBehaviorAutoscaling(minimum=5)


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
            nothing, subject, start_to_close_timeout=OURS, retry_policy=ONCE
        )

    async def theirs(self, subject: str) -> str:
        """Ask for a step at a provider."""
        return await workflow.execute_activity(
            nothing,
            subject,
            task_queue=PROVIDERS,
            start_to_close_timeout=PROVIDER_CALL,
            schedule_to_close_timeout=ALL_TRIES,
            heartbeat_timeout=HEARTBEAT,
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


@workflow.defn(name="NoopNoticeWorkflow")
class NoopNoticeWorkflow:
    """Sends nothing to anybody."""

    @workflow.run
    async def run(self, subject: str) -> str:
        """Go through the motions of a mail."""
        return await workflow.execute_activity(
            nothing, subject, task_queue=NOTICES, start_to_close_timeout=MAIL
        )


def options(subject: str) -> dict[str, Any]:
    """Say how a run is started: as a booking's is."""
    return {
        "id": run_of(subject),
        "task_queue": WORKFLOWS,
        "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
        "static_summary": "does nothing",
        "search_attributes": TypedSearchAttributes(
            [
                SearchAttributePair(names.TENANT_ID, subject),
                SearchAttributePair(names.OFFER_ID, subject),
                SearchAttributePair(names.BOOKING_REFERENCE, subject),
                SearchAttributePair(names.BOOKING_STATUS, "held"),
            ]
        ),
    }


async def go_through(client: Client, subject: str) -> str:
    """Start one by a wish, as who pays at once does; tell, and wait for its end."""
    start = WithStartWorkflowOperation(NoopWorkflow.run, subject, **options(subject))
    await client.execute_update_with_start_workflow(
        NoopWorkflow.wish, subject, start_workflow_operation=start, id=f"wish:{subject}"
    )
    handle = await start.workflow_handle()
    await handle.signal(NoopWorkflow.tell, subject)
    return await handle.result()


async def with_notice(client: Client, subject: str) -> str:
    """Go through it, and start the notice that is owed then."""
    done = await go_through(client, subject)
    await client.start_workflow(NoopNoticeWorkflow.run, subject, id=notice_of(subject), task_queue=WORKFLOWS)
    return done


def run_of(subject: str) -> str:
    """Name the run."""
    return f"noop:{subject}"


def notice_of(subject: str) -> str:
    """Name the run of the notice."""
    return f"noop-notice:{subject}"


def workers(client: Client) -> list[Worker]:
    """Make what works on both, on as many queues as the product's and with as many pollers (`worker.py`)."""
    return [
        Worker(
            client,
            task_queue=WORKFLOWS,
            workflows=[NoopWorkflow, NoopNoticeWorkflow],
            activities=[nothing],
            sticky_queue_schedule_to_start_timeout=STICKY,
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(minimum=10, initial=20),
            activity_task_poller_behavior=STEPS,
        ),
        *(
            Worker(client, task_queue=queue, activities=[nothing], activity_task_poller_behavior=STEPS)
            for queue in (PROVIDERS, NOTICES)
        ),
    ]


async def connect(address: str) -> Client:
    """Connect as the product does (`wiring.py`): uncompressed, which costs either end less."""
    return await Client.connect(address, grpc_compression=GrpcCompression.NONE)


async def serve(address: str) -> None:
    """Work until killed."""
    await asyncio.gather(*(worker.run() for worker in workers(await connect(address))))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
