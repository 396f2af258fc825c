"""What a run asks of the engine: its commands, read from the wire format of Temporal's SDK."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.contrib.pydantic import pydantic_data_converter

PAYLOADS = pydantic_data_converter.payload_converter_class()


@dataclass(frozen=True)
class StartTimer:
    """Wake the run after `after`."""

    seq: int
    after: timedelta


@dataclass(frozen=True)
class CancelTimer:
    """Forget a timer."""

    seq: int


@dataclass(frozen=True)
class Schedule:
    """Have an activity done; `attempts` 0 is without a bound."""

    seq: int
    step: str
    ask: Any
    local: bool
    queue: str
    start_to_close: timedelta
    schedule_to_close: timedelta | None
    attempts: int


@dataclass(frozen=True)
class Answered:
    """An update was accepted, answered, or refused by its validator or handler (`refusal`: the type)."""

    instance_id: str
    accepted: bool = False
    answer: Any = None
    refusal: str | None = None


@dataclass(frozen=True)
class Closed:
    """The run is over; `failure` when it did not complete."""

    result: Any = None
    failure: str | None = None


@dataclass(frozen=True)
class Noted:
    """Search attributes were changed."""

    attributes: dict[str, Any]


@dataclass(frozen=True)
class Continued:
    """The run goes on as a new one, begun with `arguments`."""

    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Patched:
    """New code was taken, and the history says so."""

    patch: str


Command = Patched | Continued | StartTimer | CancelTimer | Schedule | Answered | Closed | Noted


def read(command: WorkflowCommand) -> Command:
    """Read one command. Raises NotImplementedError for one that no saga of ours has used so far."""
    kind = command.WhichOneof("variant")
    reader = READERS.get(kind or "")
    if reader is None:
        raise NotImplementedError(f"the simulated server does not know the command {kind}: teach it")
    return reader(getattr(command, kind or ""))


def _scheduled(command: Any, *, local: bool) -> Schedule:
    bounded = command.HasField("schedule_to_close_timeout")
    return Schedule(
        seq=command.seq,
        step=command.activity_type,
        ask=command.arguments[0],
        local=local,
        queue="" if local else command.task_queue,
        start_to_close=command.start_to_close_timeout.ToTimedelta(),
        schedule_to_close=command.schedule_to_close_timeout.ToTimedelta() if bounded else None,
        attempts=command.retry_policy.maximum_attempts,
    )


def _answered(command: Any) -> Answered:
    instance_id = command.protocol_instance_id
    match command.WhichOneof("response"):
        case "accepted":
            return Answered(instance_id, accepted=True)
        case "completed":
            return Answered(instance_id, answer=decode(command.completed))
        case _:
            return Answered(instance_id, refusal=_kind(command.rejected))


def _kind(failure: Failure) -> str:
    while failure.HasField("cause"):
        failure = failure.cause
    return failure.application_failure_info.type or failure.message


READERS: dict[str, Callable[[Any], Command]] = {
    "start_timer": lambda c: StartTimer(c.seq, c.start_to_fire_timeout.ToTimedelta()),
    "cancel_timer": lambda c: CancelTimer(c.seq),
    "schedule_activity": lambda c: _scheduled(c, local=False),
    "schedule_local_activity": lambda c: _scheduled(c, local=True),
    "update_response": _answered,
    "complete_workflow_execution": lambda c: Closed(result=decode(c.result)),
    "fail_workflow_execution": lambda c: Closed(failure=_kind(c.failure)),
    "cancel_workflow_execution": lambda _: Closed(failure="Cancelled"),
    "continue_as_new_workflow_execution": lambda c: Continued(tuple(c.arguments)),
    "set_patch_marker": lambda c: Patched(c.patch_id),
    "upsert_workflow_search_attributes": lambda c: Noted(
        {name: decode(payload) for name, payload in c.search_attributes.indexed_fields.items()}
    ),
}


def decode(payload: Any, kind: type | None = None) -> Any:
    """Read a payload, as `kind` if one is given."""
    return PAYLOADS.from_payload(payload, kind)  # type: ignore[arg-type]
