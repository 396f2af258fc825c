"""How many bookings a second the front door accepts, on one hot slot and spread over a hundred, against a
bare insert of one row.

The worker stands still meanwhile. Subject and control alternate; each ratio is of a pair measured side by
side, and the median counts. The load maker is shown not to be the limit by the rate it reaches on a route
that does nothing.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bench import buyer
from bench.cpu import Meter
from bench.figure import Figure, middle, ratio
from bench.load import Run, press, request
from bench.stack import ROOT, Stack, analyzed, as_owner, fresh

CONNECTIONS = 32
SECONDS = 4.0
ROUNDS = 3
SLOTS = 100
BARE_PORT = 8970


class Bare(NamedTuple):
    """The control: where it serves, and its pid."""

    url: str
    pid: int


def measure() -> list[Figure]:
    """Measure on a fresh stack."""
    with fresh() as stack:
        slots = asyncio.run(buyer.slots_with_room(stack, SLOTS))
        hot, spread = orders(stack, slots[:1]), orders(stack, slots)
        with control(stack) as bare, stack.without("worker"):
            meter = Meter(stack, control=bare.pid)
            rates(stack, meter, bare, hot, spread)  # warms up
            asyncio.run(analyzed(stack))
            runs = [rates(stack, meter, bare, hot, spread) for _ in range(ROUNDS)]
        draining = press_bookings(stack, spread).rate
    bare_rates, nothing, hot_rates, spread_rates = zip(*runs, strict=True)
    return [
        ratio("hot_over_bare", hot_rates, bare_rates, "≥ 0.25"),
        ratio("hot_over_spread", hot_rates, spread_rates, "≥ 0.5"),
        ratio("spread_over_bare", spread_rates, bare_rates, "≥ 0.4"),
        middle("bare_per_s", bare_rates, "1/s"),
        middle("hot_per_s", hot_rates, "1/s"),
        middle("spread_per_s", spread_rates, "1/s"),
        middle("load_maker_per_s", nothing, "1/s"),
        middle("spread_while_sagas_drain_per_s", [draining], "1/s"),
        *meter.figures(),
    ]


def rates(
    stack: Stack, meter: Meter, bare: Bare, hot: Callable[[int], str], spread: Callable[[int], str]
) -> list[float]:
    """Measure each once, side by side."""
    row, nothing = request(f"{bare.url}/rows", body=spread), request(f"{bare.url}/nothing")
    presses: dict[str, Callable[[], Run]] = {
        "bare": lambda: press(bare.url, row, connections=CONNECTIONS, seconds=SECONDS),
        "nothing": lambda: press(bare.url, nothing, connections=CONNECTIONS, seconds=SECONDS),
        "hot": lambda: press_bookings(stack, hot),
        "spread": lambda: press_bookings(stack, spread),
    }
    found = []
    for work, pressed in presses.items():
        with meter.of(work) as done:
            run = pressed()
            done(len(run.waits))
        found.append(run.rate)
    return found


def press_bookings(stack: Stack, body: Callable[[int], str]) -> Run:
    """Book as fast as answers come."""
    run_id = uuid.uuid4().hex
    headers = {**buyer.channel(stack), "Idempotency-Key": f"{run_id}-{{n}}"}
    ask = request(f"{stack.api}/api/v1/bookings", body=body, headers=headers)
    run = press(stack.api, ask, connections=CONNECTIONS, seconds=SECONDS)
    if set(run.statuses) != {201}:
        sys.exit(f"not every booking was accepted: {dict(run.statuses)}")
    return run


def orders(stack: Stack, slots: list[str]) -> Callable[[int], str]:
    """Write the n-th booking's body: one place of one slot after the other."""
    offer = buyer.roomy(stack)
    bodies = [json.dumps(buyer.order(offer, slot)) for slot in slots]
    return lambda n: bodies[n % len(bodies)]


@contextmanager
def control(stack: Stack) -> Iterator[Bare]:
    """Run the bare application in a process of its own, on the same server of the database."""
    asyncio.run(make_table(stack))
    url = f"http://127.0.0.1:{BARE_PORT}"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "bench.bare:app",
            "--port",
            str(BARE_PORT),
            "--no-access-log",
            "--log-level",
            "warning",
        ],
        cwd=ROOT,
        env={**os.environ, "BARE_DATABASE_URL": stack.settings["DATABASE_URL"]},
    )
    try:
        wait_for(f"{url}/nothing", process)
        yield Bare(url, process.pid)
    finally:
        process.terminate()
        process.wait(10)


async def make_table(stack: Stack) -> None:
    """Make the table that the control writes to."""
    await as_owner(stack, "create table bare (id bigserial primary key, body text not null)")


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the control serves."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    sys.exit("the control of the benchmark did not start")
