"""One Temporal server for the whole run, with quick timers, and what a test wants to know of its runs."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter

from devtools.ports import any_free
from devtools.temporal import QUICK_TIMERS, Temporal


@contextmanager
def temporal_server(*, database: Path | None = None) -> Iterator[Temporal]:
    """Run a development server on free ports; its state is in memory, or in `database` and survives it."""
    with tempfile.TemporaryDirectory(prefix="holdfast-temporal-") as folder:
        server = Temporal(
            log=Path(folder) / "temporal.log",
            port=any_free(),
            http_port=any_free(),
            database=database,
            dynamic=QUICK_TIMERS,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


async def connect(address: str) -> Client:
    """Connect as our processes do."""
    return await Client.connect(address, data_converter=pydantic_data_converter)


def kinds(history: WorkflowHistory) -> list[str]:
    """List the events of a history by kind, such as `TIMER_STARTED`, in order."""
    return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]


def steps_done(history: WorkflowHistory) -> list[str]:
    """List the steps a run has asked for, in order: local ones by the marker of their end, ordinary ones by
    when they were scheduled.
    """
    done = []
    for event in history.events:
        if event.HasField("marker_recorded_event_attributes"):
            details = event.marker_recorded_event_attributes.details["data"]
            done.append(json.loads(details.payloads[0].data)["activity_type"])
        elif event.HasField("activity_task_scheduled_event_attributes"):
            done.append(event.activity_task_scheduled_event_attributes.activity_type.name)
    return done


@pytest.fixture(scope="session")
def temporal_address() -> Iterator[str]:
    """Run one server for all tests; TEMPORAL_ADDRESS names one that runs already."""
    if given := os.environ.get("TEMPORAL_ADDRESS"):
        yield given
        return
    with temporal_server() as server:
        yield server.address


@pytest.fixture(scope="session")
async def temporal(temporal_address: str) -> Client:
    """Connect to the server of the run."""
    return await connect(temporal_address)
