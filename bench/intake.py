"""How many webhooks a second are verified, stored and answered, against a bare insert of one row.

Every delivery is a signed event of its own, of a kind that moves nothing, so that what is measured is the
intake. The worker stands still meanwhile.
"""

import hashlib
import hmac
import json
import sys
import time
import uuid
from collections.abc import Callable
from itertools import count

from bench.accept import CONNECTIONS, ROUNDS, SECONDS, control, orders
from bench.figure import Figure, middle, ratio
from bench.load import press, request
from bench.stack import Stack, fresh


def measure() -> list[Figure]:
    """Measure on a fresh stack."""
    with fresh() as stack, control(stack) as bare, stack.without("worker"):
        slot = stack.catalogue["offers"][0]["slots"][0]["slot_id"]
        row = request(f"{bare}/rows", body=orders(stack, [slot]))
        taken, bares, waits = [], [], []
        for _ in range(ROUNDS + 1):
            bares.append(press(bare, row, connections=CONNECTIONS, seconds=SECONDS).rate)
            run = press(stack.api, deliveries(stack), connections=CONNECTIONS, seconds=SECONDS)
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


def deliveries(stack: Stack) -> Callable[[], bytes]:
    """Prepare deliveries as Stripe sends them, each with its own id and signature."""
    secret = stack.settings["STRIPE_WEBHOOK_SECRET"].encode()
    host = stack.api.removeprefix("http://")
    run_id, numbers = uuid.uuid4().hex, count()

    def signed() -> bytes:
        body = json.dumps(event(f"evt_{run_id}_{next(numbers)}")).encode()
        at = int(time.time())
        mark = hmac.new(secret, b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
        head = (
            f"POST /api/v1/webhooks/stripe HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Stripe-Signature: t={at},v1={mark}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    return signed


def event(event_id: str) -> dict[str, object]:
    """Write an event that is kept and moves nothing."""
    return {
        "id": event_id,
        "object": "event",
        "type": "payment_intent.created",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": f"pi_{event_id}", "object": "payment_intent", "metadata": {}}},
    }
