"""Steps that break: faults in front of the real activities or behind them, ordered by the test."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.refusal import Refusal
from providers.gateway import NotExecuted


@dataclass
class Fault:
    """What goes wrong, `times` times: `error` is raised instead of the step or, with `afterwards`, when it
    has had its effect and nobody will hear of it.
    """

    error: Exception
    times: int = 1
    afterwards: bool = False


@dataclass
class Faults(Interceptor):
    """The faults on order by step name, and how often each step was tried."""

    ordered: dict[str, Fault] = field(default_factory=dict)
    tried: Counter[str] = field(default_factory=Counter)
    first: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)

    def refuse(self, step: str, no: Refusal) -> None:
        """Let the step say no, whenever it is asked."""
        self.ordered[step] = Fault(no, times=1_000)

    def fail(self, step: str, *, times: int, afterwards: bool = False) -> None:
        """Let the step fail so many times as a broken connection does."""
        self.ordered[step] = Fault(ConnectionError("ordered by the test"), times, afterwards)

    def lose(self, step: str) -> None:
        """Let the step have its effect once, its answer be lost, and nobody try again before its deadline."""
        never = NotExecuted("ordered by the test", retry_after=timedelta(days=1))
        self.ordered[step] = Fault(never, afterwards=True)

    def before(self, step: str, happening: Callable[[], Awaitable[object]]) -> None:
        """Let something happen once, when the step is asked for the first time."""
        self.first[step] = happening

    def mend(self) -> None:
        """Let everything work again."""
        self.ordered.clear()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand in front of each activity."""
        return _Breaking(next, self)


class _Breaking(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, faults: Faults) -> None:
        super().__init__(following)
        self.faults = faults

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        step = activity.info().activity_type
        self.faults.tried[step] += 1
        if happening := self.faults.first.pop(step, None):
            await happening()
        fault = self.faults.ordered.get(step)
        if fault is None or fault.times <= 0:
            return await super().execute_activity(input)
        fault.times -= 1
        if fault.afterwards:
            await super().execute_activity(input)
        raise fault.error
