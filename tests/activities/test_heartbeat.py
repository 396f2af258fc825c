"""Whether a step says that it is still being done."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.heartbeat import Heartbeats
from tests.support.wait import PATIENCE_SECONDS


class Step(ActivityInboundInterceptor):
    """A step at the end of the chain; does what the test wants."""

    def __init__(self, work: Callable[[], Awaitable[str]]) -> None:
        self.work = work

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ARG002
        return await self.work()


async def done(work: Callable[[], Awaitable[str]], *, silence: timedelta, heard: Callable[..., None]) -> Any:
    """Have a step done under this heartbeat timeout; each beat is `heard`."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_timeout=silence)
    environment.on_heartbeat = heard
    watched = Heartbeats().intercept_activity(Step(work))
    ask = ExecuteActivityInput(fn=work, args=(), executor=None, headers={})
    async with asyncio.timeout(PATIENCE_SECONDS):  # a step that waits for beats in vain
        return await environment.run(watched.execute_activity, ask)


async def test_a_long_step_beats_until_it_is_done() -> None:
    beats = asyncio.Semaphore(0)

    async def long() -> str:
        for _ in range(3):
            await beats.acquire()
        return "done"

    assert await done(long, silence=timedelta(milliseconds=3), heard=beats.release) == "done"


async def test_a_step_that_is_done_beats_no_more() -> None:
    first, second = [], asyncio.Semaphore(0)
    begun = asyncio.Event()

    async def until_the_first_beat() -> str:
        await begun.wait()
        return "done"

    def beat() -> None:
        first.append(1)
        begun.set()

    async def for_three_beats() -> str:
        for _ in range(3):
            await second.acquire()
        return "done"

    await done(until_the_first_beat, silence=timedelta(milliseconds=3), heard=beat)
    heard = len(first)
    await done(for_three_beats, silence=timedelta(milliseconds=6), heard=second.release)

    assert len(first) == heard


async def test_a_short_step_costs_no_message() -> None:
    heard = []

    async def short() -> str:
        others_had_their_turn = asyncio.Event()
        asyncio.get_running_loop().call_soon(others_had_their_turn.set)
        await others_had_their_turn.wait()
        return "done"

    assert await done(short, silence=timedelta(seconds=8), heard=lambda: heard.append(1)) == "done"
    assert heard == []
