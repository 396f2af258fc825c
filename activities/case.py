"""Opens a case where a step needs a person, whatever run it is; the steps themselves know nothing of it.

an undo is refused                      once that is written the run is parked there, until an operator has it
                                        tried again
a step was tried `PATIENCE` times       the run goes on trying; the case is closed when it gets through
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self, TypeAlias
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from db import case
from db.session import Connection, Database
from domain.case import CaseKind
from domain.ids import TenantId
from workflows import steps

log = structlog.get_logger(__name__)

Write: TypeAlias = Callable[[Connection, TenantId, UUID], Awaitable[bool]]

UNDOS = frozenset(step.undo.name for step in steps.STEPS if step.undo)


class Cases(Interceptor):
    """Looks at how activities end, as the booking role; stands in front of what puts failures into words.

    `patience` is how many tries in vain make a case: 20 are eight minutes.
    """

    def __init__(self, app: Database, *, patience: int) -> None:
        self.app, self.patience = app, patience

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand in front of each activity."""
        return _Watched(next, self)


class _Watched(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, cases: Cases) -> None:
        super().__init__(following)
        self.cases = cases

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        step, attempt = activity.info().activity_type, activity.info().attempt
        try:
            answer = await super().execute_activity(input)
        except ApplicationError as error:
            if error.non_retryable and step in UNDOS:
                if not await self._open(About.read(input), f"{step}_parked"):
                    raise ApplicationError("refused, but nobody was told", type="Untold") from None
            elif not error.non_retryable and attempt >= self.cases.patience:
                await self._open(About.read(input), f"{step}_unanswered")
            raise
        if attempt > self.cases.patience:
            await self._close(About.read(input), f"{step} was done at try {attempt}")
        return answer

    async def _open(self, about: "About", cause: str) -> bool:
        async def opened(connection: Connection, tenant_id: TenantId, subject: UUID) -> bool:
            booking_id = about.booking_id
            return await case.open_case(
                connection, tenant_id, CaseKind.STEP, subject, cause=cause, booking_id=booking_id
            )

        return await self._written(about, opened)

    async def _close(self, about: "About", note: str) -> None:
        async def closed(connection: Connection, tenant_id: TenantId, subject: UUID) -> bool:
            kind = CaseKind.STEP
            return await case.close(
                connection, tenant_id, subject, closed_by="holdfast", note=note, kind=kind
            )

        await self._written(about, closed)

    async def _written(self, about: "About", write: Write) -> bool:
        """Say whether all is written that there is to write."""
        if about.tenant_id is None or about.subject is None:
            return True
        try:
            async with self.cases.app.tenant(about.tenant_id) as connection:
                await write(connection, about.tenant_id, about.subject)
        except Exception as error:  # noqa: BLE001 - the step's own end is what counts; a failing one comes again
            log.warning("a case could not be written", error=type(error).__name__)
            return False
        return True


class About(NamedTuple):
    """Whose step it is, and what about: the booking, else the notice."""

    tenant_id: TenantId | None
    subject: UUID | None
    booking_id: UUID | None

    @classmethod
    def read(cls, given: ExecuteActivityInput) -> Self:
        """Read it from the step's request."""
        ask = given.args[0] if given.args else None
        booking_id = getattr(ask, "booking_id", None)
        subject = booking_id or getattr(ask, "notice_id", None)
        return cls(getattr(ask, "tenant_id", None), subject, booking_id)
