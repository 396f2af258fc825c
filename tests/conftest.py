"""What tests run on: one PostgreSQL, one Temporal server, one sandbox and one browser for each process that
runs tests; for each test a database, task queues and provider accounts of its own.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = (
    "tests.support.database",
    "tests.support.temporal",
    "tests.support.sandbox",
    "tests.support.browser",
    "tests.support.stack",
)


# No duration is asserted, an example's neither: a machine that stands still fails nobody.
settings.register_profile(
    "patient", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

# Tests wait more than they reckon, so one process more than cores; each has servers that cost memory.
MOST_PROCESSES = 4


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Share the tests of folders among processes; those of a file run here, as does what is reported."""
    folders = all(Path(argument).is_dir() for argument in config.args)
    many = folders and not config.getoption("--report")
    return min((os.cpu_count() or 1) + 1, MOST_PROCESSES) if many else 0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one story of the simulation be told again, and the crash tests be reported."""
    does = "tell this story of tests/simulation, and no other; what tests/crash leaves to chance"
    parser.addoption("--seed", type=int, help=does)
    parser.addoption("--report", action="store_true", help="write docs/reliability-report.md (tests/crash)")


def pytest_configure(config: pytest.Config) -> None:
    """Let the report listen, if it is wished for."""
    if config.getoption("--report"):
        from tests.crash.report import Report  # here: pytest has to look into what tests import first

        config.pluginmanager.register(Report(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the heavy tests to `./dev test --all`; pytest tells how many were left out."""
    if os.environ.get("HOLDFAST_TEST_ALL"):
        return
    heavy = [item for item in items if item.get_closest_marker("heavy")]
    items[:] = [item for item in items if not item.get_closest_marker("heavy")]
    config.hook.pytest_deselected(items=heavy)
