"""One campaign for the trials that were chosen."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from tests.crash.campaign import Campaign, Trial, crash, seed_of
from tests.crash.crowd import Crowd, rush
from tests.crash.fault import Fault, suffer
from tests.crash.point import Point


@pytest.fixture(scope="session")
async def campaign(request: pytest.FixtureRequest, quiet: None) -> AsyncIterator[Campaign]:
    """Take the trials of all chosen tests, a few at a time."""
    seed = seed_of(request.config)
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    trials = {name: trial for values in chosen for name, trial in _trials(values, seed)}
    async with Campaign(trials, seed).running() as begun:
        yield begun


def _trials(values: dict[str, Any], seed: int) -> Iterator[tuple[str, Trial]]:
    """Find the trial that a test with these parameters waits for."""
    for value in values.values():
        match value:
            case Point():
                yield value.name, partial(crash, point=value)
            case Crowd():
                yield value.name, partial(rush, crowd=value, seed=seed)
            case Fault():
                yield value.name, partial(suffer, fault=value, seed=seed)
            case _:
                pass
