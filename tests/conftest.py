"""What tests run on: one PostgreSQL, one Temporal server, one sandbox and one browser for the whole run; for
each test a database, task queues and provider accounts of its own.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings
from playwright.async_api import Browser
from temporalio.client import Client

from tests.support.browser import chromium
from tests.support.sandbox import sandbox_process
from tests.support.temporal import connect, temporal_server

pytest_plugins = ("tests.support.database",)

# How long an example takes says nothing on a machine that is shared.
settings.register_profile("holdfast", deadline=None)
settings.load_profile("holdfast")


@pytest.fixture(scope="session")
def temporal_address() -> Iterator[str]:
    """Run one Temporal server, with quick timers; TEMPORAL_ADDRESS names one that runs already."""
    if given := os.environ.get("TEMPORAL_ADDRESS"):
        yield given
        return
    with temporal_server() as server:
        yield server.address


@pytest.fixture(scope="session")
async def temporal(temporal_address: str) -> Client:
    """Connect to the server of the run."""
    return await connect(temporal_address)


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """Run one sandbox; tests keep apart by their accounts."""
    with sandbox_process() as url:
        yield url


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run one browser; each test opens a context of its own."""
    async with chromium() as running:
        yield running
