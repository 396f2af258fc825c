"""How long a booking takes to be accepted while many others are open, against while none is.

Two stacks side by side, workers at work on both, asked in turn; what a round has booked is given up after it,
so that one keeps its open bookings and the other none. The ratio is that of the 95th percentiles of a round.
"""

import asyncio
import statistics
import time
from typing import Any

import aiohttp

from bench.buyer import Buyer, slots_with_room
from bench.figure import Figure, middle, ratio
from bench.memory import open_bookings
from bench.stack import Stack, analyzed, fresh

AT_ONCE, EACH = 4, 200
ROUNDS = 5


def measure(*, bookings: int = 10_000) -> list[Figure]:
    """Measure on two fresh stacks, one of them with so many open bookings."""
    with fresh("bench") as full, fresh("bench-control") as empty:
        return asyncio.run(compare(full, empty, bookings))


async def compare(full: Stack, empty: Stack, number: int) -> list[Figure]:
    """Alternate between the stacks; the first round warms up."""
    async with aiohttp.ClientSession() as session:
        many, none = [Buyer(stack, session, *await slots_with_room(stack, 1)) for stack in (full, empty)]
        await open_bookings(full, many, number)
        for stack in (full, empty):
            await analyzed(stack)
        rounds = [(await p95_ms(many), await p95_ms(none)) for _ in range(ROUNDS + 1)][1:]
    with_many, with_none = zip(*rounds, strict=True)
    return [
        ratio("p95_ratio", with_many, with_none, "≤ 1.2"),
        middle("p95_with_open_ms", with_many, "ms"),
        middle("p95_with_none_ms", with_none, "ms"),
    ]


async def p95_ms(buyer: Buyer) -> float:
    """Book EACH times, AT_ONCE at a time, and give the 95th percentile; then give up what was booked."""
    left, waits, made = iter(range(EACH)), list[float](), list[dict[str, Any]]()

    async def book() -> None:
        for _ in left:
            begun = time.monotonic()
            made.append(await buyer.book())
            waits.append((time.monotonic() - begun) * 1000)

    async def give_up() -> None:
        while made:
            await buyer.cancel(made.pop())

    await asyncio.gather(*(book() for _ in range(AT_ONCE)))
    await asyncio.gather(*(give_up() for _ in range(AT_ONCE)))
    return statistics.quantiles(waits, n=20)[-1]
