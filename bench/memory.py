"""What an open booking costs the worker: KiB of its memory for each run it remembers, and for each that it
has forgotten.

Bookings are made by HTTP, as any; the worker's private memory is read before and after, once every run waits
for its payment. What a forgotten run costs is weighed at a worker that remembers few: it is full at the first
reading, so that each further booking makes it forget another. That one is weighed many times, and the middle
of the later readings is held against that of the earlier ones: a reading goes up and down by what is garbage
just then, which gathers over some nine thousand runs before Python looks for it.
"""

import asyncio
import statistics
import time
from pathlib import Path

import aiohttp
import asyncpg

from bench.buyer import Buyer, slots_with_room
from bench.figure import Figure, middle
from bench.progress import Progress
from bench.stack import Stack, fresh

WARM_UP, OPEN, AT_ONCE = 1_500, 2_000, 16
# A worker that forgets is as large as it will be after some four thousand runs: connections, threads, arenas.
FEW, FORGETTING, EACH, HALF = 100, 5_000, 1_000, 10
PATIENCE_SECONDS = 300.0
# The first step of the last runs, and then the worker's own giving back (`worker.TRIM_SECONDS`).
REST_SECONDS = 12.0

UNTOLD = "select count(*) from bookings where saga_started_at is null"


def measure() -> list[Figure]:
    """Measure on two fresh stacks, one after the other."""
    with fresh() as stack:
        before, after = asyncio.run(weigh(stack, WARM_UP, OPEN, times=1))
    with fresh(WORKER_CACHED_RUNS=str(FEW)) as stack:
        forgetful = asyncio.run(weigh(stack, FORGETTING, EACH, times=2 * HALF - 1))
    forgotten = (statistics.median(forgetful[HALF:]) - statistics.median(forgetful[:HALF])) / (EACH * HALF)
    return [
        middle("kib_per_open_booking", [(after - before) / OPEN], "KiB", "≤ 64"),
        Figure("kib_per_evicted_booking", round(forgotten, 2), "KiB", "≤ 0"),
        middle("forgetful_worker_mib", [weight / 1024 for weight in forgetful], "MiB"),
    ]


async def weigh(stack: Stack, warm_up: int, number: int, *, times: int) -> list[float]:
    """Open `number` bookings, `times` times, behind a warm-up; gives the KiB of the worker between."""
    async with aiohttp.ClientSession() as session:
        buyer = Buyer(stack, session, *await slots_with_room(stack, 1))
        await open_bookings(stack, buyer, warm_up)
        weights, weighed = [private_kib(stack.pid("worker"))], Progress("weighed", times)
        for n in range(times):
            await open_bookings(stack, buyer, number)
            weights.append(private_kib(stack.pid("worker")))
            weighed.reached(n + 1)
    return weights


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
