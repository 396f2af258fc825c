"""A false clock: whatever happens next, happens at once; and a trace of it."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

FOR_EVER = timedelta(days=100 * 365)
BEGINNING = datetime(2030, 5, 14, 18, 0, tzinfo=UTC)


class Restless(Exception):
    """Raised when something goes on for ever."""


class Clock:
    """Tells the time (UTC), and lets things happen in its order; what is due at once happens as it was asked
    for.
    """

    def __init__(self) -> None:
        self.now = BEGINNING
        self.trace: list[tuple[datetime, str]] = []
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, wait: timedelta, do: Callable[[], None]) -> None:
        """Do something after a while."""
        heapq.heappush(self._due, (self.now + wait, next(self._numbers), do))

    def note(self, what: str) -> None:
        """Write down what happens now, for whoever reads the trace of a failing seed."""
        self.trace.append((self.now, what))

    def run(self, wait: timedelta = FOR_EVER, *, most: int = 5_000) -> None:
        """Let everything happen that is due within `wait`. Raises Restless after `most` happenings."""
        until = self.now + wait
        for _ in range(most):
            if not self._due or self._due[0][0] > until:
                self.now = self.now if wait is FOR_EVER else until
                return
            self.now, _number, do = heapq.heappop(self._due)
            do()
        raise Restless(f"{most} things have happened, and more are due")

    def told(self) -> str:
        """Tell what happened, a line each, with the time since the beginning."""
        return "\n".join(f"{_since(at)}  {what}" for at, what in self.trace)


def _since(at: datetime) -> str:
    passed = at - BEGINNING
    return f"{passed.days:3} d {timedelta(seconds=passed.seconds)}.{passed.microseconds // 1000:03}"
