"""What Temporal starts by itself, made by the worker's entry point; no workflow imports it."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
)

from domain.sweep import SweepRequest
from workflows import names
from workflows.sweep import SweepWorkflow

# A sweep that hangs does not keep the next one from beginning for longer than this.
LONGEST = timedelta(minutes=10)


async def keep_sweeping(client: Client, request: SweepRequest, *, prefix: str = "") -> str:
    """Have an account swept at its interval from now on, and give the schedule's id.

    A repeat brings the schedule up to date. A sweep that is still at work is not joined by a second one, and
    one that was missed is not made up for: the next looks at everything. `prefix` stands in front of the
    stack's queues.
    """
    named = f"{prefix}{names.sweep(request.provider, request.account)}"
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            SweepWorkflow.run,
            request,
            id=named,
            task_queue=f"{prefix}{names.PAYOUTS}",
            static_summary=f"{request.provider}: what nobody has heard",
            run_timeout=LONGEST,
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=request.every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(seconds=10)),
    )
    try:
        await client.create_schedule(named, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(named).update(lambda _: ScheduleUpdate(schedule=schedule))
    return named
