"""Bookings counted by what an organizer wants to know of them."""

from typing import Any

import pytest

from tests.api.conftest import Door
from tests.support.shop import open_shop


async def report(door: Door, query: str = "") -> list[dict[str, Any]]:
    answer = await door.get(f"/analytics/bookings{query}", door.user(roles=["organizer"]))
    assert answer.status_code == 200, answer.text
    groups: list[dict[str, Any]] = answer.json()["groups"]
    return groups


async def sell(door: Door) -> None:
    """Book twice by the web and once by the app, and once at another organizer's."""
    await door.book()
    await door.book()
    await door.judge.execute("update channels set source = 'mobile'")
    door.app.state.house.verdicts.clear()
    sold = await door.book()
    await door.judge.execute(
        "update bookings set status = 'confirmed', confirmed_at = now() where id = $1", sold.id
    )
    other = await open_shop(door.databases.app)
    mine, door.shop = door.shop, other
    await door.book()
    door.shop = mine


@pytest.mark.row("SAG-27")
async def test_bookings_are_grouped_by_where_they_came_from(door: Door) -> None:
    await sell(door)

    mobile, web = await report(door, "?by=source")

    assert (mobile["name"], mobile["bookings"], mobile["confirmed"]) == ("mobile", 1, 1)
    assert (web["name"], web["bookings"], web["confirmed"]) == ("web", 2, 0)
    assert web["total"] == {"minor": 5_000, "currency": "EUR"}
    assert mobile["confirmed_total"] == {"minor": 2_500, "currency": "EUR"}
    assert await report(door) == [mobile, web]


async def test_they_are_grouped_by_other_things_too_and_within_a_time(door: Door) -> None:
    await sell(door)

    assert [(each["name"], each["bookings"]) for each in await report(door, "?by=status")] == [
        ("confirmed", 1),
        ("held", 2),
    ]
    assert [each["name"] for each in await report(door, "?by=offer")] == [str(door.shop.offer.id)]
    assert [each["name"] for each in await report(door, "?by=delivery")] == ["email"]
    assert await report(door, "?to=2020-01-01T00:00:00Z") == []
    assert len(await report(door, "?from=2020-01-01T00:00:00Z")) == 2


@pytest.mark.row("SAG-27")
async def test_lists_are_filtered_by_source(door: Door) -> None:
    await sell(door)
    staff = door.user(roles=["staff"])

    page = (await door.get("/bookings?source=mobile", staff)).json()

    assert [item["source"] for item in page["items"]] == ["mobile"]


@pytest.mark.row("SAG-16", partly="the flight checkout's own addresses: test_flight.py")
async def test_lists_are_filtered_by_user_for_who_may_see_them_all(door: Door) -> None:
    mine = await door.book({**door.user("ada"), **door.through()})
    await door.book({**door.user("eve"), **door.through()})

    staff = (await door.get("/bookings?user=ada", door.user(roles=["staff"]))).json()
    own = (await door.get("/bookings?user=ada", door.user("ada"))).json()
    other = await door.get("/bookings?user=ada", door.user("eve"))

    assert [item["id"] for item in staff["items"]] == [str(mine.id)] == [item["id"] for item in own["items"]]
    assert other.status_code == 404


@pytest.mark.parametrize("query", ["by=email", "by=source&by=status", "from=yesterday", "colour=red"])
async def test_an_odd_question_is_refused(door: Door, query: str) -> None:
    answer = await door.get(f"/analytics/bookings?{query}", door.user(roles=["admin"]))

    assert answer.status_code == 422
