"""Is all at rest, and do the invariants hold? Asked from outside: by SQL past all permissions, of the sandbox
what it really charged, of Temporal what still runs, and of the API whether the same request has the same
answer.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import worker
from tests.crash.buyer import PATIENCE_SECONDS, Patient
from tests.crash.story import Ended
from tests.support.check import violations
from tests.support.stack import ENDS, Stack
from tests.support.wait import eventually

# I13: what nobody is done with yet.
UNDONE = """
select 'booking ' || reference || ' is ' || status from bookings where status <> all($1)
union all
select 'booking ' || reference || ' has no run' from bookings where saga_started_at is null
union all
select 'event ' || kind || ' is untold' from webhook_events
 where told_at is null and status in ('received', 'parked', 'failed')
union all
select 'notice ' || kind || ' is ' || status from notices where status in ('owed', 'claimed')
union all
select 'refund is ' || status from refunds where status in ('pending', 'processing')
"""
# What came to an end that a person has to look at.
STRANDED = """
select 'event ' || kind || ' is ' || status from webhook_events where status in ('dead', 'parked', 'failed')
"""
# I9: of each end at most one is told, and the last that is told is the state.
ENDS_TOLD = """
select b.reference, b.status, array_agg(replace(e.type, 'booking.', '') order by e.n) as told
  from bookings b join events e on e.subject = b.id
 where e.type = any($1)
 group by b.id, b.reference, b.status
"""
STATUS = "select status from bookings where id = $1"
NOTICES = "select id::text, status, booking_id::text from notices"
LOOK_EVERY_SECONDS = 0.25
AFTERCARE = "aftercare:"
CANARY = re.compile(r"canary-\w+")
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
# Why a task fails when its code is wrong; one that meets a signal on its way back fails, too.
BROKEN = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
)
LAPSED = 401
ROUTES_WITH_KEYS = ("/bookings", "/payments", "/refunds")


async def at_rest(stack: Stack) -> list[str]:
    """Wait until all is at rest; lists what does not come to rest (I13)."""
    left: list[str] = []

    async def look() -> bool:
        left[:] = await undone(stack)
        return not left

    try:
        await eventually(look, what="rest", seconds=PATIENCE_SECONDS, every=LOOK_EVERY_SECONDS)
    except AssertionError:
        return [f"I13: {each}" for each in left]
    return []


async def undone(stack: Stack) -> list[str]:
    """List what is not at rest: rows, deliveries, runs. An aftercare that only waits for more is at rest."""
    found = [next(iter(row.values())) for row in await stack.rows(UNDONE, list(ENDS))]
    due = await stack.sandbox.deliveries("pending")
    found += [f"delivery of {each['type']} is due" for each in due]
    async for run in stack.temporal.list_workflows("ExecutionStatus = 'Running'"):
        handle = stack.temporal.get_workflow_handle(run.id, run_id=run.run_id)
        if not run.id.startswith(AFTERCARE) or await _works(handle):
            found.append(f"{run.id} runs")
    return found


async def _works(handle: WorkflowHandle[Any, Any]) -> bool:
    seen = await handle.describe()
    if seen.status is not WorkflowExecutionStatus.RUNNING:
        return True  # ended since it was listed: look again
    raw = seen.raw_description
    return bool(raw.pending_activities) or raw.HasField("pending_workflow_task")


async def broken(stack: Stack, buyer: Patient, bookings: Ended) -> list[str]:
    """List the violations of the invariants, once all is at rest."""
    histories = [
        await stack.run_of(booking).fetch_history()
        for booking, _ in bookings
        if await stack.value(STATUS, booking.id) is not None
    ]
    return [
        *await disagreements(stack, bookings),
        *await unplayable(histories),
        *stumbled(histories),
        *await _repeated(buyer),
        *_strangers(buyer),
    ]


async def disagreements(stack: Stack, bookings: Ended) -> list[str]:
    """List what is wrong in our rows, or between them and the books of the world outside."""
    found = await violations(stack)
    found += [next(iter(row.values())) for row in await stack.rows(STRANDED)]
    for booking, ends in bookings:
        status = await stack.value(STATUS, booking.id)
        if status not in ends:
            found.append(f"I6: {booking.reference} ended as {status}, not {' or '.join(ends)}")
    return found + await _moves(stack) + await _mails(stack)


async def _moves(stack: Stack) -> list[str]:
    told = await stack.rows(ENDS_TOLD, [f"booking.{end}" for end in ENDS])
    return [
        f"I9: {row['reference']} is {row['status']} after {row['told']}"
        for row in told
        if row["told"][-1] != row["status"] or len({*row["told"]}) < len(row["told"])
    ]


async def _mails(stack: Stack) -> list[str]:
    """Each mail that is said to be accepted was, and was about its booking."""
    sent = {mail["custom_args"]["notice_id"] for mail in await stack.sandbox.mailbox()}
    return [
        f"I5: notice {row['id']} is {row['status']}"
        for row in await stack.rows(NOTICES)
        if (row["status"] == "accepted") > (row["id"] in sent) or row["status"] == "no_address"
    ]


async def _repeated(buyer: Patient) -> list[str]:
    """Send every wish again: I7, the same key has the same answer, byte by byte. An operator's token lasts a
    quarter of an hour; whose has lapsed is not heard.
    """
    wishes, found = [*buyer.wishes], []
    for wish in wishes:
        if not wish.url.endswith(ROUTES_WITH_KEYS):
            continue
        again = await buyer.request(wish.method, wish.url, **wish.options)
        if again.status_code == LAPSED:
            continue
        if (again.status_code, again.content) != (wish.answer.status_code, wish.answer.content):
            first = wish.answer.status_code
            found.append(f"I7: {wish.url} was answered {first}, then {again.status_code} {again.text}")
    return found


def _strangers(buyer: Patient) -> list[str]:
    """I12: no answer about a booking names anybody but its buyer."""
    found, buyers = list[str](), dict[str, set[str]]()
    for wish in buyer.wishes:
        named = {*CANARY.findall(wish.answer.text)}
        subject = next(iter(UUIDS.findall(wish.url)), "") or str(wish.answer.json().get("id"))
        if named - buyers.setdefault(subject, {*CANARY.findall(str(wish.options))}):
            found.append(f"I12: an answer names somebody else: {wish.answer.text}")
    return found


async def unplayable(histories: Sequence[WorkflowHistory]) -> list[str]:
    """List the runs whose history does not replay on the present code (I10)."""
    replayer = Replayer(
        workflows=worker.WORKFLOWS,
        workflow_runner=worker.RUNNER,
        data_converter=pydantic_data_converter,
        debug_mode=True,  # a machine that stands still for two seconds is no saga that blocks
    )
    results = await replayer.replay_workflows(_each(histories), raise_on_replay_failure=False)
    ids = {history.run_id: history.workflow_id for history in histories}
    return [f"I10: {ids[run]} does not replay" for run in results.replay_failures]


async def _each(histories: Sequence[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history


def stumbled(histories: Sequence[WorkflowHistory]) -> list[str]:
    """List the runs whose code has failed at least once, though they went on (I10)."""
    return [
        f"I10: a task of {history.workflow_id} has failed"
        for history in histories
        if any(event.workflow_task_failed_event_attributes.cause in BROKEN for event in history.events)
    ]
