"""The first source's own address books the same, in its own words."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from tests.api.conftest import Door

LISBON = ZoneInfo("Europe/Lisbon")


def wish(door: Door, **changes: Any) -> dict[str, Any]:
    start, end = (at.astimezone(LISBON) for at in (door.shop.slot.starts_at, door.shop.slot.ends_at))
    written = {
        "poiId": str(door.shop.offer.id),
        "date": start.date().isoformat(),
        "timeslot": f"{start:%H:%M}-{end:%H:%M}",
        "quantity": 2,
        "guestInfo": {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+351211234567"},
        **changes,
    }
    return {name: value for name, value in written.items() if value is not ...}


async def ask(door: Door, **changes: Any) -> httpx2.Response:
    return await door.http.post("/api/v1/tickets/bookings", json=wish(door, **changes), headers=door.key)


@pytest.mark.row("SAG-01", partly="vouchers do not exist yet")
async def test_it_books_and_answers_in_the_sources_words(door: Door) -> None:
    answer = await ask(door)

    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["success"] is True
    data = told["data"]
    assert data.keys() == {
        *("bookingId", "bookingReference", "status", "totalPrice", "currency", "paymentUrl", "expiresAt")
    }
    assert (data["status"], data["totalPrice"], data["currency"]) == ("pending", 50.0, "EUR")
    [row] = await door.judge.fetch("select * from bookings")
    assert data["bookingId"] == data["bookingReference"] == row["reference"]
    assert answer.headers["location"] == f"/api/v1/bookings/{row['id']}"
    assert row["expires_at"].isoformat() == data["expiresAt"].replace("Z", "+00:00")


@pytest.mark.row("SAG-01", partly="vouchers do not exist yet")
async def test_the_same_key_is_the_same_booking(door: Door) -> None:
    headers = door.key | {"Idempotency-Key": "one"}

    answers = [
        await door.http.post("/api/v1/tickets/bookings", json=wish(door), headers=headers) for _ in range(2)
    ]

    assert answers[0].json()["data"]["bookingId"] == answers[1].json()["data"]["bookingId"]
    assert await door.judge.fetchval("select count(*) from bookings") == 1


async def test_one_slot_of_a_day_needs_no_time_and_two_do(door: Door) -> None:
    assert (await ask(door, timeslot=...)).status_code == 201
    later = door.shop.slot.starts_at + timedelta(minutes=5)
    await door.shop.add_slot(5, starts_at=later, ends_at=later + timedelta(minutes=5))

    both = await ask(door, timeslot=...)

    if later.astimezone(LISBON).date() == door.shop.slot.starts_at.astimezone(LISBON).date():
        assert both.status_code == 422
        assert both.json()["errors"][0]["pointer"] == "/timeslot"


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"date": "2020-01-01"}, "/date", "unknown"),
    ({"date": "tomorrow"}, "/date", "invalid"),
    ({"timeslot": "00:01-00:02"}, "/timeslot", "unknown"),
    ({"timeslot": "25:00-26:00"}, "/timeslot", "invalid"),
    ({"quantity": 0}, "/quantity", "too_small"),
    ({"guestInfo": ...}, "/guestInfo", "missing"),
    ({"userId": "eve"}, "/userId", "unknown_field"),
    ({"totalPrice": 1}, "/totalPrice", "unknown_field"),
    ({"quantity": 11}, "/lines/0/quantity", "too_large"),
]


async def test_each_broken_rule_is_named_and_nothing_is_written(door: Door) -> None:
    counts = await door.counts()

    for changes, pointer, code in BROKEN:
        answer = await ask(door, **changes)

        assert answer.status_code == 422, (changes, answer.text)
        errors = [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
        assert (pointer, code) in errors, changes
    unknown = await ask(door, poiId="0198c0de-0000-7000-8000-000000000009")
    assert unknown.status_code == 404
    assert await door.counts() == counts


async def test_sold_out_reads_as_everywhere(door: Door) -> None:
    await ask(door, quantity=10)

    refused = await ask(door)

    assert (refused.status_code, refused.json()["code"]) == (409, "sold_out")
