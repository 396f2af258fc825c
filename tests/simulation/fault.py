"""What may go wrong, how often, and by whose dice."""

from collections import Counter
from datetime import timedelta
from enum import StrEnum
from random import Random

from tests.simulation.clock import Clock


class Fault(StrEnum):
    """One way in which something goes wrong."""

    # a step
    NO_EFFECT = "a step fails before its effect"
    ANSWER_LOST = "a step fails after its effect"
    CUT = "a worker dies between two transactions of a step"
    NEVER_ANSWERS = "a step never answers"
    ZOMBIE = "a step that was given up goes on later"
    DATABASE_AWAY = "the database is away longer than the quick tries"
    PROVIDER_AWAY = "the provider is away longer than a step's deadline"
    PROVIDER_REFUSES = "the provider will not open a checkout"
    UNDO_REFUSED = "the provider will not close a checkout"
    # webhooks
    WEBHOOK_LOST = "a webhook is lost"
    WEBHOOK_TWICE = "a webhook comes twice"
    WEBHOOK_LATE = "a webhook comes hours later, after those behind it"
    WEBHOOK_EARLY = "a webhook comes before the call that caused it has returned"
    TOLD_TWICE = "the relay tells a run twice"
    STRANGER = "a webhook about a payment that nobody knows"
    EMPTY_SIGNAL = "somebody signals by hand, without content"
    # workers and their engine
    KILLED = "a worker dies; another replays the history"
    KILLED_IN_TASK = "a worker dies in the midst of a workflow task"
    EVICTED = "a worker takes a run out of its memory"
    WORKER_AWAY = "no worker for a while: timers, signals and wishes meet in one task"
    WISH_FORGOTTEN = "the engine forgets a wish that no worker has accepted"
    TIMER_LATE = "a timer strikes late"
    RUN_LOST = "the engine forgets a run; it is begun anew"
    LONG_HISTORY = "a history grows too long; the run goes on as a new one"
    CLOCKS_APART = "the engine's clock is minutes off the database's"
    # people
    REPEATED = "a caller repeats a wish under the same id"
    CANCELLED = "the buyer cancels"
    CANCELLED_BY_HAND = "an operator cancels the run in the engine"
    HINT = "the buyer says it is paid"
    SECOND_CHECKOUT = "the buyer opens another checkout"
    ELSEWHERE = "somebody else takes whatever becomes free"
    OFF_SALE = "the slot goes off sale"
    # money
    PAID_LATE = "the bank decides after the hold has ended"
    OTHER_AMOUNT = "the provider reports another amount"
    REFUND_RETURNED = "the bank sends a refund back"

    def __repr__(self) -> str:
        return f"Fault.{self.name}"


class Faults:
    """The faults of one story: `allowed` says how often each may strike, so that it ends."""

    def __init__(self, clock: Clock, chance: Random, allowed: dict[Fault, int]) -> None:
        self.chance = chance
        self.struck: Counter[Fault] = Counter()
        self._clock, self._left = clock, Counter(allowed)

    def strike(self, fault: Fault, odds: float = 0.4) -> bool:
        """Throw the dice for a fault; one that is not of this story, or used up, never strikes."""
        if self._left[fault] <= 0 or self.chance.random() > odds:
            return False
        self._left[fault] -= 1
        self.struck[fault] += 1
        self._clock.note(f"*** {fault}")
        return True

    def between(self, least: float, most: float) -> timedelta:
        """Draw a span of time, in seconds."""
        return timedelta(seconds=self.chance.uniform(least, most))

    def allows(self, fault: Fault) -> bool:
        """Say whether a fault may still strike."""
        return self._left[fault] > 0
