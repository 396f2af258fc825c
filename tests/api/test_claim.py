"""What was booked without an account comes into the account whose address it was booked with."""

from typing import Any

import pytest

from tests.api.conftest import Door
from tests.support.shop import open_shop


async def listed(door: Door, headers: dict[str, str]) -> list[str]:
    answer = await door.get("/bookings", headers)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def claim(door: Door, headers: dict[str, str]) -> Any:
    return await door.http.post("/api/v1/bookings/claim", headers=headers)


@pytest.mark.row("SAG-12", partly="registering and verifying an address come with the accounts")
async def test_a_guests_bookings_appear_in_the_account_of_the_verified_address(door: Door) -> None:
    guest = await door.book(contact={"name": "Ada", "email": "Ada@Example.com"})
    await door.book(contact={"name": "Eve", "email": "eve@example.com"})
    ada = door.user("ada", email="ada@example.COM")
    assert await listed(door, ada) == []

    first, again = await claim(door, ada), await claim(door, ada)

    assert (first.json(), again.json()) == ({"claimed": 1}, {"claimed": 0})
    assert await listed(door, ada) == [str(guest.id)]
    assert (await door.get(f"/bookings/{guest.id}", ada)).status_code == 200
    [act] = await door.judge.fetch("select actor, action, subject from audit_entries")
    assert tuple(act) == ("user:ada", "booking.claim", guest.id)


@pytest.mark.row("SAG-12", partly="registering and verifying an address come with the accounts")
async def test_an_address_that_is_not_verified_opens_nothing(door: Door) -> None:
    guest = await door.book()
    counts = await door.counts()

    for headers in (door.user("eve", email="ada@example.com", verified=False), door.user("eve")):
        answer = await claim(door, headers)

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert await listed(door, headers) == []
        assert (await door.get(f"/bookings/{guest.id}", headers)).status_code == 404
    assert await door.counts() == counts


async def test_a_booking_that_has_an_owner_keeps_it(door: Door) -> None:
    owned = await door.book({**door.user("ada"), **door.through()})

    answer = await claim(door, door.user("eve", email="ada@example.com"))

    assert answer.json() == {"claimed": 0}
    assert await listed(door, door.user("ada")) == [str(owned.id)]


async def test_another_tenants_bookings_are_not_there_to_be_claimed(door: Door) -> None:
    await door.book()
    other = await open_shop(door.databases.app)

    answer = await claim(door, door.user("ada", tenant_id=other.tenant_id, email="ada@example.com"))

    assert answer.json() == {"claimed": 0}
