"""A workflow without a server: the one place that touches the inside of Temporal's SDK.

An `Instance` is what a worker keeps of a run. It is fed activations (a list of jobs at an instant) and gives
the commands they led to, as the SDK's core would feed and ask it. Jobs and failures are built here, commands
are read in `command.py`; nobody else knows the wire format.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import exceptions, workflow
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import (
    ActivityResolution,
    Failure as ActivityFailure,
    Success as ActivitySuccess,
)
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    DoUpdate,
    FireTimer,
    InitializeWorkflow,
    NotifyHasPatch,
    RemoveFromCache,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob as Job,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import Priority, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from tests.simulation.command import (
    PAYLOADS,
    Answered,
    CancelTimer,
    Closed,
    Command,
    Continued,
    Noted,
    Patched,
    Schedule,
    StartTimer,
    read,
)

# The SDK makes an instance in a running event loop, only to hang the instance's runtime on it.
LOOP = asyncio.AbstractEventLoop()  # type: ignore[abstract]
RUNNER = UnsandboxedWorkflowRunner()
FAILURES = pydantic_data_converter.failure_converter_class()


class Defect(Exception):
    """Raised when a workflow task fails: on a server the run would be stuck."""


def name_of(kind: type) -> str:
    """Give the name under which a workflow class is known to the engine."""
    return workflow._Definition.must_from_class(kind).name or ""


# --- jobs, built


def start(name: str, workflow_id: str, request: Any, at: datetime) -> Job:
    """Begin the run."""
    return go_on(name, workflow_id, PAYLOADS.to_payloads([request]), at)


def go_on(name: str, workflow_id: str, arguments: Sequence[Any], at: datetime) -> Job:
    """Begin a run that goes on where an earlier one ended."""
    begun = InitializeWorkflow(workflow_type=name, workflow_id=workflow_id, arguments=arguments, attempt=1)
    begun.start_time.FromDatetime(at)
    return Job(initialize_workflow=begun)


def signal(name: str, *told: Any) -> Job:
    """Tell it something."""
    return Job(
        signal_workflow=SignalWorkflow(
            signal_name=name, input=PAYLOADS.to_payloads(told), originating_event_id=1
        )
    )


def update(name: str, update_id: str, asked: Any) -> Job:
    """Wish for something; a wish without content is asked with None."""
    content = () if asked is None else PAYLOADS.to_payloads([asked])
    wish = DoUpdate(
        id=update_id, protocol_instance_id=update_id, name=name, input=content, run_validator=True
    )
    return Job(do_update=wish)


def cancel() -> Job:
    """Cancel it, as an operator would by hand."""
    return Job(cancel_workflow=CancelWorkflow(reason="by hand"))


def fired(seq: int) -> Job:
    """Let a timer strike."""
    return Job(fire_timer=FireTimer(seq=seq))


def done(scheduled: Schedule, answer: Any) -> Job:
    """Give the answer of an activity."""
    success = ActivitySuccess(result=PAYLOADS.to_payload(answer))
    return _resolved(scheduled, ActivityResolution(completed=success))


def failed(scheduled: Schedule, error: BaseException) -> Job:
    """Give the failure that an activity ended with: bare for a local one, else wrapped as the server does."""
    failure = Failure()
    FAILURES.to_failure(error if scheduled.local else _wrapped(scheduled, error), PAYLOADS, failure)
    return _resolved(scheduled, ActivityResolution(failed=ActivityFailure(failure=failure)))


def out_of_time() -> exceptions.TimeoutError:
    """Make the failure of an activity whose schedule-to-close has passed."""
    return exceptions.TimeoutError(
        "activity ScheduleToClose timeout",
        type=exceptions.TimeoutType.SCHEDULE_TO_CLOSE,
        last_heartbeat_details=(),
    )


def _resolved(scheduled: Schedule, result: ActivityResolution) -> Job:
    resolved = ResolveActivity(seq=scheduled.seq, result=result, is_local=scheduled.local)
    return Job(resolve_activity=resolved)


def _wrapped(scheduled: Schedule, error: BaseException) -> exceptions.ActivityError:
    timed_out = isinstance(error, exceptions.TimeoutError)
    states = exceptions.RetryState
    wrapped = exceptions.ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type=scheduled.step,
        activity_id=scheduled.step,
        retry_state=states.TIMEOUT if timed_out else states.NON_RETRYABLE_FAILURE,
    )
    wrapped.__cause__ = error
    return wrapped


# --- the instance


@dataclass(frozen=True)
class Turn:
    """One activation, and the commands it led to; `length` is how long the history was, in events, `flags`
    are the SDK's own marks in it.
    """

    at: datetime
    length: int
    jobs: Sequence[Job]
    commands: tuple[bytes, ...]
    flags: tuple[int, ...]


def patches_of(commands: Iterable[Command]) -> list[str]:
    """List the patches that a history says were taken."""
    return [command.patch for command in commands if isinstance(command, Patched)]


def is_crowded(turn: Turn) -> bool:
    """Say whether a signal and a timer met in one activation."""
    told = any(job.HasField("signal_workflow") for job in turn.jobs)
    return told and any(job.HasField("fire_timer") for job in turn.jobs)


class Instance:
    """One run in the memory of a worker."""

    def __init__(self, kind: type, workflow_id: str, at: datetime) -> None:
        self._run: WorkflowInstance = _created(kind, workflow_id, at)
        self._accepted: set[str] = set()

    def activate(self, at: datetime, jobs: Sequence[Job], length: int) -> tuple[Turn, list[Command]]:
        """Feed it; gives the turn to remember, and the commands. Raises Defect when the task fails."""
        commands, flags = self._activate(at, jobs, length)
        refused = self._refused_at_the_door(commands)
        turn = Turn(at, length, _remembered(jobs, refused), _written(commands, refused), flags)
        return turn, [read(command) for command in commands]

    def replay(self, turns: Iterable[Turn]) -> str | None:
        """Feed it a history; says where it asked for something else than it did then, if it does."""
        for number, turn in enumerate(turns):
            then = [read(WorkflowCommand.FromString(each)) for each in turn.commands]
            patches = [Job(notify_has_patch=NotifyHasPatch(patch_id=each)) for each in patches_of(then)]
            jobs = [*patches, *turn.jobs]
            commands, _ = self._activate(turn.at, jobs, turn.length, turn.flags, replaying=True)
            if _written(commands, self._refused_at_the_door(commands)) != turn.commands:
                return f"at turn {number} it asks for {[*map(read, commands)]}, and asked for {then}"
        return None

    def evict(self) -> None:
        """Take it out of the worker's memory, in order. Raises Defect when a task of it goes on."""
        self._activate(datetime.fromtimestamp(0, UTC), [Job(remove_from_cache=RemoveFromCache())], 0)

    def _activate(
        self,
        at: datetime,
        jobs: Sequence[Job],
        length: int,
        flags: Sequence[int] = (),
        *,
        replaying: bool = False,
    ) -> tuple[list[WorkflowCommand], tuple[int, ...]]:
        activation = WorkflowActivation(
            run_id="run",
            jobs=jobs,
            is_replaying=replaying,
            available_internal_flags=flags,
            history_length=length,
        )
        activation.timestamp.FromDatetime(at)
        try:
            completion = self._run.activate(activation)
        except RuntimeWarning as warning:  # such as a handler that is still at work when its run closes
            raise Defect(str(warning)) from warning
        if completion.HasField("failed"):
            raise Defect(completion.failed.failure.message or str(completion.failed.failure))
        return list(completion.successful.commands), tuple(completion.successful.used_internal_flags)

    def _refused_at_the_door(self, commands: Iterable[WorkflowCommand]) -> set[str]:
        """Find the updates whose validator said no: unlike a no of their handlers, no history knows of it."""
        refused = set()
        for response in (each.update_response for each in commands if each.HasField("update_response")):
            if response.HasField("accepted"):
                self._accepted.add(response.protocol_instance_id)
            elif response.protocol_instance_id not in self._accepted:
                refused.add(response.protocol_instance_id)
        return refused


def _written(commands: Iterable[WorkflowCommand], refused: set[str]) -> tuple[bytes, ...]:
    """Write down the commands that a history keeps."""
    return tuple(
        command.SerializeToString(deterministic=True)
        for command in commands
        if not (
            command.HasField("update_response") and command.update_response.protocol_instance_id in refused
        )
    )


def _remembered(jobs: Iterable[Job], refused: set[str]) -> list[Job]:
    """Give the jobs that a history keeps: validators are not asked again."""
    kept = []
    for job in jobs:
        if job.HasField("do_update"):
            if job.do_update.id not in refused:
                accepted = Job(do_update=job.do_update)
                accepted.do_update.run_validator = False
                kept.append(accepted)
        else:
            kept.append(job)
    return kept


def _created(kind: type, workflow_id: str, at: datetime) -> WorkflowInstance:
    definition = workflow._Definition.must_from_class(kind)
    details = WorkflowInstanceDetails(
        payload_converter_factory=pydantic_data_converter.payload_converter_class,
        failure_converter_class=pydantic_data_converter.failure_converter_class,
        interceptor_classes=(),
        defn=definition,
        info=_info(definition.name or "", workflow_id, at),
        randomness_seed=1,
        extern_functions={"__temporal_assert_local_activity_valid": lambda _: None},
        disable_eager_activity_execution=True,
        worker_level_failure_exception_types=(),
        patch_activation_callback=None,
        last_completion_result=InitializeWorkflow().last_completion_result,
        last_failure=None,
    )
    asyncio._set_running_loop(LOOP)
    try:
        return RUNNER.create_instance(details)
    finally:
        asyncio._set_running_loop(None)


def _info(name: str, workflow_id: str, at: datetime) -> workflow.Info:
    return workflow.Info(
        attempt=1,
        continued_run_id=None,
        cron_schedule=None,
        execution_timeout=None,
        first_execution_run_id="run",
        headers={},
        namespace="default",
        original_execution_run_id="run",
        parent=None,
        root=None,
        priority=Priority.default,
        raw_memo={},
        retry_policy=None,
        run_id="run",
        run_timeout=None,
        search_attributes={},
        start_time=at,
        task_queue="bookings",
        task_timeout=timedelta(seconds=10),
        typed_search_attributes=TypedSearchAttributes.empty,
        workflow_id=workflow_id,
        workflow_start_time=at,
        workflow_type=name,
    )


def fingerprint(turns: Iterable[Turn]) -> list[str]:
    """Say in a line each what a run asked of its engine, in order: what a replay compares."""
    commands = [WorkflowCommand.FromString(each) for turn in turns for each in turn.commands]
    return [_in_words(read(command)) for command in commands]


def _in_words(command: Command) -> str:
    match command:
        case Schedule(step=step):
            return step if command.local else f"{step} ({command.queue})"
        case Answered():
            return "wish accepted" if command.accepted else "wish answered"
        case Noted(attributes):
            return f"attributes {', '.join(sorted(attributes))}"
        case Patched(patch):
            return f"patch {patch}"
        case _:
            return WORDS[type(command)]


WORDS: dict[type, str] = {
    StartTimer: "timer",
    CancelTimer: "timer cancelled",
    Continued: "goes on as a new run",
    Closed: "ends",
}
