"""How many bookings a second go from the request to the tickets and their mail, against workflows that do
nothing in as many events; and the CPU that each process spends on one.

The paid booking does everything: HTTP, PostgreSQL, the sandbox's payment, its webhook, tickets, books, mail.
The control only talks to the engine, with a run for the mail as the booking has. They take turns with crowds
of three sizes, now one first and now the other, and a turn is over when its last mail is: what one leaves
undone would be counted as the other's. What counts is how fast each gets with the crowd that suits it best;
the ratios of every crowd are told as well.

The provider answers in no time: what the sandbox itself takes of the two cores, which are busy throughout, is
taken out of the paid turns. `paid_over_noop_beside_provider` leaves it in.
"""

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

import aiohttp
from temporalio.client import Client

from bench import noop
from bench.buyer import Buyer, slots_with_room
from bench.cpu import Host, Meter
from bench.figure import Figure, middle, ratio
from bench.progress import Progress
from bench.stack import ROOT, Stack, analyzed, fresh
from devtools.say import warn

# So many buyers at once, and so many bookings by them.
CROWDS = (8, 16, 24)
AT_ONCE = 8
EACH = 240
ROUNDS = 5
# A turn in which others took more of the machine than this is taken again, so often at most.
MOST_TAKEN, TRIES = 0.15, 5
# The last mail of a turn is looked for this often, and for so long. A look costs the engine ten milliseconds.
LOOK_SECONDS, MAILED_SECONDS = 0.25, 30.0

Work: TypeAlias = Callable[[], Awaitable[str]]
Rates: TypeAlias = dict[int, dict[str, float]]  # by crowd and kind


@dataclass(frozen=True)
class Kind:
    """A kind of work, and the workflow that sends a mail for each time it is done."""

    work: Work
    mail: str


def measure() -> list[Figure]:
    """Measure on a fresh stack."""
    with fresh() as stack, control(stack) as pid:
        return asyncio.run(compare(stack, pid))


async def compare(stack: Stack, pid: int) -> list[Figure]:
    """Warm up, then alternate subject and control."""
    client = await noop.connect(stack.settings["TEMPORAL_ADDRESS"])
    rounds, meter = list[Rates](), Meter(stack, control=pid)
    async with aiohttp.ClientSession() as session:
        buyer = Buyer(stack, session, *await slots_with_room(stack, 1))
        kinds = {
            "paid": Kind(buyer.buy, "NoticeWorkflow"),
            "noop": Kind(lambda: noop.with_notice(client, uuid.uuid4().hex), "NoopNoticeWorkflow"),
        }
        for kind in kinds.values():
            await mailed_rate(client, kind)
        await analyzed(stack)
        measured = Progress("rounds measured", ROUNDS)
        for done in range(ROUNDS):
            rounds.append({crowd: await undisturbed(client, kinds, meter, crowd) for crowd in CROWDS})
            kinds = dict(reversed(kinds.items()))
            measured.reached(done + 1)
    by_crowd = {name: {n: [each[n][name] for each in rounds] for n in CROWDS} for name in kinds}
    best = {name: max(rates.values(), key=median) for name, rates in by_crowd.items()}
    ours = 1 - meter.share("paid", "sandbox")
    return [
        ratio("paid_over_noop", [reached / ours for reached in best["paid"]], best["noop"], "≥ 0.8"),
        ratio("paid_over_noop_beside_provider", best["paid"], best["noop"]),
        *(ratio(f"paid_over_noop_at_{n}", by_crowd["paid"][n], by_crowd["noop"][n]) for n in CROWDS),
        *(middle(f"{name}_per_s", reached, "1/s") for name, reached in best.items()),
        *meter.figures(),
    ]


async def undisturbed(
    client: Client, kinds: Mapping[str, Kind], meter: Meter, crowd: int
) -> dict[str, float]:
    """Give the rate of each kind with such a crowd, when others took little of the machine meanwhile."""
    for _ in range(TRIES):
        host, reached = Host(), dict[str, float]()
        for name, kind in kinds.items():
            with meter.of(name) as done:
                reached[name] = await mailed_rate(client, kind, crowd)
                done(EACH)
        if host.taken <= MOST_TAKEN:
            return reached
        warn(f"  a turn is taken again: others took {host.taken:.0%} of the machine")
    sys.exit("no rate was measured: others take too much of this machine")


async def mailed_rate(client: Client, kind: Kind, at_once: int = AT_ONCE) -> float:
    """Do it EACH times, so many at once, and give the rate at which it was done to the last mail."""
    query = f"WorkflowType = '{kind.mail}' and ExecutionStatus = 'Completed'"
    expected = (await client.count_workflows(query)).count + EACH
    begun = time.monotonic()
    await rate(kind.work, at_once)
    deadline = time.monotonic() + MAILED_SECONDS
    while (missing := expected - (await client.count_workflows(query)).count) > 0:
        if time.monotonic() > deadline:
            sys.exit(f"{missing} of {EACH} mails were not sent")
        await asyncio.sleep(LOOK_SECONDS)
    return EACH / (time.monotonic() - begun)


async def rate(work: Work, at_once: int = AT_ONCE) -> float:
    """Do it EACH times, so many at once, and give the rate."""
    left = iter(range(EACH))
    begun = time.monotonic()

    async def again() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*(again() for _ in range(at_once)))
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
