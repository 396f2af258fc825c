"""Open bookings through a restart of everything: how late their places were sellable again, and how fast
they all came to their end.

Half have a checkout open. All holds are made to end at one instant. Before it API, worker, Temporal,
PostgreSQL and the provider's sandbox are killed and brought up again. A place is sellable when nobody holds
it: the k-th place that came free is compared with the k-th deadline (`kept_until`, which with a checkout open
lies behind `expires_at`). The control is the rate of workflows that do nothing, on the same stack afterwards.
"""

import asyncio
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
from temporalio.client import Client

from bench import noop, saga
from bench.buyer import Buyer, slots_with_room
from bench.figure import Figure
from bench.progress import Progress
from bench.stack import Stack, fresh

AT_ONCE = 16
# What is left of the hold when all bookings are made: enough to bring everything up again.
SPARE_SECONDS = 45
LOOK_EVERY_SECONDS = 0.2
PATIENCE_SECONDS = 5_400.0

END_TOGETHER = """
update offers set terms = terms || jsonb_build_object('hold_seconds', $2 - extract(epoch from now())::int)
 where id = $1
"""
DEADLINES = """
select extract(epoch from kept_until)::float8
  from holds where counter_id = $1 and status = 'active' order by kept_until
"""
HELD = "select extract(epoch from now())::float8, held, sold from counters where id = $1"
ENDS = "select extract(epoch from ended_at)::float8 from bookings where slot_id = $1 and status = 'expired'"


def measure(*, bookings: int = 10_000, hold: int = 1_200) -> list[Figure]:
    """Measure on a fresh stack: so many open bookings, whose time is over `hold` seconds from its start."""
    with fresh() as stack:
        return asyncio.run(through(stack, bookings, hold))


async def through(stack: Stack, number: int, hold: int) -> list[Figure]:
    """Open bookings, kill everything, bring it up, and watch the places come free."""
    (slot,) = await slots_with_room(stack, 1)
    async with database(stack) as tables:
        end = int(await tables.fetchval("select extract(epoch from now())")) + hold
        await make(stack, tables, slot, number, end)
        deadlines = [row[0] for row in await tables.fetch(DEADLINES, uuid.UUID(slot))]
    if len(deadlines) < number or end - time.time() < SPARE_SECONDS:
        sys.exit(f"{hold} s are too short to open {number} bookings here: choose a longer --hold")
    begun = time.monotonic()
    stack.kill_everything()
    stack.place.up()
    down = time.monotonic() - begun
    async with database(stack) as tables:
        late = await free(tables, slot, deadlines)
        ends = await finals(tables, slot, number)
        await nothing_left(stack, tables, slot)
    client = await noop.connect(stack.settings["TEMPORAL_ADDRESS"])
    with saga.control(stack):
        engine = await saga.rate(lambda: noop.go_through(client, uuid.uuid4().hex))
    rate = number / (max(ends) - end)
    return [
        Figure("final_over_noop", round(rate / engine, 3), "ratio"),
        Figure("final_per_s", round(rate, 1), "1/s"),
        Figure("noop_per_s", round(engine, 1), "1/s"),
        Figure("sellable_late_s", round(statistics.median(late), 2), "s"),
        Figure("sellable_late_p95_s", round(statistics.quantiles(late, n=20)[-1], 2), "s"),
        Figure("sellable_late_max_s", round(max(late), 2), "s"),
        Figure("down_s", round(down, 1), "s"),
    ]


@asynccontextmanager
async def database(stack: Stack) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Connect to the tables of the demo organizer."""
    connection = await asyncpg.connect(stack.settings["DATABASE_APP_URL"])
    try:
        await connection.execute(
            "select set_config('app.tenant_id', $1, false)", stack.catalogue["tenant_id"]
        )
        yield connection
    finally:
        await connection.close()


async def make(
    stack: Stack, tables: "asyncpg.Connection[asyncpg.Record]", slot: str, number: int, end: int
) -> None:
    """Open so many bookings, every second one with a checkout, all to end at the same second."""
    left, opened = iter(range(number)), Progress("opened", number)
    async with aiohttp.ClientSession() as session:
        buyer = Buyer(stack, session, slot)
        offer_id = uuid.UUID(buyer.offer["offer_id"])
        await tables.execute(END_TOGETHER, offer_id, end)

        async def again() -> None:
            for n in left:
                booking = await buyer.book()
                if n % 2:
                    await buyer.checkout(booking)
                opened.reached(n + 1)

        async def keep_the_end() -> None:
            while True:
                await tables.execute(END_TOGETHER, offer_id, end)
                await asyncio.sleep(0.5)

        keeping = asyncio.create_task(keep_the_end())
        try:
            await asyncio.gather(*(again() for _ in range(AT_ONCE)))
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def free(
    tables: "asyncpg.Connection[asyncpg.Record]", slot: str, deadlines: list[float]
) -> list[float]:
    """Watch the places come free, and give how many seconds after its deadline each was."""
    freed: list[float] = []
    until, sellable = deadlines[-1] + PATIENCE_SECONDS, Progress("sellable again", len(deadlines))
    while len(freed) < len(deadlines):
        now, held, _ = await counted(tables, slot)
        freed += [now] * (len(deadlines) - held - len(freed))
        sellable.reached(len(freed))
        if now > until:
            sys.exit(f"{held} places are still held")
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    return [max(0.0, at - due) for at, due in zip(freed, deadlines, strict=True)]


async def finals(tables: "asyncpg.Connection[asyncpg.Record]", slot: str, number: int) -> list[float]:
    """Wait until every booking has ended, and give when each did."""
    deadline, ended = time.monotonic() + PATIENCE_SECONDS, Progress("at their end", number)
    while len(ends := [row[0] for row in await tables.fetch(ENDS, uuid.UUID(slot))]) < number:
        ended.reached(len(ends))
        if time.monotonic() > deadline:
            sys.exit(f"only {len(ends)} of {number} bookings have ended")
        await asyncio.sleep(1)
    return ends


async def nothing_left(stack: Stack, tables: "asyncpg.Connection[asyncpg.Record]", slot: str) -> None:
    """Hold the end against what it should be: counters at nought, no run and no checkout left open."""
    client = await Client.connect(stack.settings["TEMPORAL_ADDRESS"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    running = "WorkflowType = 'BookingWorkflow' and ExecutionStatus = 'Running'"
    while runs := (await client.count_workflows(running)).count:
        if time.monotonic() > deadline:
            sys.exit(f"{runs} runs are still open")
        await asyncio.sleep(1)
    _, held, sold = await counted(tables, slot)
    if (held, sold) != (0, 0):
        sys.exit(f"the counter is wrong: {held} held, {sold} sold")


async def counted(tables: "asyncpg.Connection[asyncpg.Record]", slot: str) -> tuple[float, int, int]:
    """Give the database's time in seconds, and how many places are held and sold."""
    ((now, held, sold),) = await tables.fetch(HELD, uuid.UUID(slot))
    return now, held, sold
