"""One campaign for the trials that were chosen."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from tests.crash.campaign import Campaign, Trial, crash, seed_of
from tests.crash.crowd import rush
from tests.crash.fault import suffer


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
    if point := values.get("point"):
        yield point.name, partial(crash, point=point)
    if crowd := values.get("crowd"):
        yield crowd.name, partial(rush, crowd=crowd, seed=seed)
    if fault := values.get("fault"):
        yield fault.name, partial(suffer, fault=fault, seed=seed)
