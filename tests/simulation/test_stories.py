"""The real sagas through seeded stories of trouble; a failing seed names the command that tells it again."""

import pytest

from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.story import Plot, Story

STORIES = 600


@pytest.mark.row("SAG-03", partly="in the simulation: the statements themselves are tested on PostgreSQL")
@pytest.mark.row("SAG-06", partly="in the simulation, beside the stories on real processes")
def test_whatever_goes_wrong_nothing_is_oversold_stranded_or_told_twice(seeds: range) -> None:
    for seed in seeds:
        Story(seed).tell()


@pytest.mark.parametrize("manner", Manner, ids=lambda manner: manner.name.lower())
@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
def test_each_trouble_meets_each_kind_of_buyer(fault: Fault, manner: Manner) -> None:
    Story(1, Plot(troubles=(fault,), manner=manner)).tell()


def test_each_trouble_strikes() -> None:
    never = {fault for fault in Fault if not any(_strikes(fault, seed) for seed in range(60))}

    assert never == set()


def test_a_seed_is_the_same_story_every_time() -> None:
    assert Story(7).tell().clock.trace == Story(7).tell().clock.trace


def _strikes(fault: Fault, seed: int) -> bool:
    return bool(Story(seed, Plot(troubles=(fault,))).tell().faults.struck[fault])
