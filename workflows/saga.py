"""Do steps; on trouble undo what was asked for, last first, to the end.

Trouble is a failure, an expired wait or a cancellation. Anything else is a defect and blocks the task until
fixed code is there; nothing is lost meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from workflows import names
from workflows.steps import PATIENT, QUICK, UNHURRIED, Answer, Request, Step, root

T = TypeVar("T")

EXPIRED, CANCELLED = "Expired", "Cancelled"


class Saga:
    """What was asked for and how to undo it.

    `step` is the step in hand, `parked` the undo that waits for an operator, `trouble` what made it turn
    back.
    """

    def __init__(self) -> None:
        self._undo: list[tuple[Step[Any, None], Any]] = []
        self._retry = False
        self.trouble: BaseException | None = None
        self.step: str | None = None
        self.parked: str | None = None
        self.undone: list[str] = []

    async def __aenter__(self) -> "Saga":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or not is_trouble(error):
            return False
        self.trouble = error
        await regardless(self._undo_all())  # a second cancellation changes nothing
        return True

    async def do(
        self, step: Step[Request, Answer], ask: Request, note: Callable[[Answer], None] | None = None
    ) -> Answer:
        """Do a step.

        Its undo is registered first, for a step that failed may have had its effect; a cancellation waits
        until the step is over. What the answer means for the undo, `note` hears also then.
        """
        self.take_over(step, ask)
        return await to_the_end(self._noted(step, ask, note))

    async def _noted(
        self, step: Step[Request, Answer], ask: Request, note: Callable[[Answer], None] | None
    ) -> Answer:
        answer = await self._call(step, ask)
        if note:
            note(answer)
        return answer

    def take_over(self, step: Step[Request, Any], ask: Request) -> None:
        """Register the undo of a step that was done before this saga began."""
        if step.undo:
            self._undo.append((step.undo, ask))

    async def cross(self, step: Step[Request, Answer], ask: Request) -> Answer:
        """Do the step behind which there is no way back: its failure still undoes, a cancellation meanwhile
        came too late.
        """
        answer = await regardless(self._call(step, ask))
        self._undo.clear()
        return answer

    @property
    def reason(self) -> str:
        """The type of the trouble: a refusal's class name, `Expired`, `Cancelled`; empty when all is well."""
        return reason(self.trouble) if self.trouble else ""

    def retry(self) -> None:
        """Try the parked undo again; an operator has asked for it."""
        self._retry = True

    async def _undo_all(self) -> None:
        while self._undo:
            step, ask = self._undo.pop()
            await self._undone(step, ask)
            self.undone.append(step.name)

    async def _undone(self, step: Step[Any, None], ask: Any) -> None:
        alarmed = False
        while True:
            try:
                await self._call(step, ask)
            except FailureError as error:
                if not alarmed:
                    workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(True)])
                    alarmed = True
                workflow.logger.error("undo %s failed: %s", step.name, reason(error))
                if is_refusal(error):
                    await self._operator(step)
            else:
                break
        if alarmed:
            workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(False)])

    async def _operator(self, step: Step[Any, None]) -> None:
        """Wait, without a deadline on purpose: a refused undo is work for a person, who is told by
        NeedsAttention.
        """
        self.parked, self._retry = step.name, False
        workflow.set_current_details(f"**waits for an operator**: `{step.name}` was refused")
        await workflow.wait_condition(lambda: self._retry)
        self.parked = None

    async def _call(self, step: Step[Request, Answer], ask: Request) -> Answer:
        self.step = step.name
        try:
            return await perform(step, ask)
        finally:
            self.step = None


async def perform(step: Step[Request, Answer], ask: Request) -> Answer:
    """Ask for a step and await its answer, with the deadlines and retries it declares.

    Inside a saga, `do` and `cross` call it.
    """
    options: dict[str, Any] = {
        "result_type": step.answer,
        "activity_id": step.name,
        "summary": step.about(ask) if step.about else None,
        "start_to_close_timeout": step.start_to_close,
    }
    own = workflow.info().task_queue
    if step.queue is None:
        try:
            return await workflow.execute_local_activity(step.name, ask, retry_policy=QUICK, **options)  # type: ignore[no-any-return]
        except FailureError as error:
            if is_refusal(error) or is_cancelled_exception(error):
                raise  # else an outage outlasted the quick tries: once more, patient and visible
        options["start_to_close_timeout"] = UNHURRIED
    return await workflow.execute_activity(  # type: ignore[no-any-return]
        step.name,
        ask,
        task_queue=names.beside(own, step.queue) if step.queue else own,
        schedule_to_close_timeout=step.schedule_to_close,
        heartbeat_timeout=step.heartbeat,
        retry_policy=replace(PATIENT, non_retryable_error_types=step.not_retried),
        **options,
    )


async def insist(step: Step[Request, Answer], ask: Request) -> Answer:
    """Ask for a step until it is answered (a refusal is an answer): when its deadline passes a person is
    told, and it goes on.

    For what comes after a booking's end, where giving up would strand somebody's money.
    """
    alarmed = False
    while True:
        try:
            answer = await perform(step, ask)
        except FailureError as error:
            if is_refusal(error) or is_cancelled_exception(error):
                raise
            if not alarmed:
                workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(True)])
                alarmed = True
            workflow.logger.error("%s gets no answer: %s", step.name, reason(error))
        else:
            if alarmed:
                workflow.upsert_search_attributes([names.NEEDS_ATTENTION.value_set(False)])
            return answer


async def to_the_end(work: Awaitable[T]) -> T:
    """Await work even if the workflow is cancelled meanwhile; the cancellation is raised once the work is
    over.
    """
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001 - not lost: task.result() raises it below
            break
    answer = task.result()
    if cancelled:
        raise cancelled
    return answer


async def regardless(work: Awaitable[T]) -> T:
    """Await work to its end; a cancellation meanwhile came too late and is dropped."""
    task = asyncio.ensure_future(work)
    try:
        await to_the_end(task)
    except asyncio.CancelledError:
        pass
    return task.result()


def given_up(reason: str, detail: str = "") -> ApplicationError:
    """Make the trouble that ends a saga by its own decision, such as `Expired` or `Cancelled`."""
    return ApplicationError(detail or reason, type=reason, non_retryable=True)


def is_trouble(error: BaseException) -> bool:
    """Say whether to undo: failures, expired waits and cancellation.

    Anything else is a defect and must block the task.
    """
    return isinstance(error, FailureError | TimeoutError) or is_cancelled_exception(error)


def is_refusal(error: BaseException) -> bool:
    """Say whether it is an answer, not an outage: it will stay no."""
    cause = root(error)
    return isinstance(cause, ApplicationError) and cause.non_retryable


def reason(error: BaseException) -> str:
    """Name the trouble in one word: a refusal's class name, `Expired`, `Cancelled`, or the type of what
    failed.
    """
    if isinstance(error, TimeoutError):
        return EXPIRED
    if is_cancelled_exception(error):
        return CANCELLED
    cause = root(error)
    return (isinstance(cause, ApplicationError) and cause.type) or type(cause).__name__
