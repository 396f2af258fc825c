"""What tests run on: one PostgreSQL, one Temporal server, one sandbox and one browser for the whole run; for
each test a database, task queues and provider accounts of its own.
"""

import os

import pytest

pytest_plugins = (
    "tests.support.database",
    "tests.support.temporal",
    "tests.support.sandbox",
    "tests.support.browser",
    "tests.support.stack",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one story of the simulation be told again."""
    parser.addoption("--seed", type=int, help="tell this story of tests/simulation, and no other")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the heavy tests to `./dev test --all`; pytest tells how many were left out."""
    if os.environ.get("HOLDFAST_TEST_ALL"):
        return
    heavy = [item for item in items if item.get_closest_marker("heavy")]
    items[:] = [item for item in items if not item.get_closest_marker("heavy")]
    config.hook.pytest_deselected(items=heavy)
