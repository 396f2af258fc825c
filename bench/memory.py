"""What an open booking costs the worker: KiB of its memory for each run it remembers, and for each that it
has forgotten.

Bookings are made by HTTP, as any; the worker's private memory is read before and after, once every run waits
for its payment. What a forgotten run costs is weighed at a worker that remembers few: it is full at the first
reading, so that each further booking makes it forget another. That one is weighed several times, and the
middle counts: what is garbage at the moment of a reading is as large as what some hundred runs leave behind.
"""

import asyncio
import time
from pathlib import Path

import aiohttp
import asyncpg

from bench.buyer import Buyer, slots_with_room
from bench.figure import Figure, middle
from bench.stack import Stack, fresh

WARM_UP, OPEN, AT_ONCE = 1_500, 2_000, 16
FEW, ROUNDS = 100, 5
PATIENCE_SECONDS = 300.0
# The first step of the last runs, and then the worker's own giving back (`worker.TRIM_SECONDS`).
REST_SECONDS = 12.0

UNTOLD = "select count(*) from bookings where saga_started_at is null"


def measure() -> list[Figure]:
    """Measure on two fresh stacks, one after the other."""
    with fresh() as stack:
        remembered, whole = asyncio.run(grow(stack, OPEN))
    with fresh(WORKER_CACHED_RUNS=str(FEW)) as stack:
        evicted, _ = asyncio.run(grow(stack, *[OPEN // 2] * ROUNDS))
    return [
        middle("kib_per_open_booking", remembered, "KiB", "≤ 64"),
        middle("kib_per_evicted_booking", evicted, "KiB", "≤ 0"),
        middle("worker_mib", [whole / 1024], "MiB"),
    ]


async def grow(stack: Stack, *numbers: int) -> tuple[list[float], float]:
    """Open so many bookings, time after time, and weigh the worker before and after; gives KiB for each, and
    of the whole at last.
    """
    grown: list[float] = []
    async with aiohttp.ClientSession() as session:
        buyer = Buyer(stack, session, *await slots_with_room(stack, 1))
        await open_bookings(stack, buyer, WARM_UP)
        weight = private_kib(stack.pid("worker"))
        for number in numbers:
            before = weight
            await open_bookings(stack, buyer, number)
            weight = private_kib(stack.pid("worker"))
            grown.append((weight - before) / number)
    return grown, weight


async def open_bookings(stack: Stack, buyer: Buyer, number: int) -> None:
    """Make bookings and wait until each has its run."""
    left = iter(range(number))

    async def again() -> None:
        for _ in left:
            await buyer.book()

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    await all_told(stack)


async def all_told(stack: Stack) -> None:
    """Wait until Temporal knows of every booking."""
    connection = await asyncpg.connect(stack.settings["DATABASE_URL"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while await connection.fetchval(UNTOLD):
            if time.monotonic() > deadline:
                raise TimeoutError("not every booking has its run")
            await asyncio.sleep(0.2)
    finally:
        await connection.close()
    await asyncio.sleep(REST_SECONDS)


def private_kib(pid: int) -> float:
    """Read how much memory is this process's alone."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    lines = dict(line.split(":", 1) for line in told.splitlines()[1:])
    return sum(float(lines[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))
