"""Choosing anew while a booking is held: the new places or the old ones, whoever else wants them."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from db import checkout, consent, passenger
from db.booking.change import Choice, choose, reach
from db.booking.place import place
from db.booking.read import Booking, find
from db.inventory import hold as holds
from db.session import OUTAGES
from domain.booking import BookingStatus
from domain.inventory import HoldPlaces
from domain.passenger import Passenger, PassengerType
from domain.refusal import HoldEnded, IllegalMove, PriceChanged, SoldOut
from domain.value import Sealed
from tests.support.database import Databases, somebody_waits, superuser
from tests.support.people import DANGEROUS
from tests.support.shop import Shop, choice, keep, let_time_pass, open_shop


async def booked(shop: Shop, **wishes: Any) -> Booking:
    return (await place(shop.app, shop.placement(**wishes))).booking


async def change(shop: Shop, booking: Booking, wanted: Choice) -> Booking:
    async with shop.app.tenant(shop.tenant_id) as connection:
        await choose(connection, shop.tenant_id, booking.id, wanted)
        return await find(connection, shop.tenant_id, booking.id)


async def counted(databases: Databases, shop: Shop) -> list[int]:
    async with superuser(databases.urls) as judge:
        rows = await judge.fetch("select held from counters order by id")
        wrong = await judge.fetchval(
            """
            select count(*) from counters c
             where c.held <> (select coalesce(sum(places), 0) from holds h
                               where h.counter_id = c.id and h.status = 'active')
            """
        )
    assert wrong == 0
    return [row["held"] for row in rows]


@pytest.mark.row("SAG-32", partly="the routes: tests/api/test_checkout.py")
async def test_the_last_places_are_chosen_anew_by_whoever_holds_them(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=2)
    booking = await booked(shop, quantities=2)

    changed = await change(shop, booking, choice(shop, 1))
    assert await counted(databases, shop) == [1]
    back = await change(shop, booking, choice(shop, 2))

    assert (changed.total.minor, back.total.minor) == (2_500, 5_000)
    assert back.expires_at == booking.expires_at
    assert [line.quantity for line in back.lines] == [2]
    assert await counted(databases, shop) == [2]
    async with superuser(databases.urls) as judge:
        [hold] = await judge.fetch("select expires_at, kept_until from holds where status = 'active'")
        told = await judge.fetchval("select array_agg(type order by n) from events")
    assert hold["expires_at"] == hold["kept_until"] == booking.expires_at
    assert told == [
        *("booking.created", "booking.initiated", "inventory.reserved"),
        *("booking.changed", "booking.changed"),
    ]


async def test_overdue_holds_give_way_to_a_change(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=3)
    booking, gone = await booked(shop), await booked(shop, quantities=2)
    await let_time_pass(databases.urls, gone.id)

    await change(shop, booking, choice(shop, 3))

    assert await counted(databases, shop) == [3]


async def test_more_than_there_is_leaves_the_old_hold(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=3)
    booking = await booked(shop)
    await booked(shop, quantities=2)

    with pytest.raises(SoldOut):
        await change(shop, booking, choice(shop, 2))

    assert await counted(databases, shop) == [3]
    async with shop.app.tenant(shop.tenant_id) as connection:
        assert await find(connection, shop.tenant_id, booking.id) == booking


async def test_what_is_no_longer_held_is_not_chosen_anew(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    over, paying = await booked(shop), await booked(shop)
    await let_time_pass(databases.urls, over.id)
    await keep(databases.app, paying)

    with pytest.raises(HoldEnded):
        await change(shop, over, choice(shop, 2))
    with pytest.raises(IllegalMove):
        await change(shop, paying, choice(shop, 2))

    assert await counted(databases, shop) == [2]


async def test_a_change_and_a_payment_at_once_do_not_mix(databases: Databases) -> None:
    """Whichever comes first, what is awaited is what is held, and nobody changes it behind the payment."""
    shop = await open_shop(databases.app, capacity=40)
    for _ in range(10):
        booking = await booked(shop)

        changed, kept = await asyncio.gather(
            change(shop, booking, choice(shop, 2)), keep(databases.app, booking), return_exceptions=True
        )

        async with shop.app.tenant(shop.tenant_id) as connection:
            found = await find(connection, shop.tenant_id, booking.id)
        assert found.total.minor == 2_500 * found.lines[0].quantity
        assert isinstance(changed, IllegalMove) or found.lines[0].quantity == 2
        assert not isinstance(kept, BaseException) or isinstance(kept, OUTAGES), kept
        await counted(databases, shop)


async def test_a_payment_that_waited_for_a_change_keeps_what_was_chosen(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    async with shop.app.tenant(shop.tenant_id) as connection:
        await choose(connection, shop.tenant_id, booking.id, choice(shop, 2))
        waiting = asyncio.create_task(keep(databases.app, booking))
        await somebody_waits(databases)

    kept = await waiting

    assert kept.due == kept.total == choice(shop, 2).total
    assert await counted(databases, shop) == [2]


async def test_a_payment_that_was_reckoned_before_a_change_is_refused_and_the_booking_stays_held(
    databases: Databases,
) -> None:
    """Whoever asks to pay has read the price before; the places are kept for that price or not at all."""
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    async with shop.app.tenant(shop.tenant_id) as connection:
        await choose(connection, shop.tenant_id, booking.id, choice(shop, 2))
        waiting = asyncio.create_task(keep(databases.app, booking, due=booking.due))
        await somebody_waits(databases)

    with pytest.raises(PriceChanged) as refused:
        await waiting

    assert refused.value.facts["due"] == choice(shop, 2).total.model_dump()
    await change(shop, booking, choice(shop, 1))  # still held, so it may be chosen anew, and paid
    await keep(databases.app, booking, due=choice(shop, 1).total)


async def test_a_change_that_waited_for_the_end_holds_nothing_more(databases: Databases) -> None:
    """Between the giving back of the places and the end of the booking its row still says *held*."""
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    async with shop.app.tenant(shop.tenant_id) as connection:
        ask = HoldPlaces(tenant_id=shop.tenant_id, booking_id=booking.id)
        await holds.release_places(connection, ask)
        waiting = asyncio.create_task(change(shop, booking, choice(shop, 2)))
        await somebody_waits(databases)

    with pytest.raises(HoldEnded):
        await waiting

    assert await counted(databases, shop) == [0]


async def test_crossing_changes_neither_oversell_nor_block_each_other(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=4)
    vip = await shop.add_variant(9_000, quota=2, name="VIP")
    bookings = [await booked(shop) for _ in range(4)]

    done = await asyncio.gather(
        *(
            change(shop, booking, choice(shop, 1, of=[vip] if i % 2 else [shop.variant]))
            for _ in range(3)
            for i, booking in enumerate(bookings)
        ),
        return_exceptions=True,
    )

    assert all(isinstance(each, (Booking, SoldOut, *OUTAGES)) for each in done), done
    assert sum(await counted(databases, shop)) <= 4 + 2


async def test_who_travels_may_change_until_a_payment_has_started(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    await keep(databases.app, booking)

    async with shop.app.tenant(shop.tenant_id) as connection:
        with pytest.raises(IllegalMove):
            await checkout.lock(connection, shop.tenant_id, booking.id)


async def test_under_the_lock_no_payment_starts(databases: Databases) -> None:
    """The payment waits for the change that is being made, and is told what is missing after it."""
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    async with shop.app.tenant(shop.tenant_id) as connection:
        await checkout.lock(connection, shop.tenant_id, booking.id)
        waiting = asyncio.create_task(keep(databases.app, booking, grace=timedelta(minutes=1)))
        await somebody_waits(databases)
        await passenger.write(connection, shop.tenant_id, booking.id, [_lead()])

    await waiting


async def test_a_payment_starts_behind_who_gives_another_address(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    contact = booking.contact.model_copy(update={"email": "other@example.com"})
    async with shop.app.tenant(shop.tenant_id) as connection:
        await reach(
            connection,
            shop.tenant_id,
            booking.id,
            contact=contact,
            delivery=booking.delivery,
            locale=booking.locale,
        )
        waiting = asyncio.create_task(keep(databases.app, booking))
        await somebody_waits(databases)

    kept = await waiting

    async with shop.app.tenant(shop.tenant_id) as connection:
        found = await find(connection, shop.tenant_id, booking.id)
    assert (found.status, found.contact) == (BookingStatus.AWAITING_PAYMENT, contact)
    assert kept.due == booking.due


def _lead() -> Passenger:
    return Passenger(
        position=1,
        type=PassengerType.LEAD,
        given_name="Ada",
        family_name="Lovelace",
        nationality="GB",
        birth_date=Sealed("k1:x"),
    )


@pytest.mark.row("SAG-15", partly="the wish to pay: tests/workflows/test_checkout.py")
async def test_what_was_agreed_to_cannot_be_changed_by_anybody(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    async with shop.app.tenant(shop.tenant_id) as connection:
        await consent.write(connection, shop.tenant_id, booking.id, [DANGEROUS], address="192.0.2.1")

    for statement in ("update consents set version = '9'", "delete from consents"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with shop.app.tenant(shop.tenant_id) as connection:
                await connection.execute(statement)
        async with superuser(databases.urls) as judge:
            with pytest.raises(asyncpg.CheckViolationError):
                await judge.execute(statement)
            await judge.execute("alter table consents disable trigger guard_consent")  # the twin
            assert await judge.execute(statement.replace("'9'", "version")) != "UPDATE 0"
            await judge.execute("alter table consents enable trigger guard_consent")


async def test_the_lines_of_a_booking_stay_once_it_is_being_paid(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = await booked(shop)
    await keep(databases.app, booking)

    with pytest.raises(asyncpg.CheckViolationError):
        async with shop.app.tenant(shop.tenant_id) as connection:
            await connection.execute("delete from booking_lines")
