"""The mail service's events at the door: verified, each stored once, nothing of a person kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.conftest import Door
from tests.support.mail import event, signed

PATH = "/api/v1/webhooks/sendgrid"
IDS = {"tenant": str(uuid4()), "notice_id": str(uuid4())}
STORED = "select event_id, kind, status, cause, body from webhook_events order by event_id"


def batch(*events: dict[str, Any]) -> bytes:
    """Write a delivery as SendGrid does, with its line end."""
    return json.dumps(list(events)).encode() + b"\r\n"


async def deliver(
    door: Door, raw: bytes, *, path: str = PATH, ago: timedelta = timedelta(0)
) -> httpx2.Response:
    proof = signed(raw, datetime.now(UTC) - ago)
    return await door.http.post(path, content=raw, headers=proof)


@pytest.mark.row("NOT-13", partly="what follows for the notice: tests/workflows/test_mail.py")
@pytest.mark.parametrize("path", [PATH, f"{PATH}/default"])
async def test_each_event_of_a_delivery_is_stored_once(door: Door, path: str) -> None:
    first = batch(event("delivered", "e1", **IDS), event("bounce", "e2", **IDS))
    second = batch(event("bounce", "e2", **IDS), event("open", "e3", **IDS), event("open", "e3", **IDS))

    for raw in (first, second, first):
        answer = await deliver(door, raw, path=path)
        assert (answer.status_code, answer.json()) == (200, {"received": True})

    stored = await door.judge.fetch(STORED)
    assert [tuple(row.values())[:4] for row in stored] == [
        ("e1", "delivered", "received", ""),
        ("e2", "bounce", "received", ""),
        ("e3", "open", "ignored", "moves_nothing"),
    ]


async def test_nothing_of_a_person_lies_in_the_inbox(door: Door) -> None:
    await deliver(door, batch(event("bounce", "e1", **IDS, useragent="Ada's telephone")))

    [row] = await door.judge.fetch(STORED)
    assert not any(word in row["body"] for word in (b"ada", b"Ada", b"203.0.113.7"))


async def test_what_is_not_sendgrids_own_is_refused_and_not_kept(door: Door) -> None:
    raw = batch(event("delivered", "e1", **IDS))
    good = signed(raw, datetime.now(UTC))

    answers = [
        await door.http.post(PATH, content=raw),
        await door.http.post(PATH, content=raw + b" ", headers=good),
        await deliver(door, raw, ago=timedelta(hours=26)),
        await deliver(door, raw, ago=timedelta(minutes=-10)),
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert await door.judge.fetchval("select count(*) from webhook_events") == 0


async def test_an_account_that_is_not_ours_is_unknown(door: Door) -> None:
    raw = batch(event("delivered", "e1", **IDS))

    assert (await deliver(door, raw, path=f"{PATH}/another")).status_code == 404


async def test_an_authentic_delivery_that_nobody_can_read_is_put_aside(door: Door) -> None:
    for raw in (b"{}", b"\xff\xfe", b"[" * 10_000):
        assert (await deliver(door, raw)).status_code == 200
    assert (await deliver(door, batch(event("bounce", "e1", **IDS), {"event": "odd"}))).status_code == 200

    stored = await door.judge.fetch("select status, cause from webhook_events order by kind, status")
    assert [tuple(row.values()) for row in stored].count(("parked", "unreadable")) == 4
    assert await door.judge.fetchval("select count(*) from cases where cause = 'unreadable'") == 4


async def test_a_delivery_may_be_larger_than_a_payment_providers(door: Door) -> None:
    raw = batch(*(event("open", f"e{n}", filler="x" * 1000) for n in range(1200)))
    assert door.settings.max_webhook_bytes < len(raw) < 2 * door.settings.max_webhook_bytes

    assert (await deliver(door, raw)).status_code == 200
    assert (await deliver(door, raw + b" " * door.settings.max_webhook_bytes)).status_code == 413

    assert await door.judge.fetchval("select count(*) from webhook_events") == 1200


async def test_events_that_cannot_be_stored_are_to_be_sent_again(door: Door) -> None:
    raw = batch(event("delivered", "e1", **IDS))

    async with door.without_database():
        assert (await deliver(door, raw)).status_code == 503

    assert (await deliver(door, raw)).status_code == 200
    assert await door.judge.fetchval("select count(*) from webhook_events") == 1
