"""How a step of the model world is done, and how it breaks.

A step is a method of one of the world's doers, under its own name; its request's type is its annotation.
One that asks a provider is a generator: it yields between its transactions and calls, where its worker may
die, or stall and go on when nobody expects it any more.
"""

from collections.abc import Generator, Iterable
from datetime import timedelta
from typing import Any, get_type_hints

from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob as Job
from temporalio.exceptions import ApplicationError

from domain.refusal import ProviderRefused, Refusal
from tests.simulation import command, sdk
from tests.simulation.clock import Clock
from tests.simulation.command import Schedule
from tests.simulation.fault import Fault, Faults
from workflows import names, steps

FOREIGN = {step.name for step in steps.STEPS if step.queue == names.PROVIDERS}
CLOSING = {steps.close_payment.name, steps.return_payment.name}
QUICKLY = timedelta(milliseconds=20)


class Outage(Exception):
    """Raised when a step gives no answer; `silent` when that is noticed only at its start-to-close."""

    def __init__(self, why: Fault | str, *, silent: bool = False) -> None:
        super().__init__(str(why))
        self.silent = silent

    def told(self) -> ApplicationError:
        """Put it into the words of the engine."""
        return ApplicationError(str(self), type="Outage")


class Steps:
    """Finds the steps that `doers` do, and says when its database or its provider are away."""

    def __init__(self, doers: Iterable[object], clock: Clock, faults: Faults) -> None:
        self.doers, self.clock, self.faults = [*doers], clock, faults
        self._back = {False: clock.now, True: clock.now}

    def attempt(self, what: Schedule) -> "Attempt":
        """Make one attempt at a step. Raises LookupError when the world does not know it."""
        for doer in self.doers:
            if method := getattr(doer, what.step, None):
                return Attempt(self, what, method)
        raise LookupError(f"nobody in tests/simulation/world does the step {what.step}: write it as a method")

    def leave(self, away: timedelta, *, foreign: bool) -> None:
        """Let the provider, else the database, be away for so long."""
        self._back[foreign] = self.clock.now + away

    def check_there(self, step: str) -> None:
        """Make sure that whom the step needs is there. Raises Outage."""
        foreign = step in FOREIGN
        if foreign and self.faults.strike(Fault.PROVIDER_AWAY, 0.2):
            self.leave(self.faults.between(30, 7_200), foreign=foreign)
        if not foreign and self.faults.strike(Fault.DATABASE_AWAY, 0.2):
            self.leave(self.faults.between(3, 120), foreign=foreign)
        if self.clock.now < self._back[foreign]:
            raise Outage(Fault.PROVIDER_AWAY if foreign else Fault.DATABASE_AWAY)


class Attempt:
    """One attempt at one step; `fresh` until it has done something."""

    def __init__(self, of: Steps, what: Schedule, method: Any) -> None:
        self._of, self._what, self._method = of, what, method
        self._running: Generator[None, None, Any] | None = None
        self.fresh = True

    def at_once(self) -> Job:
        """Do all of it; gives its answer or its refusal. Raises Outage."""
        result = self.next_piece()
        assert result, f"{self._what.step} asks somebody else: it cannot be a local activity"
        return result

    def next_piece(self) -> Job | None:
        """Do what comes next; gives the answer or refusal once it is done. Raises Outage."""
        try:
            if self.fresh:
                self._begin()
            if self._running:
                next(self._running)
        except StopIteration as done:
            return self._answered(done.value)
        except Refusal as no:
            self._of.clock.note(f"{self._what.step} refuses: {type(no).__name__}")
            return sdk.failed(self._what, steps.refused(no))
        if self._of.faults.strike(Fault.CUT, 0.2):
            raise Outage(Fault.CUT, silent=True)
        return None

    def pause(self) -> timedelta:
        """Give the time until the next piece; longer than anybody waits when it stalls."""
        if self._of.faults.strike(Fault.ZOMBIE, 0.15):
            return self._what.start_to_close + self._of.faults.between(0, 600)
        return QUICKLY

    def _begin(self) -> None:
        faults = self._of.faults
        self._of.check_there(self._what.step)
        if faults.strike(Fault.NO_EFFECT, 0.2):
            raise Outage(Fault.NO_EFFECT)
        if not self._what.local and faults.strike(Fault.NEVER_ANSWERS, 0.2):
            raise Outage(Fault.NEVER_ANSWERS, silent=True)
        if self._what.step in CLOSING and faults.strike(Fault.UNDO_REFUSED):
            raise ProviderRefused("The key is wrong.", reason="key")
        self.fresh = False
        kind = next(iter(get_type_hints(self._method).values()))
        self._running = self._as_pieces(command.decode(self._what.ask, kind))

    def _as_pieces(self, ask: Any) -> Generator[None, None, Any]:
        done = self._method(ask)
        if isinstance(done, Generator):
            return (yield from done)
        return done

    def _answered(self, answer: Any) -> Job:
        self._of.clock.note(f"{self._what.step} → {answer}")
        if self._of.faults.strike(Fault.ANSWER_LOST, 0.2):
            raise Outage(Fault.ANSWER_LOST)
        return sdk.done(self._what, answer)
