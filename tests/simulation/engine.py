"""A workflow engine in memory, true to what its users have to reckon with.

A run is its history; a worker's memory of it may vanish at any time and is made again by replay. A workflow
task takes all that is waiting for a run and counts only when it is completed: one that dies, or that would
close the run over news, is done again, and its local activities with it. Ordinary activities are tried again
until their deadline, and one that was given up may still have its effect.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob as Job

from tests.simulation import sdk
from tests.simulation.clock import Clock
from tests.simulation.command import (
    Answered,
    CancelTimer,
    Closed,
    Command,
    Continued,
    Noted,
    Schedule,
    StartTimer,
)
from tests.simulation.fault import Fault, Faults
from tests.simulation.sdk import Instance, Turn
from tests.simulation.step import Attempt, Outage, Steps

SOON = timedelta(milliseconds=5)
TASK_TIMEOUT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=1)

# Whom an update is answered to; nothing when the run has ended, or ends, without an answer.
Caller = Callable[[Answered | None], None]


@dataclass(eq=False)
class Run:
    """One run. `waiting` is what no task has taken yet, `history` what was completed."""

    kind: type
    id: str
    skew: timedelta
    begun: datetime
    history: list[Turn] = field(default_factory=list)
    instance: Instance | None = None
    waiting: list[Job] = field(default_factory=list)
    task: "Task | None" = None
    due: bool = False
    timers: set[int] = field(default_factory=set)
    activities: dict[int, Schedule] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    updates: dict[str, Answered | None] = field(default_factory=dict)
    callers: dict[str, list[Caller]] = field(default_factory=dict)
    closed: Closed | None = None

    @property
    def length(self) -> int:
        """How long its history is, about, in events."""
        return sum(3 + len(turn.jobs) + len(turn.commands) for turn in self.history)


@dataclass(eq=False)
class Task:
    """One workflow task in the hands of a worker: what it took, and what came of it so far."""

    run: Run
    jobs: list[Job]
    turns: list[Turn] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    local: set[int] = field(default_factory=set)
    dead: bool = False


class Engine:
    """Runs workflows of these kinds."""

    def __init__(self, clock: Clock, faults: Faults, kinds: Iterable[type], steps: Steps) -> None:
        self.clock, self.faults, self.steps = clock, faults, steps
        self.kinds = {sdk.name_of(kind): kind for kind in kinds}
        self.runs: dict[str, Run] = {}
        self.all: list[Run] = []
        self.worker_back = clock.now

    # --- for callers

    def open(self, run_id: str) -> Run | None:
        """Find the run that is open under an id."""
        run = self.runs.get(run_id)
        return run if run and run.closed is None else None

    def start(self, name: str, run_id: str, request: Any, *, again: bool = False) -> Run | None:
        """Start a run, or find the one that is open; nothing when one has closed and may not run `again`."""
        if run := self.open(run_id):
            return run
        if run_id in self.runs and not again:
            return None
        skew = self.faults.between(-600, 600) if self.faults.strike(Fault.CLOCKS_APART) else timedelta(0)
        run = Run(self.kinds[name], run_id, skew, self.clock.now + skew)
        self.runs[run_id] = run
        self.all.append(run)
        self._tell(run, sdk.start(name, run_id, request, run.begun))
        return run

    def signal(self, run: Run, name: str, *told: Any) -> None:
        """Tell a run something; a closed one must have been looked for before."""
        assert run.closed is None
        self.clock.note(f"{run.id} is told {name}")
        self._tell(run, sdk.signal(name, *told))

    def update(self, run: Run, name: str, update_id: str, asked: Any, caller: Caller) -> None:
        """Wish for something; the same id is the same wish, while the run is open and afterwards."""
        if run.updates.get(update_id) is not None or run.closed:
            caller(run.updates.get(update_id))
            return
        run.callers.setdefault(update_id, []).append(caller)
        if update_id not in run.updates:
            run.updates[update_id] = None
            self._tell(run, sdk.update(name, update_id, asked))

    def cancel(self, run: Run) -> None:
        """Cancel a run by hand."""
        self._tell(run, sdk.cancel())

    def forget(self, run: Run) -> None:
        """Lose a run with its history, as an engine does whose disk is gone."""
        self.clock.note(f"{run.id} is forgotten")
        run.closed = Closed(failure="forgotten")
        self._lose_task(run)
        self._drop(run, killed=True)
        del self.runs[run.id]
        self._answer_the_rest(run)

    def restart(self) -> None:
        """Stop all workers in order and start others, as a deployment does."""
        for run in self.runs.values():
            self._drop(run)

    def away(self, wait: timedelta) -> None:
        """Let no worker take a workflow task for a while."""
        self.worker_back = max(self.worker_back, self.clock.now + wait)

    # --- workflow tasks

    def _tell(self, run: Run, job: Job) -> None:
        run.waiting.append(job)
        self._wake(run)

    def _wake(self, run: Run) -> None:
        if run.due or run.task or run.closed:
            return
        run.due = True
        if self.faults.strike(Fault.WORKER_AWAY, 0.1):
            self.away(self.faults.between(1, 1_200))
        idle = max(timedelta(0), self.worker_back - self.clock.now)
        self.clock.after(idle + self.faults.between(0.001, 0.05), partial(self._begin, run))

    def _begin(self, run: Run) -> None:
        run.due = False
        if run.closed:
            return
        run.task = Task(run, run.waiting)
        run.waiting = []
        if run.instance is None:
            run.instance = Instance(run.kind, run.id, run.begun)
            if difference := run.instance.replay(run.history):
                raise sdk.Defect(f"{run.id} does not replay: {difference}")
        self._activate(run.task, run.task.jobs)

    def _activate(self, task: Task, jobs: Sequence[Job]) -> None:
        run = task.run
        assert run.instance
        turn, commands = run.instance.activate(self.clock.now + run.skew, jobs, run.length)
        task.turns.append(turn)
        task.commands += commands
        for command in commands:
            if isinstance(command, Schedule) and command.local:
                task.local.add(command.seq)
                self._do_locally(task, command, self.steps.attempt(command))
        if not task.local:
            self.clock.after(SOON, partial(self._complete, task))
        if self.faults.strike(Fault.KILLED_IN_TASK, 0.15):
            self.clock.after(self.faults.between(0, 0.03), partial(self._die_in, task))

    def _do_locally(self, task: Task, what: Schedule, attempt: Attempt, tries: int = 1) -> None:
        self.clock.after(self.faults.between(0.002, 0.02), partial(self._locally, task, what, attempt, tries))

    def _locally(self, task: Task, what: Schedule, attempt: Attempt, tries: int) -> None:
        if task.dead:
            return
        try:
            answer = attempt.at_once()
        except Outage as outage:
            if tries < what.attempts:
                again = self.steps.attempt(what)
                wait = timedelta(seconds=min(1.0, 0.05 * 2 ** (tries - 1)))
                self.clock.after(wait, partial(self._do_locally, task, what, again, tries + 1))
                return
            self._resolve_locally(task, what, sdk.failed(what, outage.told()))
        else:
            self._resolve_locally(task, what, answer)

    def _resolve_locally(self, task: Task, what: Schedule, result: Job) -> None:
        def resolve() -> None:
            if not task.dead:
                task.local.discard(what.seq)
                self._activate(task, [result])

        self.clock.after(SOON, resolve)

    def _complete(self, task: Task) -> None:
        run = task.run
        if task.dead:
            return
        if run.waiting and any(isinstance(command, Closed | Continued) for command in task.commands):
            self.clock.note(f"{run.id} would close over news: its task is done again")
            self._lose_task(run)
            self._drop(run)
            self._wake(run)
            return
        run.task = None
        run.history += task.turns
        for command in task.commands:
            self._obey(run, command)
        if run.closed:
            self._finish(run)
        elif self.faults.strike(Fault.KILLED, 0.3):
            self._drop(run, killed=True)
        elif self.faults.strike(Fault.EVICTED, 0.3):
            self._drop(run)
        if run.waiting:
            self._wake(run)

    def _die_in(self, task: Task) -> None:
        """Let the worker die; its task is given to another one once that is noticed."""
        run = task.run
        if task.dead or run.task is not task:
            return
        self.clock.note(f"{run.id}: its worker dies in the midst of a task")
        self._lose_task(run)
        self._drop(run, killed=True)
        run.due = True
        self.clock.after(TASK_TIMEOUT, partial(self._begin, run))

    def _lose_task(self, run: Run) -> None:
        """Put back what the task has taken, as if it had not been begun."""
        if run.task is None:
            return
        run.task.dead = True
        run.waiting = [job for job in run.task.jobs if not self._forgets(run, job)] + run.waiting
        run.task = None

    def _forgets(self, run: Run, job: Job) -> bool:
        wish = job.do_update.id if job.HasField("do_update") else None
        if wish is None or not self.faults.strike(Fault.WISH_FORGOTTEN):
            return False
        run.updates.pop(wish, None)
        for caller in run.callers.pop(wish, []):
            caller(Answered(wish))  # neither accepted nor answered: to be asked again
        return True

    def _drop(self, run: Run, *, killed: bool = False) -> None:
        """Lose the worker's memory of a run; in order, unless the worker was killed."""
        if run.instance and not killed:
            run.instance.evict()
        run.instance = None

    def _finish(self, run: Run) -> None:
        self.clock.note(f"{run.id} closes: {run.closed}")
        self._drop(run)
        self._answer_the_rest(run)

    def _answer_the_rest(self, run: Run) -> None:
        for caller in [caller for callers in run.callers.values() for caller in callers]:
            caller(None)
        run.callers.clear()

    # --- commands

    def _obey(self, run: Run, command: Command) -> None:
        """Do what a completed task asks for; local activities are in the history with it."""
        match command:
            case StartTimer():
                self._start_timer(run, command)
            case CancelTimer(seq):
                run.timers.discard(seq)
            case Schedule(local=False):
                self._dispatch(run, command)
            case Answered(accepted=False):
                self._answer(run, command)
            case Closed():
                run.closed = command
            case Continued(arguments):
                run.closed = Closed(result="goes on")
                self._begin_again(run, arguments)
            case Noted(attributes):
                run.attributes |= attributes
            case _:
                pass

    def _start_timer(self, run: Run, timer: StartTimer) -> None:
        run.timers.add(timer.seq)
        late = self.faults.between(1, 600) if self.faults.strike(Fault.TIMER_LATE) else timedelta(0)
        self.clock.after(timer.after + late, partial(self._strike, run, timer.seq))

    def _answer(self, run: Run, answer: Answered) -> None:
        run.updates[answer.instance_id] = answer
        for caller in run.callers.pop(answer.instance_id, []):
            caller(answer)

    def _begin_again(self, ended: Run, arguments: Sequence[Any]) -> None:
        self.clock.note(f"{ended.id} goes on as a new run")
        run = Run(ended.kind, ended.id, ended.skew, self.clock.now + ended.skew)
        self.runs[run.id] = run
        self.all.append(run)
        self._tell(run, sdk.go_on(sdk.name_of(run.kind), run.id, arguments, run.begun))

    def _strike(self, run: Run, seq: int) -> None:
        if seq in run.timers and run.closed is None:
            run.timers.discard(seq)
            self._tell(run, sdk.fired(seq))

    # --- ordinary activities

    def _dispatch(self, run: Run, what: Schedule) -> None:
        run.activities[what.seq] = what
        if what.schedule_to_close:
            give_up = partial(self._resolve, run, what, sdk.failed(what, sdk.out_of_time()))
            self.clock.after(what.schedule_to_close, give_up)
        self._try(run, what, 1)

    def _try(self, run: Run, what: Schedule, tries: int) -> None:
        attempt = self.steps.attempt(what)
        again = partial(self._try_again, run, what, tries)
        self.clock.after(self.faults.between(0.005, 0.1), partial(self._go_on, run, what, attempt, again))

    def _go_on(self, run: Run, what: Schedule, attempt: Attempt, again: Callable[[], None]) -> None:
        """Do the next piece of an attempt, which may be the last thing it does."""
        if run.closed and attempt.fresh:
            return
        try:
            result = attempt.next_piece()
        except Outage as outage:
            self.clock.after(what.start_to_close if outage.silent else timedelta(0), again)
            return
        if result is not None:
            self._resolve(run, what, result)
            return
        pause = attempt.pause()
        if pause > what.start_to_close:  # given up by then: it goes on, and nobody waits for it
            self.clock.after(what.start_to_close, again)
            again = nothing
        self.clock.after(pause, partial(self._go_on, run, what, attempt, again))

    def _try_again(self, run: Run, what: Schedule, tries: int) -> None:
        if what.seq in run.activities and run.closed is None:
            wait = min(LONGEST_WAIT, timedelta(seconds=2 ** min(tries - 1, 10)))
            self.clock.after(wait, partial(self._try, run, what, tries + 1))

    def _resolve(self, run: Run, what: Schedule, result: Job) -> None:
        if run.closed is None and what.seq in run.activities:
            del run.activities[what.seq]
            self._tell(run, result)


def nothing() -> None:
    """Do nothing."""
