"""The sagas without one of their guards: the simulation finds every one of them within so many seeds."""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow

import workflows.saga
from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.story import Plot, Story
from tests.simulation.world.rows import Violation
from workflows.aftercare import AftercareWorkflow
from workflows.booking import BookingWorkflow
from workflows.checkout import Checkouts
from workflows.deadline import Deadline
from workflows.saga import Saga, to_the_end
from workflows.steps import QUICK, Step

SEEDS = 300


@dataclass(frozen=True)
class Twin:
    """A guard, by where it stands, what stands there instead, and the trouble it is there for."""

    lacks: str
    owner: Any
    guard: str
    instead: Any
    plot: Plot


async def undo_registered_afterwards(self: Saga, step: Step[Any, Any], ask: Any, note: Any = None) -> Any:
    answer = await to_the_end(self._noted(step, ask, note))
    self.take_over(step, ask)
    return answer


async def first_undone_first(self: Saga) -> None:
    for step, ask in self._undo:
        await self._undone(step, ask)


async def tried_once(self: Saga, step: Step[Any, None], ask: Any) -> None:
    await asyncio.wait([asyncio.ensure_future(self._call(step, ask))])


async def outage_is_a_no(step: Step[Any, Any], ask: Any) -> Any:
    limit, answer = step.start_to_close, step.answer
    if step.queue is None:
        return await workflow.execute_local_activity(
            step.name, ask, result_type=answer, retry_policy=QUICK, start_to_close_timeout=limit
        )
    return await workflow.execute_activity(
        step.name, ask, result_type=answer, task_queue=step.queue, start_to_close_timeout=limit
    )


async def by_chance(self: Saga, step: Step[Any, Any], ask: Any, note: Any = None) -> Any:
    if random.random() < 0.5:  # noqa: S311
        await asyncio.sleep(1)
    self.take_over(step, ask)
    return await to_the_end(self._noted(step, ask, note))


async def leave_open(self: Checkouts, earlier: Any) -> None:
    self.open = None


async def as_it_comes(work: Any) -> Any:
    return await work


def nothing(_: BookingWorkflow) -> list[Any]:
    return []


def nobody(_: AftercareWorkflow) -> set[str]:
    return set()


def no_timer(_: Deadline, left: timedelta) -> None:
    """Let time pass by."""


TWINS = (
    Twin(
        "the handing over of facts that came while it ended",
        BookingWorkflow,
        "unused",
        property(nothing),
        Plot((Fault.DATABASE_AWAY,), Manner.BANK_YES, 1, decides_after=timedelta(seconds=1_000)),
    ),
    Twin(
        "an undo that is registered before its step",
        Saga,
        "do",
        undo_registered_afterwards,
        Plot((Fault.PROVIDER_AWAY, Fault.CUT, Fault.ANSWER_LOST), Manner.LEAVES),
    ),
    Twin(
        "the order of the undos: the checkout is closed before the places are given back",
        Saga,
        "_undo_all",
        first_undone_first,
        Plot((Fault.CANCELLED,), Manner.LEAVES),
    ),
    Twin(
        "patience with an undo",
        Saga,
        "_undone",
        tried_once,
        Plot((Fault.UNDO_REFUSED, Fault.CANCELLED), Manner.LEAVES),
    ),
    Twin(
        "the closing of a checkout before the next is opened",
        Checkouts,
        "close_before",
        leave_open,
        Plot((Fault.SECOND_CHECKOUT,)),
    ),
    Twin("its deadline", Deadline, "count_down", no_timer, Plot((), Manner.LEAVES)),
    Twin(
        "the way on while the database is away",
        workflows.saga,
        "perform",
        outage_is_a_no,
        Plot((Fault.DATABASE_AWAY,)),
    ),
    Twin(
        "the shield around its undos",
        workflows.saga,
        "regardless",
        as_it_comes,
        Plot((Fault.CANCELLED, Fault.UNDO_REFUSED, Fault.CANCELLED_BY_HAND), Manner.LEAVES),
    ),
    Twin("one order for all replays", Saga, "do", by_chance, Plot((Fault.KILLED,), Manner.PAYS)),
    Twin(
        "ears for what comes after its end",
        AftercareWorkflow,
        "unheard",
        property(nobody),
        Plot((), Manner.BANK_YES, 1, decides_after=timedelta(hours=2)),
    ),
)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: f"without {twin.lacks}")
def test_a_saga_without_its_guard_is_found_out(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin.owner, twin.guard, twin.instead)

    with pytest.raises(Violation, match=r"again: Story\(\d+, Plot"):
        tell(twin.plot, SEEDS)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: f"with {twin.lacks}")
def test_the_same_stories_end_well_with_the_guard(twin: Twin) -> None:
    tell(twin.plot, 8)


def tell(plot: Plot, seeds: int) -> None:
    for seed in range(seeds):
        Story(seed, plot).tell()
