"""Which seeds are told: as many as `STORIES` of each module says, twenty times as many with
`./dev test --all`, or the one that `--seed` names.
"""

import logging
import os
from collections.abc import Iterator

import pytest

BATCH = 100
MORE = 20


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--seed`, run nothing but what tells that seed."""
    if config.getoption("--seed") is not None:
        items[:] = [item for item in items if "seeds" in getattr(item, "fixturenames", ())]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Keep what sagas tell operators to themselves: trouble is what these tests are about."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that take `seeds` a batch at a time."""
    if "seeds" not in metafunc.fixturenames:
        return
    one = metafunc.config.getoption("--seed")
    if one is not None:
        metafunc.parametrize("seeds", [range(one, one + 1)], ids=str)
        return
    stories = metafunc.module.STORIES * (MORE if os.environ.get("HOLDFAST_TEST_ALL") else 1)
    batches = [range(first, min(first + BATCH, stories)) for first in range(0, stories, BATCH)]
    metafunc.parametrize("seeds", batches, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
