"""The flight checkout's own addresses: the same bookings, in its words."""

from typing import Any

import pytest

from api.flight import WORDS
from domain.booking import BookingStatus
from tests.api.conftest import Door
from tests.support.shop import Shop
from tests.support.stack import Stack, bearer, idempotent, publishable_key

HERE = "/api/bookings"


def test_every_state_has_a_word() -> None:
    assert set(WORDS) == set(BookingStatus)


@pytest.mark.row("SAG-16")
async def test_a_flight_is_booked_listed_read_changed_and_cancelled(stack: Stack) -> None:
    shop = await stack.shop()

    made = await stack.http.post(
        HERE, json=wish(shop), headers=bearer(publishable_key(shop)) | idempotent(None)
    )
    booked = made.json()
    shown = bearer(booked["accessToken"])
    by_id, by_reference = [
        await stack.http.get(f"{HERE}/{booked[name]}", headers=shown)
        for name in ("bookingId", "bookingReference")
    ]
    more = [{"variant_id": str(shop.variant.id), "quantity": 2}]
    changed = await stack.http.put(f"{HERE}/{booked['bookingId']}", json={"lines": more}, headers=shown)
    gone, again = [await stack.http.delete(f"{HERE}/{booked['bookingId']}", headers=shown) for _ in range(2)]

    assert made.status_code == 201, made.text
    assert booked.keys() == {"bookingId", "bookingReference", "accessToken"}
    assert by_id.json() == by_reference.json()
    assert (by_id.json()["status"], by_id.json()["paymentStatus"]) == ("pending", "pending")
    assert changed.json()["total"] == {"minor": 5_000, "currency": "EUR"}
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
    assert again.json() == gone.json()


@pytest.mark.row("SAG-16", partly="reading, changing and cancelling: above")
async def test_own_flights_are_listed_with_filters_and_pages(door: Door) -> None:
    ada, through = door.user("ada"), door.through()
    booked = [await door.book({**ada, **through}) for _ in range(3)]
    await door.book({**door.user("bob"), **through})

    async def listed(query: str = "", headers: dict[str, str] = ada) -> dict[str, Any]:
        answer = await door.http.get(f"{HERE}{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    first = await listed("?limit=2")
    rest = await listed(f"?limit=2&cursor={first['next']}")

    seen = [each["bookingReference"] for page in (first, rest) for each in page["bookings"]]
    assert seen == [each.reference for each in reversed(booked)]
    assert (await listed("?status=cancelled"))["bookings"] == []
    assert (await listed("?from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z"))["bookings"] == []
    assert (await door.http.get(f"{HERE}?limit=201", headers=ada)).status_code == 422
    stranger = await door.http.get(f"{HERE}/{booked[0].id}", headers=door.user("bob"))
    assert stranger.status_code == 404


def wish(shop: Shop) -> dict[str, Any]:
    return {
        "offer_id": str(shop.offer.id),
        "slot_id": str(shop.slot.id),
        "lines": [{"variant_id": str(shop.variant.id), "quantity": 1}],
        "contact": {"name": "Ada Lovelace", "email": "ada@example.com"},
    }
