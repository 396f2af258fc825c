"""How many webhooks a second are verified, stored and answered, against a bare insert of one row.

Every delivery is a signed event of its own, of a kind that moves nothing, so that what is measured is the
intake. The worker stands still meanwhile.
"""

import sys
from collections.abc import Callable

from bench.accept import CONNECTIONS, ROUNDS, SECONDS, Bare, control, orders
from bench.cpu import Meter
from bench.delivery import Sender, sender
from bench.figure import Figure, middle, ratio
from bench.load import Run, press, request
from bench.stack import Stack, fresh


def measure(provider: str = "stripe") -> list[Figure]:
    """Measure what a provider delivers, on a fresh stack."""
    with sender(provider) as sending, fresh(**sending.told) as stack, control(stack) as bare:
        slot = stack.catalogue["offers"][0]["slots"][0]["slot_id"]
        row = request(f"{bare.url}/rows", body=orders(stack, [slot]))
        meter = Meter(stack, control=bare.pid)
        with stack.without("worker"):
            runs = [side_by_side(stack, meter, bare, row, sending) for _ in range(ROUNDS + 1)]
    bares, taken = zip(*runs[1:], strict=True)  # the first warms up
    webhooks, rows = [run.rate for run in taken], [run.rate for run in bares]
    return [
        ratio("webhook_over_bare", webhooks, rows, "≥ 0.7"),
        middle("webhooks_per_s", webhooks, "1/s"),
        middle("bare_per_s", rows, "1/s"),
        middle("webhook_p95_ms", [run.p95 * 1000 for run in taken], "ms"),
        *meter.figures(),
    ]


def side_by_side(
    stack: Stack, meter: Meter, bare: Bare, row: Callable[[], bytes], sending: Sender
) -> tuple[Run, Run]:
    """Measure rows of the control, then deliveries."""
    deliveries = sending.prepared(stack)
    with meter.of("bare") as done:
        rows = press(bare.url, row, connections=CONNECTIONS, seconds=SECONDS)
        done(len(rows.waits))
    with meter.of("webhook") as done:
        taken = press(stack.api, deliveries, connections=CONNECTIONS, seconds=SECONDS)
        done(len(taken.waits))
    if set(taken.statuses) != {200}:
        sys.exit(f"not every webhook was taken: {dict(taken.statuses)}")
    return rows, taken
