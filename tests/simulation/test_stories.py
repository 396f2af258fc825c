"""The real sagas through seeded stories of trouble; a failing seed names the command that tells it again."""

import os
import subprocess
import sys

import pytest

from devtools.paths import ROOT
from tests.simulation.fault import Fault
from tests.simulation.story import Plot, Story

STORIES = 300


@pytest.mark.row("SAG-04", partly="vouchers")
def test_whatever_goes_wrong_nothing_is_oversold_stranded_or_told_twice(seeds: range) -> None:
    for seed in seeds:
        Story(seed).tell()


@pytest.mark.parametrize("seed", [50_007, 51_622, 52_173])
def test_a_story_that_once_went_wrong_ends_well(seed: int) -> None:
    """A lost run's successor is cancelled by hand while it learns what was left."""
    Story(seed).tell()


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
def test_each_trouble_strikes(fault: Fault) -> None:
    """By itself, or with a death in a task or money that goes back, on which some troubles wait."""
    troubles = (fault, Fault.KILLED_IN_TASK, Fault.OTHER_AMOUNT)

    assert any(Story(seed, Plot(troubles)).tell().faults.struck[fault] for seed in range(100))


def test_a_seed_is_the_same_story_in_every_process() -> None:
    """Nothing hangs on the order of a set, which is another in each process: there a replay would differ."""
    tellings = {told_elsewhere(hash_seed) for hash_seed in (1, 2)}

    assert len(tellings) == 1
    assert "is told payment_reported" in tellings.pop()


def told_elsewhere(hash_seed: int) -> str:
    """Tell some stories in a process of their own; gives what happened."""
    tell = "import logging; from tests.simulation.story import Story; logging.disable(); "
    program = f"{tell}[print(Story(seed).tell().clock.told()) for seed in range(10)]"
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
