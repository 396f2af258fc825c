"""Puts on every log line of a step which run and which booking it is about, whoever writes the line."""

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.case import About
from observability import log


class Lines(Interceptor):
    """Stands in front of whatever writes lines: the step itself, providers, and who looks at how it ends."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand in front of each activity."""
        return _Named(next)


class _Named(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        ids: dict[str, object] = {"workflow_id": activity.info().workflow_id}
        if booking_id := About.read(input).booking_id:
            ids["booking_id"] = booking_id
        with log.bind(**ids):
            return await super().execute_activity(input)
