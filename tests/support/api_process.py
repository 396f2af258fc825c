"""The API as a process of its own, for tests that read what it writes."""

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


@asynccontextmanager
async def api_process(stack: Stack, log: Path) -> AsyncIterator[str]:
    """Serve the API over the stack's settings, webhooks included; gives its address."""
    port = any_free()
    url = f"http://127.0.0.1:{port}"
    secret = await stack.sandbox.register(f"{url}/api/v1/webhooks/stripe")
    secrets = f"{stack.settings.stripe_webhook_secret},{secret}"
    process = Process(
        Program(
            name="api",
            command=[sys.executable, "-m", "uvicorn", "api.app:app", "--port", str(port)],
            log=log,
            ready=lambda _pid: is_well(f"{url}/health/live"),
            environment={
                "PATH": os.environ["PATH"],
                **stack.environment,
                "STRIPE_WEBHOOK_SECRET": secrets,
                "API_URL": url,
            },
            cwd=ROOT,
        )
    )
    async with running(process):
        yield url
