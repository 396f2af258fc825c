"""Holds: adopted, kept, given back, taken back."""

import asyncio
import itertools
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from db import catalog
from db.booking.place import place
from db.booking.read import Booking, find
from db.inventory import hold as holds, sale, wait
from domain.booking import BookingStatus
from domain.ids import BookingId, PaymentId
from domain.inventory import Hold, HoldPlaces, HoldStatus
from domain.refusal import BookingEnded, HoldEnded, SoldOut, Unknown
from tests.support.database import Databases, somebody_waits, superuser
from tests.support.shop import NEXT_WEEK, Shop, keep, let_time_pass, open_shop, pay

PAYMENT = PaymentId(UUID(int=7))


def asked(booking: Booking) -> HoldPlaces:
    return HoldPlaces(tenant_id=booking.tenant_id, booking_id=booking.id)


async def counter(databases: Databases, shop: Shop) -> tuple[int, int]:
    async with databases.app.tenant(shop.tenant_id) as connection:
        row = await connection.fetchrow("select held, sold from counters where id = $1", shop.slot.id)
    assert row is not None
    return row["held"], row["sold"]


async def kept_as(databases: Databases, booking: Booking) -> list[tuple[int, str]]:
    async with databases.app.tenant(booking.tenant_id) as connection:
        rows = await connection.fetch(
            "select n, status from holds where booking_id = $1 order by n, counter_id", booking.id
        )
    return [(row["n"], row["status"]) for row in rows]


async def hold(databases: Databases, booking: Booking) -> Hold:
    async with databases.app.tenant(booking.tenant_id) as connection:
        return await wait.hold_places(connection, asked(booking))


async def release(databases: Databases, booking: Booking) -> None:
    async with databases.app.tenant(booking.tenant_id) as connection:
        await holds.release_places(connection, asked(booking))


async def purchase(databases: Databases, booking: Booking) -> bool:
    async with databases.app.tenant(booking.tenant_id) as connection:
        return await sale.purchase(connection, booking.tenant_id, booking.id)


async def open_slot(databases: Databases, capacity: int = 5) -> tuple[Shop, Booking]:
    shop = await open_shop(databases.app, capacity=capacity)
    placed = await place(databases.app, shop.placement(quantities=2))
    return shop, placed.booking


# --- hold_places


@pytest.mark.row("INV-06", partly="the door's answer")
async def test_the_saga_adopts_the_hold_that_the_door_took(databases: Databases) -> None:
    shop, booking = await open_slot(databases)

    first, again = await hold(databases, booking), await hold(databases, booking)

    assert (first.expires_at, first.due) == (booking.expires_at, booking.total)
    assert first.left is not None
    assert again.left is not None
    assert timedelta(0) < again.left <= first.left <= timedelta(minutes=15)
    assert await counter(databases, shop) == (2, 0)


async def test_a_hold_whose_time_is_over_is_not_adopted(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    await let_time_pass(databases.urls, booking.id)

    with pytest.raises(HoldEnded):
        await hold(databases, booking)


async def test_a_hold_that_is_kept_for_a_checkout_is_adopted_with_no_time_left(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    payment_id = await pay(databases.payment, booking)
    await let_time_pass(databases.urls, booking.id, kept_for=timedelta(minutes=2))

    adopted = await hold(databases, booking)

    assert adopted.left == timedelta(0)
    assert [payment.payment_id for payment in adopted.open_payments] == [payment_id]


async def test_a_booking_that_came_another_way_takes_its_places(databases: Databases) -> None:
    shop, booking = await open_slot(databases)
    async with superuser(databases.urls) as judge:
        await judge.execute("delete from holds where booking_id = $1", booking.id)
        await judge.execute("update counters set held = 0 where id = $1", shop.slot.id)
        await judge.execute("update bookings set status = 'initiated', expires_at = null")

    taken, again = await hold(databases, booking), await hold(databases, booking)

    assert taken.expires_at is not None
    assert taken.expires_at == again.expires_at
    assert await counter(databases, shop) == (2, 0)
    async with databases.app.tenant(shop.tenant_id) as connection:
        found = await find(connection, shop.tenant_id, booking.id)
    assert (found.status, found.expires_at) == (BookingStatus.HELD, taken.expires_at)


async def test_a_booking_that_has_ended_holds_nothing_more(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set status = 'cancelled'")

    with pytest.raises(BookingEnded):
        await hold(databases, booking)


async def test_a_confirmed_booking_owes_nothing_and_has_no_deadline(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    await purchase(databases, booking)
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set status = 'confirmed'")

    answered = await hold(databases, booking)

    assert (answered.left, answered.due.minor) == (None, 0)


async def test_nobody_holds_for_a_booking_that_is_not_there(databases: Databases) -> None:
    _, booking = await open_slot(databases)

    with pytest.raises(Unknown):
        await hold(databases, booking.model_copy(update={"id": BookingId(UUID(int=7))}))


# --- release_places


@pytest.mark.row("INV-08")
async def test_releasing_twice_frees_the_places_once(databases: Databases) -> None:
    shop, booking = await open_slot(databases)
    await place(databases.app, shop.placement(quantities=1))

    await release(databases, booking)
    await release(databases, booking)

    assert await counter(databases, shop) == (1, 0)
    assert await kept_as(databases, booking) == [(1, "released")]


async def test_what_is_given_back_after_its_time_has_expired(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    await let_time_pass(databases.urls, booking.id)

    await release(databases, booking)

    assert await kept_as(databases, booking) == [(1, "expired")]


@pytest.mark.row("INV-08")
async def test_the_undo_leaves_what_was_bought(databases: Databases) -> None:
    shop, booking = await open_slot(databases)
    await purchase(databases, booking)

    await release(databases, booking)

    assert await counter(databases, shop) == (0, 2)
    assert await kept_as(databases, booking) == [(1, "purchased")]


# --- purchase


@pytest.mark.row("INV-09", partly="the booking around it")
async def test_a_hold_is_bought_once(databases: Databases) -> None:
    shop, booking = await open_slot(databases)

    assert [await purchase(databases, booking), await purchase(databases, booking)] == [True, True]
    assert await counter(databases, shop) == (0, 2)


async def test_a_hold_that_was_given_back_is_not_bought(databases: Databases) -> None:
    shop, booking = await open_slot(databases)
    await release(databases, booking)

    assert not await purchase(databases, booking)
    assert await counter(databases, shop) == (0, 0)


async def test_a_hold_that_is_lost_at_that_moment_is_not_bought(databases: Databases) -> None:
    shop, booking = await open_slot(databases)
    async with databases.app.tenant(shop.tenant_id) as connection:
        await connection.execute("update holds set status = 'released'")
        buying = asyncio.create_task(purchase(databases, booking))
        await somebody_waits(databases)

    assert not await buying
    assert await kept_as(databases, booking) == [(1, "released")]


# --- keep_places


async def test_places_are_kept_a_grace_behind_the_deadline(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    assert booking.expires_at is not None

    kept = await keep(databases.app, booking, payment_id=PAYMENT)
    again = await keep(databases.app, booking, payment_id=PAYMENT)

    assert kept.kept_until == again.kept_until == booking.expires_at + timedelta(minutes=2)
    assert again.left <= kept.left
    async with databases.app.tenant(booking.tenant_id) as connection:
        found = await find(connection, booking.tenant_id, booking.id)
    assert found.status is BookingStatus.AWAITING_PAYMENT
    assert found.expires_at == booking.expires_at


async def test_a_deadline_is_put_off_once_per_asking(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    await keep(databases.app, booking, payment_id=PAYMENT)
    await let_time_pass(databases.urls, booking.id, kept_for=timedelta(seconds=5))

    kept = await keep(databases.app, booking, payment_id=PAYMENT, again=1)
    repeated = await keep(databases.app, booking, payment_id=PAYMENT, again=1)

    assert timedelta(seconds=60) < kept.left <= timedelta(minutes=2)
    assert repeated.kept_until == kept.kept_until
    async with superuser(databases.urls) as judge:
        assert await judge.fetchval("select kept_until from holds") == kept.kept_until


async def test_nothing_is_kept_after_the_deadline(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    await let_time_pass(databases.urls, booking.id, kept_for=timedelta(minutes=1))

    with pytest.raises(HoldEnded):
        await keep(databases.app, booking)

    async with databases.app.tenant(booking.tenant_id) as connection:
        found = await find(connection, booking.tenant_id, booking.id)
    assert found.status is BookingStatus.HELD


async def test_nothing_is_kept_that_somebody_has_taken_back(databases: Databases) -> None:
    shop, booking = await open_slot(databases, capacity=2)
    await let_time_pass(databases.urls, booking.id)
    await place(databases.app, shop.placement(quantities=2))

    with pytest.raises(HoldEnded):
        await keep(databases.app, booking, again=1)


async def test_nothing_is_kept_of_a_booking_that_has_ended(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set status = 'expired'")

    with pytest.raises(BookingEnded):
        await keep(databases.app, booking)


# --- overdue holds


@pytest.mark.row("INV-10")
async def test_an_overdue_hold_blocks_no_sale_though_no_worker_runs(databases: Databases) -> None:
    shop, booking = await open_slot(databases, capacity=2)
    await let_time_pass(databases.urls, booking.id)

    placed = await place(databases.app, shop.placement(quantities=2))

    assert not placed.repeated
    assert await kept_as(databases, booking) == [(1, "expired")]
    assert await counter(databases, shop) == (2, 0)


@pytest.mark.row("INV-10")
async def test_reads_count_an_overdue_hold_as_free(databases: Databases) -> None:
    shop, booking = await open_slot(databases, capacity=5)
    await let_time_pass(databases.urls, booking.id)

    async with databases.app.tenant(shop.tenant_id) as connection:
        slots = await catalog.slots(
            connection,
            shop.tenant_id,
            shop.offer.id,
            since=NEXT_WEEK - timedelta(days=1),
            until=NEXT_WEEK + timedelta(days=1),
        )

    assert [(found.capacity, found.left) for found in slots] == [(5, 5)]


async def test_places_kept_for_a_checkout_are_not_taken_back(databases: Databases) -> None:
    shop, booking = await open_slot(databases, capacity=2)
    await let_time_pass(databases.urls, booking.id, kept_for=timedelta(minutes=2))

    with pytest.raises(SoldOut):
        await place(databases.app, shop.placement(quantities=1))

    assert await kept_as(databases, booking) == [(1, "active")]


async def test_a_hold_taken_back_at_one_counter_is_lost_as_a_whole(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=2)
    vip = await shop.add_variant(9_000, quota=2, name="VIP")
    booking = (await place(databases.app, shop.placement(quantities={vip.id: 2}))).booking
    await let_time_pass(databases.urls, booking.id)
    await place(databases.app, shop.placement(quantities=1))

    with pytest.raises(HoldEnded):
        await hold(databases, booking)
    assert not await purchase(databases, booking)
    await release(databases, booking)

    assert {status for _, status in await kept_as(databases, booking)} == {"expired"}
    async with databases.app.tenant(shop.tenant_id) as connection:
        assert await connection.fetchval("select sum(held) from counters") == 1


# --- the table's own guards


@pytest.mark.row("INV-07")
async def test_the_database_knows_three_moves_of_a_hold(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=100)

    for before, after in itertools.product(HoldStatus, HoldStatus):
        booking = (await place(databases.app, shop.placement())).booking
        async with superuser(databases.urls) as judge:
            move = "update holds set status = $1 where booking_id = $2"
            await judge.execute(move, before, booking.id)
            if before is HoldStatus.ACTIVE:
                await judge.execute(move, after, booking.id)
                continue
            with pytest.raises(asyncpg.CheckViolationError) as no:
                await judge.execute(move, after, booking.id)
            assert no.value.constraint_name == "holds_end_once"


async def test_what_a_hold_claims_never_changes(databases: Databases) -> None:
    _, booking = await open_slot(databases)
    async with superuser(databases.urls) as judge:
        with pytest.raises(asyncpg.CheckViolationError) as no:
            await judge.execute("update holds set places = 1 where booking_id = $1", booking.id)
    assert no.value.constraint_name == "holds_are_fixed"
