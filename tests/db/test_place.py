"""The front door's transaction: everything or nothing, once per key."""

import asyncio
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid4

from db import event, idempotency
from db.booking.place import Placed, Placement, place, place_together
from db.booking.read import Booking, find, find_by_reference, page
from db.idempotency import Stored
from db.session import is_outage
from domain.booking import BookingStatus
from domain.event import BOOKING_CREATED, BOOKING_INITIATED, INVENTORY_RESERVED
from domain.ids import SlotId
from domain.refusal import KeyReused, SalesClosed, SoldOut, Unknown
from tests.support.database import Databases, superuser
from tests.support.shop import NEXT_WEEK, Shop, open_shop


async def counters(databases: Databases, shop: Shop) -> list[tuple[int, int]]:
    async with databases.app.tenant(shop.tenant_id) as connection:
        rows = await connection.fetch("select held, sold from counters order by id")
    return [(row["held"], row["sold"]) for row in rows]


async def count(databases: Databases, table: str) -> int:
    async with superuser(databases.urls) as judge:
        found: int = await judge.fetchval(f"select count(*) from {table}")  # noqa: S608
        return found


async def test_a_booking_is_placed_with_its_places(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=10)

    placed = await place(databases.app, shop.placement(quantities=3, hold_seconds=600))

    assert not placed.repeated
    assert placed.booking.status is BookingStatus.HELD
    assert placed.booking.expires_at is not None
    assert (placed.booking.expires_at - placed.booking.created_at).total_seconds() == 600
    assert await counters(databases, shop) == [(3, 0)]
    async with databases.app.tenant(shop.tenant_id) as connection:
        assert await find(connection, shop.tenant_id, placed.booking.id) == placed.booking
        assert await find_by_reference(connection, shop.tenant_id, placed.booking.reference) == placed.booking
        assert await page(connection, shop.tenant_id) == [placed.booking]


@pytest.mark.row("SAG-23", partly="the events after the hold")
async def test_placing_tells_that_it_began_and_that_places_are_held(databases: Databases) -> None:
    shop = await open_shop(databases.app)

    placed = await place(databases.app, shop.placement())

    async with databases.app.tenant(shop.tenant_id) as connection:
        told = await event.of_subject(connection, shop.tenant_id, placed.booking.id)
    assert [(one.n, one.type) for one in told] == [
        (1, BOOKING_CREATED),
        (2, BOOKING_INITIATED),
        (3, INVENTORY_RESERVED),
    ]


async def test_a_free_booking_has_no_deadline(databases: Databases) -> None:
    shop = await open_shop(databases.app, minor=0)

    placed = await place(databases.app, shop.placement())

    assert placed.booking.expires_at is None
    assert await counters(databases, shop) == [(1, 0)]


@pytest.mark.row("SAG-10")
async def test_the_same_key_is_the_same_booking(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    first = await place(databases.app, shop.placement(key="k"))

    again = await place(databases.app, shop.placement(key="k"))

    assert again.repeated
    assert again.booking == first.booking
    assert await counters(databases, shop) == [(1, 0)]


@pytest.mark.row("SAG-10")
async def test_the_same_key_is_the_same_booking_when_the_slot_is_full_by_now(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=1)
    first = await place(databases.app, shop.placement(key="k"))

    again = await place(databases.app, shop.placement(key="k"))

    assert again.booking == first.booking


@pytest.mark.row("SAG-10")
async def test_a_key_with_another_body_is_refused(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    await place(databases.app, shop.placement(key="k", fingerprint="a body"))

    with pytest.raises(KeyReused):
        await place(databases.app, shop.placement(key="k", fingerprint="another body"))

    assert await counters(databases, shop) == [(1, 0)]


@pytest.mark.row("SAG-10")
async def test_twenty_requests_with_one_key_at_once_are_one_booking(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=100)

    placed = await asyncio.gather(*(place(databases.app, shop.placement(key="k")) for _ in range(20)))

    assert len({one.booking.id for one in placed}) == 1
    assert [one.repeated for one in placed].count(False) == 1
    assert await counters(databases, shop) == [(1, 0)]


async def test_without_a_key_each_call_is_a_booking(databases: Databases) -> None:
    shop = await open_shop(databases.app)

    first, second = [await place(databases.app, shop.placement()) for _ in range(2)]

    assert first.booking.id != second.booking.id


async def test_the_same_key_of_another_caller_is_another_booking(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    mine = shop.placement(key="k")
    assert mine.key is not None
    theirs = shop.placement(key="k").model_copy(
        update={"key": mine.key.model_copy(update={"caller": "them"})}
    )

    first, second = [await place(databases.app, placement) for placement in (mine, theirs)]

    assert first.booking.id != second.booking.id


async def test_a_stored_answer_comes_back_with_the_key_and_stays_the_first(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    placement = shop.placement(key="k")
    await place(databases.app, placement)
    assert placement.key is not None
    async with databases.app.tenant(shop.tenant_id) as connection:
        await idempotency.answer(connection, shop.tenant_id, placement.key, Stored(201, b"{}"))
        await idempotency.answer(connection, shop.tenant_id, placement.key, Stored(500, b"later"))

    again = await place(databases.app, shop.placement(key="k"))

    assert again.answer == Stored(201, b"{}")


async def test_a_full_slot_refuses_and_writes_nothing(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=2)
    await place(databases.app, shop.placement(quantities=2))

    with pytest.raises(SoldOut) as no:
        await place(databases.app, shop.placement(quantities=1, key="k"))

    assert no.value.facts == {"slot_id": str(shop.slot.id), "asked": 1, "left": 0}
    assert await count(databases, "bookings") == 1
    assert await count(databases, "idempotency_keys") == 0


async def test_who_was_refused_may_use_the_key_again(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=1)
    with pytest.raises(SoldOut):
        await place(databases.app, shop.placement(quantities=2, key="k"))

    placed = await place(databases.app, shop.placement(quantities=1, key="k"))

    assert not placed.repeated


@pytest.mark.parametrize(
    "changes",
    [{"status": "hidden"}, {"sales_until": NEXT_WEEK.replace(year=2020)}, {"sales_from": NEXT_WEEK}],
    ids=["hidden", "over", "not yet"],
)
async def test_a_slot_that_is_not_on_sale_is_refused(
    databases: Databases, changes: dict[str, object]
) -> None:
    shop = await open_shop(databases.app)
    if "status" in changes:
        changes = {"status": type(shop.slot.status)(str(changes["status"]))}
    slot = await shop.add_slot(5, **changes)

    with pytest.raises(SalesClosed):
        await place(databases.app, shop.placement(slot=slot))

    assert await count(databases, "bookings") == 0


async def test_a_slot_of_nobody_or_of_another_tenant_is_unknown(databases: Databases) -> None:
    shop, stranger = await open_shop(databases.app), await open_shop(databases.app)
    nowhere = shop.slot.model_copy(update={"id": SlotId(uuid4())})

    for slot in (nowhere, stranger.slot):
        with pytest.raises(Unknown):
            await place(databases.app, shop.placement(slot=slot))

    assert await count(databases, "bookings") == 0


@pytest.mark.row("SAG-13", partly="the payment and the tickets")
async def test_several_lines_are_one_booking_over_all_their_counters(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=10)
    vip = await shop.add_variant(9_000, quota=4, name="VIP")

    placed = await place(databases.app, shop.placement(quantities={vip.id: 2, shop.variant.id: 1}))

    assert placed.booking.total.minor == 2 * 9_000 + 2_500
    assert sorted(await counters(databases, shop)) == [(2, 0), (3, 0)]


@pytest.mark.row("SAG-13", partly="the payment and the tickets")
async def test_a_line_that_cannot_be_held_leaves_nothing_held(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=10)
    vip = await shop.add_variant(9_000, quota=1, name="VIP")

    with pytest.raises(SoldOut):
        await place(databases.app, shop.placement(quantities={vip.id: 2, shop.variant.id: 1}))

    assert await counters(databases, shop) == [(0, 0), (0, 0)]


def made(together: list[Placed | None]) -> list[bool]:
    return [placed is not None for placed in together]


async def test_bookings_that_come_together_are_one_transaction(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=10)
    vip = await shop.add_variant(9_000, quota=4, name="VIP")
    wishes = [
        shop.placement(quantities={vip.id: 1, shop.variant.id: 2}, key="a"),
        shop.placement(slot=await shop.add_slot(5), key="b"),
        shop.placement().model_copy(update={"hold_seconds": None}),
    ]

    together = await place_together(databases.app, wishes)

    assert [placed and placed.booking.id for placed in together] == [wish.booking_id for wish in wishes]
    assert sorted(await counters(databases, shop)) == [(1, 0), (1, 0), (4, 0)]
    async with superuser(databases.urls) as judge:
        assert await judge.fetchval("select count(distinct xmin::text) from bookings") == 1
    for placed in together:
        assert placed is not None
        async with databases.app.tenant(shop.tenant_id) as connection:
            assert placed.booking == await find(connection, shop.tenant_id, placed.booking.id)
            told = await event.of_subject(connection, shop.tenant_id, placed.booking.id)
        assert [each.n for each in told] == [1, 2, 3]
    again = await place(databases.app, wishes[1])
    assert again.repeated, "its key was written with it"


async def test_of_those_who_come_together_the_first_get_the_places(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=3)
    other = await shop.add_slot(1)

    together = await place_together(
        databases.app,
        [
            shop.placement(quantities=2),
            shop.placement(slot=other),
            shop.placement(quantities=1),
            shop.placement(quantities=1),
            shop.placement(slot=other),
        ],
    )

    assert made(together) == [True, True, True, False, False]
    assert sorted(await counters(databases, shop)) == [(1, 0), (3, 0)]


async def test_who_cannot_be_placed_together_is_left_out_and_leaves_nothing(databases: Databases) -> None:
    shop, stranger = await open_shop(databases.app, capacity=9), await open_shop(databases.app)
    closed = await shop.add_slot(5, sales_until=NEXT_WEEK.replace(year=2020))
    await place(databases.app, shop.placement(key="used"))

    together = await place_together(
        databases.app,
        [
            shop.placement(key="used"),
            shop.placement(slot=closed),
            shop.placement(slot=stranger.slot),
            shop.placement(key="twice"),
            shop.placement(key="twice", fingerprint="another body"),
            shop.placement(quantities=9),
        ],
    )

    assert made(together) == [False, False, False, True, False, False]
    assert await count(databases, "bookings") == 2
    assert sorted(await counters(databases, shop)) == [(0, 0), (2, 0)]


async def test_pages_follow_each_other_without_a_gap(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=100)
    placed = [(await place(databases.app, shop.placement())).booking for _ in range(7)]

    pages: list[list[Booking]] = []
    async with databases.app.tenant(shop.tenant_id) as connection:
        while True:
            after = (pages[-1][-1].created_at, pages[-1][-1].id) if pages else None
            found = await page(connection, shop.tenant_id, after=after, limit=3)
            if not found:
                break
            pages.append(found)

    assert [booking.id for found in pages for booking in found] == [booking.id for booking in placed[::-1]]


async def test_a_list_is_narrowed_by_user_status_and_day(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=100)

    async def placed(**changes: object) -> Placement:
        placement = shop.placement().model_copy(update=changes)
        await place(databases.app, placement)
        return placement

    mine, theirs = await placed(user_id="me"), await placed(user_id="them")

    async with databases.app.tenant(shop.tenant_id) as connection:
        found = await page(connection, shop.tenant_id, user_id="me")
        held = await page(connection, shop.tenant_id, statuses=[BookingStatus.HELD])
        confirmed = await page(connection, shop.tenant_id, statuses=[BookingStatus.CONFIRMED])
        later = await page(connection, shop.tenant_id, since=NEXT_WEEK.replace(year=NEXT_WEEK.year + 1))
        then = await page(connection, shop.tenant_id, since=NEXT_WEEK, until=NEXT_WEEK + timedelta(hours=1))
    assert [booking.id for booking in found] == [mine.booking_id]
    assert {booking.id for booking in held} == {mine.booking_id, theirs.booking_id}
    assert (confirmed, later) == ([], [])
    assert len(then) == 2


@pytest.mark.row("SAG-10")
async def test_a_connection_lost_at_the_commit_leaves_a_key_that_can_be_used(databases: Databases) -> None:
    """Nobody knows whether it was accepted: the same call with the same key finds out."""
    shop = await open_shop(databases.app)
    async with superuser(databases.urls) as judge:
        await judge.execute(
            """
            create function die() returns trigger language plpgsql security definer as
            'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
            create constraint trigger die after insert on bookings
                deferrable initially deferred for each row execute function die();
            """
        )
        with pytest.raises(Exception) as lost:  # noqa: PT011 - its kind is what is asked below
            await place(databases.app, shop.placement(key="k"))
        await judge.execute("drop trigger die on bookings")

    assert is_outage(lost.value)
    first, again = [await place(databases.app, shop.placement(key="k")) for _ in range(2)]
    assert (first.repeated, again.repeated) == (False, True)
    assert await counters(databases, shop) == [(1, 0)]
