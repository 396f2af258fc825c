"""The API served for a test: in this process, by the real server, on a port of its own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from api.protocol import PunctualProtocol
from tests.support.wait import eventually


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave Ctrl-C to pytest."""
        yield


@contextlib.asynccontextmanager
async def serving(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """Serve an application on a bound socket meanwhile, start-up and shut-down included."""
    config = uvicorn.Config(
        app,
        http=PunctualProtocol,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=120,  # a machine that stands still cuts nobody
    )
    async with served_as(config, listening):
        yield


@contextlib.asynccontextmanager
async def served_as(config: uvicorn.Config, listening: socket.socket) -> AsyncIterator[None]:
    """Serve what is configured so on a bound socket meanwhile."""
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    await eventually(lambda: _has_begun(server, task), what="the API")
    if not server.started:
        task.result()  # raises why
        raise RuntimeError("the API did not start")
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _has_begun(server: uvicorn.Server, task: "asyncio.Task[None]") -> bool:
    return server.started or task.done()


def free_socket() -> socket.socket:
    """Bind a free port on loopback, so that its address is known before anybody serves there."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def address(listening: socket.socket) -> str:
    """Give the address of a bound socket as a URL."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"
