"""A worker as a process of its own, for tests that kill it or ask it from outside."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from devtools.health import is_well
from devtools.paths import ROOT
from devtools.ports import any_free
from devtools.process import Process, Program
from tests.support.process import running
from tests.support.stack import Stack


class WorkerProcess(Process):
    """A running `worker.py`; `health` is where it tells how it is."""

    def __init__(self, program: Program, health: str) -> None:
        super().__init__(program)
        self.health = health


@asynccontextmanager
async def worker_process(stack: Stack, log: Path, *queues: str) -> AsyncIterator[WorkerProcess]:
    """Run `worker.py` for these queues (all when none is named) over the stack's settings."""
    metrics, health = any_free(), any_free()
    ports = {"WORKER_METRICS_PORT": str(metrics), "WORKER_HEALTH_PORT": str(health)}
    url = f"http://127.0.0.1:{health}"
    process = WorkerProcess(
        Program(
            name="worker",
            command=[sys.executable, "worker.py", *(["--queue", *queues] if queues else [])],
            log=log,
            ready=lambda _pid: is_well(f"{url}/health/ready"),
            environment={"PATH": os.environ["PATH"], **stack.environment, **ports},
            cwd=ROOT,
        ),
        url,
    )
    async with running(process):
        yield process
