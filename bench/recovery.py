"""Seconds until bookings in flight went on after a process was killed.

Buyers whose programs repeat a request that got no answer, with its key, are at every step between the first
request and the tickets when the process dies; the supervisor starts it again. `first` and `last` are when the
first and the last of them had its tickets, counted from when the process served again; `down` is how long it
did not.
"""

import asyncio
import time
from typing import Any

import aiohttp

from bench.buyer import Buyer, slots_with_room
from bench.figure import Figure, middle
from bench.stack import Stack, fresh

ROUNDS = 3
IN_FLIGHT = 24
# One buyer after the other, so that they are at different steps.
APART_SECONDS = 0.05
LOOK_EVERY_SECONDS = 0.05
AGAIN_SECONDS = 0.1
PATIENCE_SECONDS = 180.0

GOALS = {
    "worker": {"last": "≤ 10"},
    "api": {"first": "≤ 2"},
    "temporal": {"last": "≤ 15"},
    "postgres": {"first": "≤ 5"},
}


class Stubborn(Buyer):
    """A buyer whose program repeats what got no answer until it has one."""

    async def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        while True:
            try:
                async with self.session.post(f"{self.stack.api}{path}", json=body, headers=headers) as answer:
                    if answer.status in (200, 201):
                        return dict(await answer.json())
                    if answer.status not in (202, 500, 503):
                        answer.raise_for_status()
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                pass  # nobody is there, or died while answering
            await asyncio.sleep(AGAIN_SECONDS)

    async def confirmed(self, booking: dict[str, Any]) -> None:
        """Follow the booking's events until it is confirmed, from the first again where they break off."""
        while True:
            try:
                return await super().confirmed(booking)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
                await asyncio.sleep(AGAIN_SECONDS)


def measure() -> list[Figure]:
    """Measure on a fresh stack, one process after the other."""
    with fresh() as stack:
        return asyncio.run(kill_each(stack))


async def kill_each(stack: Stack) -> list[Figure]:
    """Kill each process some times."""
    figures = []
    async with aiohttp.ClientSession() as session:
        buyer = Stubborn(stack, session, *await slots_with_room(stack, 1))
        await buyer.buy()
        for name, goals in GOALS.items():
            rounds = [await kill(stack, buyer, name) for _ in range(ROUNDS)]
            for kind, runs in zip(("first", "last", "down"), zip(*rounds, strict=True), strict=True):
                figures.append(middle(f"{name}_{kind}_s", runs, "s", goals.get(kind, "")))
    return figures


async def kill(stack: Stack, buyer: Buyer, name: str) -> tuple[float, float, float]:
    """Kill a process among bookings in flight; gives first, last and down in seconds."""
    ended: list[float] = []

    async def flight(delay: float) -> None:
        await asyncio.sleep(delay)
        await buyer.buy()
        ended.append(time.monotonic())

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as flights:
        for n in range(IN_FLIGHT):
            flights.create_task(flight(n * APART_SECONDS))
        await asyncio.sleep(IN_FLIGHT * APART_SECONDS)
        pid, killed = stack.pid(name), time.monotonic()
        stack.kill(name)
        await asyncio.to_thread(wait_for_another, stack, name, pid)
        back = time.monotonic()
    later = [end for end in ended if end > killed] or [back]
    return max(0.0, min(later) - back), max(0.0, max(later) - back), back - killed


def wait_for_another(stack: Stack, name: str, pid: int) -> None:
    """Wait until a process other than this one serves."""
    while stack.pid(name) == pid or not stack.serves(name):
        time.sleep(LOOK_EVERY_SECONDS)
