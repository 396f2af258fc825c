"""How many bookings a second go from the request to the tickets, against workflows that do nothing in as many
events; and the CPU that each process spends on one.

The paid booking does everything: HTTP, PostgreSQL, the sandbox's payment, its webhook, tickets, books, mail.
The control only talks to the engine, with a run for the mail as the booking has, and once more without. All
at the same concurrency, side by side, the median of the paired ratios.
"""

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import aiohttp

from bench import noop
from bench.buyer import Buyer, slots_with_room
from bench.cpu import Host, Meter
from bench.figure import Figure, middle, ratio
from bench.stack import ROOT, Stack, fresh
from devtools.say import warn

AT_ONCE = 8
EACH = 80
ROUNDS = 5
# A round in which others took more of the machine than this is done again, so often at most.
MOST_TAKEN, TRIES = 0.15, 5


def measure() -> list[Figure]:
    """Measure on a fresh stack."""
    with fresh() as stack, control(stack) as pid:
        return asyncio.run(compare(stack, pid))


async def compare(stack: Stack, pid: int) -> list[Figure]:
    """Warm up, then alternate subject and control."""
    client = await noop.connect(stack.settings["TEMPORAL_ADDRESS"])
    rates, meter = dict[str, list[float]](), Meter(stack, control=pid)
    async with aiohttp.ClientSession() as session:
        buyer = Buyer(stack, session, *await slots_with_room(stack, 1))
        work = {
            "paid": buyer.buy,
            "noop": lambda: noop.with_notice(client, uuid.uuid4().hex),
            "unmailed": lambda: noop.go_through(client, uuid.uuid4().hex),
        }
        for each in work.values():
            await rate(each)
        while len(rates.get("paid", ())) < ROUNDS:
            for name, reached in (await undisturbed(work, meter)).items():
                rates.setdefault(name, []).append(reached)
    return [
        ratio("paid_over_noop", rates["paid"], rates["noop"], "≥ 0.8"),
        ratio("paid_over_unmailed", rates["paid"], rates["unmailed"]),
        *(middle(f"{name}_per_s", reached, "1/s") for name, reached in rates.items()),
        *meter.figures(),
    ]


async def undisturbed(work: Mapping[str, Callable[[], Awaitable[str]]], meter: Meter) -> dict[str, float]:
    """Give the rates of a round, of each kind once, in which others took little of the machine."""
    for _ in range(TRIES):
        host, reached = Host(), dict[str, float]()
        for name, each in work.items():
            with meter.of(name) as done:
                reached[name] = await rate(each)
                done(EACH)
        if host.taken <= MOST_TAKEN:
            return reached
        warn(f"  a round is done again: others took {host.taken:.0%} of the machine")
    sys.exit("no rate was measured: others take too much of this machine")


async def rate(work: Callable[[], Awaitable[str]]) -> float:
    """Do it EACH times, AT_ONCE at a time, and give the rate."""
    left = iter(range(EACH))
    begun = time.monotonic()

    async def again() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    return EACH / (time.monotonic() - begun)


@contextmanager
def control(stack: Stack) -> Iterator[int]:
    """Run the worker of the do-nothing workflow in a process of its own; gives its pid."""
    address = stack.settings["TEMPORAL_ADDRESS"]
    process = subprocess.Popen([sys.executable, "-m", "bench.noop", address], cwd=ROOT)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait(10)
