"""How long one booking takes when it is alone, from the request to the ticket, and how long a stack takes to
come up when everything is installed.
"""

import asyncio
import time

import aiohttp

from bench.buyer import Buyer, slots_with_room
from bench.figure import Figure, middle
from bench.stack import Stack, fresh

BOOKINGS = 20


def measure() -> list[Figure]:
    """Measure on a fresh stack."""
    with fresh() as stack:
        whole = asyncio.run(alone(stack))
    return [middle("whole_ms", whole, "ms"), Figure("up_seconds", round(stack.up_seconds, 1), "s", "≤ 20")]


async def alone(stack: Stack) -> list[float]:
    """Buy one after the other, the first to warm up, and give the milliseconds of each."""
    async with aiohttp.ClientSession() as session:
        buyer, taken = Buyer(stack, session, *await slots_with_room(stack, 1)), []
        for _ in range(BOOKINGS + 1):
            begun = time.monotonic()
            await buyer.buy()
            taken.append((time.monotonic() - begun) * 1000)
    return taken[1:]
