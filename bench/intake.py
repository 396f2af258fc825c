"""How many webhooks a second are verified, stored and answered, against a bare insert of one row.

Every delivery is a signed event of its own, of a kind that moves nothing, so that what is measured is the
intake. The worker stands still meanwhile.
"""

import sys

from bench.accept import CONNECTIONS, ROUNDS, SECONDS, control, orders
from bench.delivery import sender
from bench.figure import Figure, middle, ratio
from bench.load import press, request
from bench.stack import fresh


def measure(provider: str = "stripe") -> list[Figure]:
    """Measure what a provider delivers, on a fresh stack."""
    with sender(provider) as sending, fresh(**sending.told) as stack, control(stack) as bare:
        slot = stack.catalogue["offers"][0]["slots"][0]["slot_id"]
        row = request(f"{bare}/rows", body=orders(stack, [slot]))
        taken, bares, waits = [], [], []
        with stack.without("worker"):
            for _ in range(ROUNDS + 1):
                deliveries = sending.prepared(stack)
                bares.append(press(bare, row, connections=CONNECTIONS, seconds=SECONDS).rate)
                run = press(stack.api, deliveries, connections=CONNECTIONS, seconds=SECONDS)
                if set(run.statuses) != {200}:
                    sys.exit(f"not every webhook was taken: {dict(run.statuses)}")
                taken.append(run.rate)
                waits.append(run.p95 * 1000)
    return [
        ratio("webhook_over_bare", taken[1:], bares[1:], "≥ 0.7"),
        middle("webhooks_per_s", taken[1:], "1/s"),
        middle("bare_per_s", bares[1:], "1/s"),
        middle("webhook_p95_ms", waits[1:], "ms"),
    ]
