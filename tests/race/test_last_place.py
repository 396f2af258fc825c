"""Many buyers, few places. Each guard has a twin here that lacks it and goes wrong."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest

from api.group import Groups
from db.booking.place import PLACE, Placed, Placement, place, place_together
from db.inventory import hold as holds, sale
from db.session import Database
from domain.ids import BookingId
from domain.inventory import HoldPlaces
from domain.refusal import SoldOut
from tests.support.database import Databases, Urls, patient, superuser
from tests.support.shop import Shop, let_time_pass, open_shop

# What PLACE would be if the room were looked at first and taken afterwards.
LOOK = "select capacity - held - sold from counters where id = $1"
TAKE_UNGUARDED = "update counters set held = held + $2 where id = $1"


@pytest.fixture
async def crowd(urls: Urls) -> AsyncIterator[Database]:
    """Many connections at once."""
    database = await patient(urls, "app", size=10)
    yield database
    await database.close()


async def tried(database: Database, placement: Placement) -> Placed | None:
    """Ask for places."""
    try:
        return await place(database, placement)
    except SoldOut:
        return None


async def counters(databases: Databases) -> list[tuple[int, int, int]]:
    """Give (held, sold, places of active holds) of each counter."""
    async with superuser(databases.urls) as judge:
        rows = await judge.fetch(
            """
            select c.held, c.sold, coalesce(sum(h.places), 0)::int as active
              from counters c left join holds h on h.counter_id = c.id and h.status = 'active'
             group by c.tenant_id, c.id order by c.id
            """
        )
    return [(row["held"], row["sold"], row["active"]) for row in rows]


@pytest.mark.row("INV-05")
async def test_of_200_buyers_of_50_places_exactly_50_win(databases: Databases, crowd: Database) -> None:
    shop = await open_shop(databases.app, capacity=50)

    placed = await asyncio.gather(*(tried(crowd, shop.placement()) for _ in range(200)))

    assert sum(one is not None for one in placed) == 50
    assert await counters(databases) == [(50, 0, 50)]


def door(database: Database) -> Groups[Placement, Placed]:
    """Open a front door that writes in groups, as each process has one."""
    return Groups(partial(place_together, database), partial(place, database), largest=16, patience=60)


@pytest.mark.row("INV-05")
async def test_of_200_buyers_at_two_doors_that_write_in_groups_exactly_50_win(
    databases: Databases, crowd: Database
) -> None:
    shop = await open_shop(databases.app, capacity=50)
    vip = await shop.add_variant(9_000, quota=20, name="VIP")
    doors = [door(crowd), door(crowd)]

    async def asks(n: int) -> Placed | None:
        variant = vip if n % 4 == 0 else shop.variant
        try:
            return await doors[n % 2].ask(shop.placement(quantities={variant.id: 1}))
        except SoldOut:
            return None

    placed = await asyncio.gather(*(asks(n) for n in range(200)))

    assert sum(one is not None for one in placed) == 50
    (slot,) = [each for each in await counters(databases) if each[0] == 50]
    assert slot == (50, 0, 50)
    assert all(held == active for held, _, active in await counters(databases))


@pytest.mark.row("INV-05")
async def test_two_buyers_of_the_last_place_are_one_winner(databases: Databases, crowd: Database) -> None:
    shop = await open_shop(databases.app, capacity=1)

    for slot in [await shop.add_slot(1) for _ in range(20)]:
        placed = await asyncio.gather(*(tried(crowd, shop.placement(slot=slot)) for _ in range(2)))
        assert sum(one is not None for one in placed) == 1


async def test_without_the_guard_in_the_statement_places_are_oversold(
    databases: Databases, crowd: Database
) -> None:
    """The twin: look first, take then. The check on the table, our last defence, is taken away as well."""
    shop = await open_shop(databases.app, capacity=5)
    async with superuser(databases.urls) as judge:
        await judge.execute("alter table counters drop constraint ck_counters_never_oversold")
    together = asyncio.Barrier(10)

    async def look_and_take() -> None:
        async with crowd.tenant(shop.tenant_id) as connection:
            left = await connection.fetchval(LOOK, shop.slot.id)
            await together.wait()
            if left >= 1:
                await connection.execute(TAKE_UNGUARDED, shop.slot.id, 1)

    await asyncio.gather(*(look_and_take() for _ in range(10)))

    assert (await counters(databases))[0][0] == 10


async def test_the_table_itself_refuses_what_no_guard_has_stopped(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=1)

    with pytest.raises(asyncpg.CheckViolationError):
        async with databases.app.tenant(shop.tenant_id) as connection:
            await connection.execute(TAKE_UNGUARDED, shop.slot.id, 2)


def test_the_statement_of_the_door_holds_the_guard() -> None:
    assert "wanted.up_to <= c.capacity - c.held - c.sold" in PLACE
    assert "c.held + c.sold + w.places <= c.capacity" in holds.HOLD


@pytest.mark.row("INV-16")
async def test_lines_in_any_order_never_lock_each_other_out(databases: Databases, crowd: Database) -> None:
    """1,000 bookings over four counters at four doors, lines shuffled, half of them given back at once."""
    shop = await open_shop(databases.app, capacity=5_000)
    variants = [await shop.add_variant(1_000, quota=5_000, name=f"Zone {n}") for n in range(3)]
    dice = random.Random(16)  # noqa: S311

    def shuffled() -> Placement:
        chosen = dice.sample(variants, k=3)
        return shop.placement(quantities={variant.id: dice.randint(1, 2) for variant in chosen})

    doors = [door(crowd) for _ in range(4)]

    async def buyer(number: int, placements: list[Placement]) -> None:
        for n, placement in enumerate(placements):
            booking = (await doors[number % 4].ask(placement)).booking
            if n % 2:
                async with crowd.tenant(shop.tenant_id) as connection:
                    ask = HoldPlaces(tenant_id=shop.tenant_id, booking_id=booking.id)
                    await holds.release_places(connection, ask)

    await asyncio.gather(*(buyer(number, [shuffled() for _ in range(50)]) for number in range(20)))

    assert all(held == active for held, _, active in await counters(databases))
    async with superuser(databases.urls) as judge:
        assert (
            await judge.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
            == 0
        )


@pytest.mark.row("INV-16")
async def test_several_counters_are_taken_all_or_none(databases: Databases, crowd: Database) -> None:
    shop = await open_shop(databases.app, capacity=30)
    vip = await shop.add_variant(9_000, quota=7, name="VIP")

    placed = await asyncio.gather(
        *(tried(crowd, shop.placement(quantities={vip.id: 1, shop.variant.id: 1})) for _ in range(40))
    )

    assert sum(one is not None for one in placed) == 7
    assert sorted(await counters(databases)) == [(7, 0, 7), (14, 0, 14)]


async def test_locks_taken_in_another_order_do_lock_each_other_out(
    databases: Databases, crowd: Database
) -> None:
    """The twin: two transactions that lock the same two counters, each in its own order."""
    shop = await open_shop(databases.app, capacity=10)
    other = await shop.add_slot(10)
    together = asyncio.Barrier(2)

    async def locks(*counters: object) -> None:
        async with crowd.tenant(shop.tenant_id) as connection:
            await connection.execute(TAKE_UNGUARDED, counters[0], 1)
            await together.wait()
            await connection.execute(TAKE_UNGUARDED, counters[1], 1)

    done = await asyncio.gather(
        locks(shop.slot.id, other.id), locks(other.id, shop.slot.id), return_exceptions=True
    )

    assert sum(isinstance(one, asyncpg.PostgresError) for one in done) == 1


@pytest.mark.row("INV-09")
async def test_no_buyer_sees_a_place_free_while_it_is_sold(databases: Databases, crowd: Database) -> None:
    shop = await open_shop(databases.app, capacity=20)
    bookings = [(await place(databases.app, shop.placement())).booking for _ in range(20)]
    stop = asyncio.Event()
    won: list[Placed] = []

    async def watch() -> None:
        while not stop.is_set():
            if found := await tried(crowd, shop.placement()):
                won.append(found)

    async def sell() -> None:
        for booking in bookings:
            async with crowd.tenant(shop.tenant_id) as connection:
                assert await sale.purchase(connection, shop.tenant_id, booking.id)
        stop.set()

    await asyncio.gather(sell(), *(watch() for _ in range(4)))

    assert won == []
    assert await counters(databases) == [(0, 20, 0)]


async def test_without_one_update_for_both_a_buyer_gets_the_place_that_is_being_sold(
    databases: Databases, crowd: Database
) -> None:
    """The twin: given back first, sold then, in two transactions."""
    shop = await open_shop(databases.app, capacity=1)
    booking = (await place(databases.app, shop.placement())).booking

    async with crowd.tenant(shop.tenant_id) as connection:
        ask = HoldPlaces(tenant_id=shop.tenant_id, booking_id=booking.id)
        await holds.release_places(connection, ask)
    stranger = await tried(crowd, shop.placement())

    assert stranger is not None


@pytest.mark.row("INV-10")
async def test_of_many_who_want_an_overdue_place_one_gets_it(databases: Databases, crowd: Database) -> None:
    shop = await open_shop(databases.app, capacity=3)
    for _ in range(3):
        booking = (await place(databases.app, shop.placement())).booking
        await let_time_pass(databases.urls, booking.id)

    placed = await asyncio.gather(*(tried(crowd, shop.placement()) for _ in range(30)))

    assert sum(one is not None for one in placed) == 3
    assert await counters(databases) == [(3, 0, 3)]


@pytest.mark.row("INV-08")
async def test_buying_and_giving_back_at_once_counts_the_place_once(
    databases: Databases, crowd: Database
) -> None:
    shop = await open_shop(databases.app, capacity=40)
    bookings = [(await place(databases.app, shop.placement())).booking for _ in range(40)]

    async def buy_or_give_back(booking_id: BookingId, *, buy: bool) -> None:
        async with crowd.tenant(shop.tenant_id) as connection:
            if buy:
                await sale.purchase(connection, shop.tenant_id, booking_id)
            else:
                ask = HoldPlaces(tenant_id=shop.tenant_id, booking_id=booking_id)
                await holds.release_places(connection, ask)

    await asyncio.gather(
        *(buy_or_give_back(booking.id, buy=buy) for booking in bookings for buy in (True, False))
    )

    async with superuser(databases.urls) as judge:
        bought = await judge.fetchval("select count(*) from holds where status = 'purchased'")
        gone = await judge.fetchval("select count(*) from holds where status = 'released'")
    assert bought + gone == 40
    assert await counters(databases) == [(0, bought, 0)]


async def test_buyers_of_ten_shops_do_not_mix(databases: Databases, crowd: Database) -> None:
    shops: list[Shop] = [await open_shop(databases.app, capacity=2) for _ in range(10)]

    placed = await asyncio.gather(*(tried(crowd, shop.placement()) for shop in shops for _ in range(3)))

    assert sum(one is not None for one in placed) == 20
    assert await counters(databases) == [(2, 0, 2)] * 10
