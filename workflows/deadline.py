"""When a run's wait is over: one timer, which may be set anew."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow


class Deadline:
    """`over` once the time has passed, which is at `at` (UTC, by the run's own clock)."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self.over = False
        self._timer: asyncio.Task[None] | None = None

    def count_down(self, left: timedelta) -> None:
        """Let the wait be over when `left` has passed, and not before."""
        if self._timer is not None:
            self._timer.cancel()
        left = max(left, timedelta(0))  # a repeated answer may be of long ago
        self.over, self.at = False, workflow.now() + left
        self._timer = asyncio.create_task(self._strike(left))

    async def _strike(self, left: timedelta) -> None:
        await workflow.sleep(left, summary="the wait ends")
        self.over = True
