"""Puts on every log line of a step in which run it is done, for whom and about which booking, whoever writes
the line.
"""

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
        about = About.read(input)
        ids = {"tenant_id": about.tenant_id, "booking_id": about.booking_id}
        known = {name: value for name, value in ids.items() if value}
        with log.bind(workflow_id=activity.info().workflow_id, **known):
            return await super().execute_activity(input)
