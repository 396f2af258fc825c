"""Two who settle one booking at once: confirmations and late payments that meet in the middle."""

import asyncio

import pytest

from db.booking.confirm import Moved, confirm, settle_late_money
from db.booking.place import place
from domain.aftercare import LateMoney, Settled, Settlement
from domain.booking import ConfirmBooking, Confirmed
from tests.db.test_late_money import ended
from tests.support.database import Databases, somebody_waits
from tests.support.shop import keep, open_shop, pay


async def test_two_confirmations_at_once_give_one_answer(databases: Databases) -> None:
    """A try whose answer was lost is still at work when the next one begins."""
    shop = await open_shop(databases.app, capacity=1)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    await pay(databases.payment, booking)
    ask = ConfirmBooking(tenant_id=shop.tenant_id, booking_id=booking.id)

    async def again() -> Confirmed:
        async with databases.app.tenant(shop.tenant_id) as connection:
            return await confirm(connection, ask)

    async with databases.app.tenant(shop.tenant_id) as connection:
        first = await confirm(connection, ask)
        second = asyncio.create_task(again())
        await somebody_waits(databases)
    with pytest.raises(Moved):  # no refusal, which would undo what is confirmed: it is tried again
        await second

    assert await again() == first == Confirmed(tickets=1)


async def test_of_two_late_payments_at_once_one_takes_the_places_and_one_goes_back(
    databases: Databases,
) -> None:
    _, booking = await ended(databases, capacity=2)
    payments = [await pay(databases.payment, booking) for _ in range(2)]
    asks = [
        LateMoney(tenant_id=booking.tenant_id, booking_id=booking.id, payment_id=each) for each in payments
    ]

    async def other() -> Settled:
        async with databases.app.tenant(booking.tenant_id) as connection:
            return await settle_late_money(connection, asks[0])

    async with databases.app.tenant(booking.tenant_id) as connection:
        assert await settle_late_money(connection, asks[1]) == Settled(settlement=Settlement.CONFIRMED)
        meanwhile = asyncio.create_task(other())
        await somebody_waits(databases)
    with pytest.raises(Moved):
        await meanwhile

    assert await other() == Settled(settlement=Settlement.REFUND, cause="already_paid")
    async with databases.app.tenant(booking.tenant_id) as connection:
        rows = await connection.fetch("select payment_id from booking_payments")
    assert [row["payment_id"] for row in rows] == [payments[1]]
