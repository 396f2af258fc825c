"""What a provider tells is taken once, whoever else tries, and nobody waits for what it means."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.conftest import WEBHOOK_SECRET, Door
from tests.support.stack import Stack
from tests.support.wait import eventually

PATH = "/api/v1/webhooks/stripe"


def event(**changes: Any) -> bytes:
    """Write an event as Stripe does; one that moves money unless said."""
    body = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "livemode": False,
        "data": {
            "object": {
                "id": "pi_1",
                "object": "payment_intent",
                "status": "succeeded",
                "amount": 2500,
                "amount_received": 2500,
                "currency": "eur",
                "latest_charge": "ch_1",
                "metadata": {"tenant": str(uuid4()), "booking_id": str(uuid4()), "payment_id": str(uuid4())},
            }
        },
    }
    return json.dumps({**body, **changes}).encode()


def signed(raw: bytes, *, secret: str = WEBHOOK_SECRET, age: int = 0) -> dict[str, str]:
    stamp = int(time.time()) - age
    mark = hmac.new(secret.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={mark}", "Content-Type": "application/json"}


async def deliver(door: Door, raw: bytes, headers: Any, path: str = PATH) -> httpx2.Response:
    return await door.http.post(path, content=raw, headers=headers)


async def test_an_event_is_stored_as_it_came(door: Door) -> None:
    raw = event()

    answer = await deliver(door, raw, signed(raw))

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    row = await door.judge.fetchrow("select * from webhook_events")
    assert row is not None
    assert (row["provider"], row["account"], row["status"]) == ("stripe", "default", "received")
    assert (row["event_id"], row["kind"]) == (json.loads(raw)["id"], "payment_intent.succeeded")
    assert row["body"] == raw
    assert row["tenant_id"] is None


@pytest.mark.row("WHK-06", partly="the second guard: tests/db")
async def test_the_same_event_many_times_at_once_is_stored_once(door: Door) -> None:
    raw = event()

    answers = await asyncio.gather(*(deliver(door, raw, signed(raw)) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert await door.judge.fetchval("select count(*) from webhook_events") == 1


@pytest.mark.row("WHK-01")  # two secrets at once, during rotation: tests/providers
async def test_what_is_not_the_providers_own_is_refused_and_not_kept(door: Door) -> None:
    raw = event()
    good = signed(raw)["Stripe-Signature"]
    refused: dict[str, tuple[bytes, Any]] = {
        "altered": (raw.replace(b"2500", b"2501"), {"Stripe-Signature": good}),
        "cut off": (raw[:-1], {"Stripe-Signature": good}),
        "empty": (b"", {"Stripe-Signature": good}),
        "another secret": (raw, signed(raw, secret=WEBHOOK_SECRET[::-1])),
        "an empty secret": (raw, signed(raw, secret="")),
        "stale": (raw, signed(raw, age=301)),
        "of the future": (raw, signed(raw, age=-310)),
        "unsigned": (raw, {}),
        "an empty signature": (raw, {"Stripe-Signature": ""}),
        "no stamp": (raw, {"Stripe-Signature": good.partition(",")[2]}),
        "another scheme": (raw, {"Stripe-Signature": good.replace("v1", "v0")}),
        "not ASCII": (raw, [(b"stripe-signature", b"t=1,v1=\xff")]),
        "not UTF-8": (b"\xff\xfe", {"Stripe-Signature": good}),
        "a huge stamp": (raw, {"Stripe-Signature": f"t={'9' * 5000},v1=00"}),
    }

    for name, (body, headers) in refused.items():
        answer = await deliver(door, body, headers)

        assert answer.status_code == 400, name
        assert answer.json()["code"] == "malformed", name
    assert await door.judge.fetchval("select count(*) from webhook_events") == 0


async def test_an_unknown_account_or_provider_is_unknown(door: Door) -> None:
    raw = event()

    for path in (
        f"{PATH}/nobody",
        "/api/v1/webhooks/nobody",
        "/api/v1/webhooks/x%00y",
        "/api/v1/webhooks/%2e%2e",
    ):
        assert (await deliver(door, raw, signed(raw), path)).status_code == 404, path


async def test_an_account_may_be_named(door: Door) -> None:
    raw = event()

    assert (await deliver(door, raw, signed(raw), f"{PATH}/default")).status_code == 200


async def test_a_delivery_may_be_larger_than_a_request_but_not_endless(door: Door) -> None:
    large = event(padding="x" * (door.settings.max_body_bytes + 1))
    huge = b"x" * (door.settings.max_webhook_bytes + 1)

    async def chunks() -> Any:
        for start in range(0, len(huge), 2**16):
            yield huge[start : start + 2**16]

    assert (await deliver(door, large, signed(large))).status_code == 200
    announced = await deliver(door, huge, signed(huge))
    unannounced = await door.http.post(PATH, content=chunks(), headers=signed(huge))
    for refused in (announced, unannounced):
        assert refused.status_code == 413
        assert refused.json()["detail"] == f"This takes at most {door.settings.max_webhook_bytes} bytes."
    assert await door.judge.fetchval("select count(*) from webhook_events") == 1


@pytest.mark.parametrize(
    ("live", "status", "cause"),
    [
        (False, "failed", "transfer_failed"),
        (False, "paid", "transfer_paid"),
        (False, None, "moves_nothing"),  # a payment in somebody else's account, under our own labels
        (True, "failed", "wrong_mode"),  # such endpoints are told of either mode
    ],
)
async def test_what_happens_in_a_connected_account_is_kept_and_moves_nothing(
    door: Door, live: bool, status: str | None, cause: str
) -> None:
    about = {"id": "po_1", "object": "payout", "status": status, "amount": 2500, "currency": "eur"}
    payout = {} if status is None else {"type": f"payout.{status}", "data": {"object": about}}
    raw, before = event(account="acct_of_nobody_we_know", livemode=live, **payout), await door.counts()

    answer = await deliver(door, raw, signed(raw))

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    row = await door.judge.fetchrow("select status, cause, about, body from webhook_events")
    assert tuple(row or ()) == ("ignored", cause, None, raw)
    assert await door.counts() == before | {"webhook_events": 1}


async def test_real_money_here_is_parked_for_a_person(door: Door) -> None:
    raw = event(livemode=True)

    answer = await deliver(door, raw, signed(raw))

    assert answer.status_code == 200
    row = await door.judge.fetchrow("select status, cause, next_at = 'infinity' as never from webhook_events")
    assert tuple(row or ()) == ("parked", "wrong_mode", True)


@pytest.mark.parametrize("raw", [b"[]", b"{}", b"not json", b'{"id": 1}', b"\xff", event(data=None)])
async def test_what_nobody_can_read_is_kept_and_parked(door: Door, raw: bytes) -> None:
    answers = [await deliver(door, raw, signed(raw)) for _ in range(2)]

    assert {answer.status_code for answer in answers} == {200}
    [row] = await door.judge.fetch("select status, cause, body from webhook_events")
    assert (row["status"], row["cause"], row["body"]) == ("parked", "unreadable", raw)


async def test_what_moves_nothing_is_kept_and_told_to_nobody(door: Door) -> None:
    raw = event(type="payment_intent.created")

    await deliver(door, raw, signed(raw))

    assert await door.judge.fetchval("select status from webhook_events") == "ignored"


async def test_what_cannot_be_stored_is_to_be_sent_again(door: Door) -> None:
    raw = event()
    async with door.without_database():
        answer = await deliver(door, raw, signed(raw))
    again = await deliver(door, raw, signed(raw))

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert again.status_code == 200


@pytest.mark.row("WHK-08", partly="the time it takes: ./dev bench")
async def test_what_was_acknowledged_while_nobody_worked_is_done_later(idle_stack: Stack) -> None:
    stack = idle_stack
    booking = await stack.book()
    async with stack.working("bookings", "providers"):
        await stack.pay(booking)
        await stack.sandbox.drain()
    assert (
        await stack.value("select count(*) from webhook_events where told_at is null and status = 'received'")
        > 0
    )

    async with stack.working():
        await stack.wait_for(booking, "confirmed")

    async def all_told() -> bool:
        due = "select count(*) from webhook_events where told_at is null and status = 'received'"
        return not await stack.value(due)

    await eventually(all_told, what="the inbox to be empty")
