"""Says of each long step that it is still being done, so that a worker's death is noticed soon.

The first beat comes after a while: a step that is done by then costs no message.
"""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

# So many beats fit into the time after which a silent worker counts as dead.
BEATS = 3


class Heartbeats(Interceptor):
    """Beats for every activity that was asked for with a heartbeat timeout."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand in front of each activity."""
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        silence = activity.info().heartbeat_timeout
        if silence is None:
            return await super().execute_activity(input)
        pulse = _Pulse(silence.total_seconds() / BEATS)
        try:
            return await super().execute_activity(input)
        finally:
            pulse.end()


class _Pulse:
    """Beats every so many seconds until it is ended: a timer, for most steps are done before the first."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._wait()

    def end(self) -> None:
        self._next.cancel()

    def _wait(self) -> None:
        self._next = asyncio.get_running_loop().call_later(self._every, self._beat)

    def _beat(self) -> None:
        activity.heartbeat()
        self._wait()
