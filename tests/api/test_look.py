"""Looking at bookings: what is shown, by which name, and in lists."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from db.booking.read import Booking, find
from domain.ids import BookingId
from domain.payment import FactKind
from tests.api.conftest import RETURN, Door
from tests.support.shop import keep, open_shop, pay
from tests.support.stack import Booked, bearer


async def look(door: Door, booking: Booked) -> dict[str, Any]:
    answer = await door.get(f"/bookings/{booking.id}", bearer(booking.token))
    assert answer.status_code == 200
    seen: dict[str, Any] = answer.json()
    return seen


@pytest.mark.row("SAG-12", partly="the booking that appears in an account comes with the accounts")
@pytest.mark.row("SAG-22")
async def test_a_guest_who_comes_back_sees_what_to_do_and_how_long_there_is(door: Door) -> None:
    booking = await door.book()

    seen = await look(door, booking)

    assert (seen["status"], seen["step"]) == ("held", "pay")
    assert seen["reference"] == booking.reference
    assert 0 < seen["seconds_left"] <= 900
    assert seen["attempts_left"] == 5
    assert seen["contact"] == {"name": "Ada Lovelace", "email": "ada@example.com", "phone": None}
    assert (seen["payment"], seen["tickets"]) == (None, [])


@pytest.mark.row("SAG-22")
async def test_declines_leave_fewer_attempts_and_the_checkout_open(door: Door) -> None:
    booking = await door.book()
    row = await found(door, booking)
    await keep(door.databases.app, row)
    payment_id = await pay(door.databases.payment, row, kind=FactKind.DECLINED)
    await door.judge.execute(
        """
        update payments set checkout = jsonb_build_object(
            'payment_id', id, 'provider', provider, 'payment_url', 'https://pay.example/1')
        """
    )

    seen = await look(door, booking)

    assert (seen["status"], seen["step"], seen["attempts_left"]) == ("awaiting_payment", "pay", 4)
    assert seen["payment"]["payment_id"] == str(payment_id)
    assert seen["payment"]["payment_url"] == "https://pay.example/1"


async def test_an_ended_booking_says_why_and_asks_for_nothing(door: Door) -> None:
    booking = await door.book()
    await door.judge.execute(
        "update bookings set status = 'failed', cause = 'attempts_exhausted', ended_at = now()"
    )

    seen = await look(door, booking)

    assert (seen["status"], seen["step"], seen["cause"]) == ("failed", "ended", "attempts_exhausted")
    assert (seen["seconds_left"], seen["attempts_left"]) == (None, 0)

    wish = await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": RETURN},
        headers={**bearer(booking.token), "Idempotency-Key": "sixth"},
    )

    assert (wish.status_code, wish.json()["code"]) == (409, "attempts_exhausted")


@pytest.mark.row("SAG-16", partly="the flight checkout's own addresses: test_flight.py")
async def test_a_booking_is_found_by_id_and_by_reference_in_any_case(door: Door) -> None:
    booking = await door.book()
    names = (
        str(booking.id),
        str(booking.id).upper(),
        booking.reference,
        booking.reference.lower(),
        f"by-reference/{booking.reference}",
    )

    for name in names:
        answer = await door.get(f"/bookings/{name}", bearer(booking.token))

        assert answer.json()["id"] == str(booking.id), name


NO_NAMES = ["x", "BK-2026-999999", "%00", "a" * 101, "..%2f", "' or 1=1", "%F0%9F%8E%AB", "{}", "null", "%ff"]


async def test_a_name_of_no_booking_is_unknown(door: Door) -> None:
    booking = await door.book()

    for name in NO_NAMES:
        answer = await door.get(f"/bookings/{name}", bearer(booking.token))

        assert answer.status_code == 404, name


ODD_QUERIES = [
    "status=nonsense",
    "from=yesterday",
    "from=1700000000",
    "from=2026-01-01",
    "from=2026-01-01T00:00:00",
    "from=99999-01-01T00:00:00Z",
    "cursor=nonsense",
    "cursor=%00",
    "cursor=MjAyNi0wMS0wMSB4",
    "status=held&status=paid",
    "colour=red",
    "user=a&user=b",
    "user=%00",
    "user=a%E2%80%AEb",
    "source=phone",
    "limit=1&limit=2",
]


@pytest.mark.row("SAG-16", partly="the flight checkout's own addresses: test_flight.py")
class TestLists:
    async def test_a_user_sees_his_own_newest_first(self, door: Door) -> None:
        mine = [await door.book({**door.user("ada"), **door.through()}) for _ in range(3)]
        await door.book({**door.user("eve"), **door.through()})
        await door.book()

        page = (await door.get("/bookings", door.user("ada"))).json()

        assert [item["id"] for item in page["items"]] == [str(booking.id) for booking in reversed(mine)]
        assert page["next"] is None

    async def test_pages_follow_each_other_without_a_gap(self, door: Door) -> None:
        booked = [await door.book() for _ in range(5)]
        seen: list[str] = []
        query = "?limit=2"
        while query:
            page = (await door.get(f"/bookings{query}", door.user(roles=["organizer"]))).json()
            assert len(page["items"]) <= 2
            seen += [item["id"] for item in page["items"]]
            query = f"?limit=2&cursor={page['next']}" if page["next"] else ""

        assert seen == [str(booking.id) for booking in reversed(booked)]

    async def test_filters_by_state_and_by_when_the_slot_starts(self, door: Door) -> None:
        kept = await door.book()
        start = door.shop.slot.starts_at + timedelta(days=3)
        later = await door.shop.add_slot(5, starts_at=start, ends_at=start + timedelta(hours=1))
        other = await door.book(slot_id=str(later.id))
        await door.judge.execute("update bookings set status = 'cancelled' where id = $1", other.id)
        staff = door.user(roles=["staff"])
        between = later.starts_at - timedelta(days=1)

        async def ids(**filters: str) -> list[str]:
            answer = await door.http.get("/api/v1/bookings", params=filters, headers=staff)
            assert answer.status_code == 200, answer.text
            return [item["id"] for item in answer.json()["items"]]

        assert await ids(status="held") == [str(kept.id)]
        assert await ids(status="cancelled") == [str(other.id)]
        assert await ids(to=between.isoformat()) == [str(kept.id)]
        assert await ids(**{"from": between.isoformat()}) == [str(other.id)]
        assert await ids(**{"from": later.starts_at.isoformat()}) == [str(other.id)]
        assert await ids(to=later.starts_at.isoformat()) == [str(kept.id)]

    async def test_fifty_by_default_and_two_hundred_at_most(self, door: Door) -> None:
        admin = door.user(roles=["admin"])

        assert (await door.get("/bookings?limit=200", admin)).status_code == 200
        for query in ("limit=201", "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit="):
            assert (await door.get(f"/bookings?{query}", admin)).status_code == 422, query

    async def test_a_query_that_cannot_be_is_refused(self, door: Door) -> None:
        for query in ODD_QUERIES:
            answer = await door.get(f"/bookings?{query}", door.user())

            assert answer.status_code == 422, query
            assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]

    async def test_another_tenants_bookings_are_in_no_list(self, door: Door) -> None:
        await door.book()
        other = await open_shop(door.databases.app)

        page = (await door.get("/bookings", door.user(roles=["admin"], tenant_id=other.tenant_id))).json()

        assert page["items"] == []


async def found(door: Door, booking: Booked) -> Booking:
    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        return await find(connection, door.shop.tenant_id, BookingId(booking.id))


async def test_an_id_that_is_not_there_is_unknown_to_everybody(door: Door) -> None:
    for headers in (door.user(), door.user(roles=["admin"])):
        assert (await door.get(f"/bookings/{uuid4()}", headers)).status_code == 404
