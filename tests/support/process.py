"""Our own programs as processes of their own: entered when they serve, ended in the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from devtools.process import Process, tail
from tests.support.wait import eventually

P = TypeVar("P", bound=Process)


@asynccontextmanager
async def running(process: P) -> AsyncIterator[P]:
    """Run a process meanwhile; AssertionError with its last lines when it ends before it serves."""
    process.start()
    try:
        program = process.program
        await eventually(lambda: _serves(process), what=f"{program.name} ({' '.join(tail(program.log))})")
        yield process
    finally:
        process.stop()


async def _serves(process: Process) -> bool:
    assert process.ended() is None, process.obituary()
    return process.is_ready()
