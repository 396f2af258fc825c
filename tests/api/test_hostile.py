"""What nobody sends by mistake: each of these was an error of ours once."""

import random
import string
from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import Door
from tests.api.test_webhook import deliver, event, signed

EDGES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
LONG = "".join(random.Random(1).choices(string.ascii_letters, k=5_000))  # noqa: S311 - too long for an index


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("instant", EDGES)
async def test_instants_at_the_edge_of_the_calendar_are_refused(door: Door, name: str, instant: str) -> None:
    for path, headers in (("/bookings", door.user()), (f"/offers/{door.shop.offer.id}/slots", door.key)):
        answer = await door.http.get(f"/api/v1{path}", params={name: instant}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_a_request_for_no_path_is_unknown(door: Door) -> None:
    """`OPTIONS *` of HTTP, which no client library sends."""
    answers = list[Any]()
    scope = {"type": "http", "http_version": "1.1", "method": "OPTIONS", "scheme": "http", "path": "*"}
    more = {
        "raw_path": b"*",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "server": ("door.test", 80),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    await door.app({**scope, **more}, receive, send)

    assert answers[0]["status"] == 404


@pytest.mark.parametrize(
    "name", ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Channel-Key"]
)
async def test_a_header_of_which_there_is_one_may_not_come_twice(door: Door, name: str) -> None:
    """A proxy in front of us may have judged the one, and we would have believed the other."""
    twice = [*door.key.items(), (name, "a"), (name, "b")]

    answer = await door.http.get("/api/v1/offers", headers=twice)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.row("WHK-08")
@pytest.mark.parametrize(
    "odd", ["\0", "\ud800", "", LONG, "evt 1\n"], ids=["nul", "surrogate", "empty", "long", "line end"]
)
@pytest.mark.parametrize("member", ["id", "type"])
async def test_an_authentic_event_with_an_odd_name_is_put_aside(door: Door, member: str, odd: str) -> None:
    """It is stored and answered: to refuse it would have it sent again for days."""
    raw = event(**{"id": f"evt_{uuid4().hex}", member: odd})

    answer = await deliver(door, raw, signed(raw))

    assert answer.status_code == 200
    stored = await door.judge.fetch("select status, cause from webhook_events")
    assert [tuple(row) for row in stored] == [("parked", "unreadable")]
