"""Money that came after the end: the places again, or back it goes."""

import asyncio

import pytest
from uuid_utils.compat import uuid7

from db import event, ticket
from db.booking.confirm import confirm, settle_late_money
from db.booking.end import end_booking, record_refund
from db.booking.place import place
from db.booking.read import Booking, Contact, find
from db.inventory import hold as holds
from db.refund import intent, outcome
from domain.aftercare import LateMoney, Settled, Settlement
from domain.booking import BookingStatus, ConfirmBooking, EndBooking, EndReason
from domain.ids import PaymentId, RefundId
from domain.inventory import HoldPlaces
from domain.money import Money
from domain.refund import RefundPayment, RefundStatus
from domain.refusal import Unknown
from tests.support.database import Databases, superuser
from tests.support.shop import Shop, keep, open_shop, pay

CONFIRMED = Settled(settlement=Settlement.CONFIRMED)


def refunded(cause: str) -> Settled:
    return Settled(settlement=Settlement.REFUND, cause=cause)


async def settle(databases: Databases, booking: Booking, payment_id: PaymentId) -> Settled:
    ask = LateMoney(tenant_id=booking.tenant_id, booking_id=booking.id, payment_id=payment_id)
    async with databases.app.tenant(booking.tenant_id) as connection:
        return await settle_late_money(connection, ask)


async def ended(
    databases: Databases, reason: EndReason = EndReason.EXPIRED, *, capacity: int = 5, quantity: int = 2
) -> tuple[Shop, Booking]:
    """Give a booking that awaited its payment and came to an end, its places given back."""
    shop = await open_shop(databases.app, capacity=capacity)
    booking = (await place(databases.app, shop.placement(quantities=quantity))).booking
    await keep(databases.app, booking)
    async with databases.app.tenant(shop.tenant_id) as connection:
        places = HoldPlaces(tenant_id=shop.tenant_id, booking_id=booking.id)
        await holds.release_places(connection, places)
        ask = EndBooking(tenant_id=shop.tenant_id, booking_id=booking.id, reason=reason)
        await end_booking(connection, ask)
    return shop, booking


async def standing(databases: Databases, booking: Booking) -> tuple[BookingStatus, int]:
    """Give the booking's state and its tickets."""
    async with databases.app.tenant(booking.tenant_id) as connection:
        found = await find(connection, booking.tenant_id, booking.id)
        return found.status, await ticket.count(connection, booking.tenant_id, booking.id)


@pytest.mark.row("INV-19")
@pytest.mark.parametrize("reason", [EndReason.EXPIRED, EndReason.FAILED])
async def test_late_money_takes_the_places_again(databases: Databases, reason: EndReason) -> None:
    shop, booking = await ended(databases, reason)
    payment_id = await pay(databases.payment, booking)

    answers = [await settle(databases, booking, payment_id) for _ in range(2)]

    assert answers == [CONFIRMED] * 2
    assert await standing(databases, booking) == (BookingStatus.CONFIRMED, 2)
    async with databases.app.tenant(shop.tenant_id) as connection:
        rows = await connection.fetch("select n, status from holds order by n")
        counter = await connection.fetchrow("select held, sold from counters")
    assert [row["n"] for row in rows] == [1, 2]
    assert rows[1]["status"] == "purchased"
    assert counter is not None
    assert tuple(counter) == (0, 2)


@pytest.mark.row("INV-19")
async def test_late_money_goes_back_when_the_places_are_gone(databases: Databases) -> None:
    shop, booking = await ended(databases, capacity=2)
    await place(databases.app, shop.placement(quantities=2))
    payment_id = await pay(databases.payment, booking)

    answers = [await settle(databases, booking, payment_id) for _ in range(2)]

    assert answers == [refunded("sold_out")] * 2
    assert await standing(databases, booking) == (BookingStatus.REFUNDING, 0)


async def test_a_verdict_stays_though_the_places_come_free_again(databases: Databases) -> None:
    shop, booking = await ended(databases, capacity=2)
    stranger = (await place(databases.app, shop.placement(quantities=2))).booking
    payment_id = await pay(databases.payment, booking)
    first = await settle(databases, booking, payment_id)
    async with databases.app.tenant(shop.tenant_id) as connection:
        places = HoldPlaces(tenant_id=shop.tenant_id, booking_id=stranger.id)
        await holds.release_places(connection, places)

    assert await settle(databases, booking, payment_id) == first == refunded("sold_out")


async def test_late_money_goes_back_when_sales_are_over(databases: Databases) -> None:
    _, booking = await ended(databases)
    payment_id = await pay(databases.payment, booking)
    async with superuser(databases.urls) as judge:
        await judge.execute("update slots set sales_until = now()")

    assert await settle(databases, booking, payment_id) == refunded("sales_closed")


async def test_late_money_goes_back_when_the_buyer_has_booked_the_slot_again(databases: Databases) -> None:
    shop, booking = await ended(databases)
    email = booking.contact.email.upper()
    await place(databases.app, shop.placement(contact=Contact(name="Ada Again", email=email)))
    payment_id = await pay(databases.payment, booking)

    assert await settle(databases, booking, payment_id) == refunded("booked_again")


async def test_another_buyers_booking_of_the_slot_does_not_matter(databases: Databases) -> None:
    shop, booking = await ended(databases)
    await place(databases.app, shop.placement())
    payment_id = await pay(databases.payment, booking)

    assert await settle(databases, booking, payment_id) == CONFIRMED


async def test_money_for_a_cancelled_booking_goes_back(databases: Databases) -> None:
    _, booking = await ended(databases, EndReason.CANCELLED)
    payment_id = await pay(databases.payment, booking)

    assert await settle(databases, booking, payment_id) == refunded("booking_ended")
    assert await standing(databases, booking) == (BookingStatus.REFUNDING, 0)


async def test_money_of_another_amount_goes_back(databases: Databases) -> None:
    _, booking = await ended(databases)
    payment_id = await pay(databases.payment, booking, minor=booking.due.minor - 1)

    assert await settle(databases, booking, payment_id) == refunded("conflicted")


async def test_the_payment_that_confirmed_a_booking_is_no_late_money(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    payment_id = await pay(databases.payment, booking)
    async with databases.app.tenant(shop.tenant_id) as connection:
        await confirm(connection, ConfirmBooking(tenant_id=shop.tenant_id, booking_id=booking.id))

    assert await settle(databases, booking, payment_id) == CONFIRMED


async def test_a_second_payment_of_a_confirmed_booking_goes_back(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    await pay(databases.payment, booking)
    async with databases.app.tenant(shop.tenant_id) as connection:
        await confirm(connection, ConfirmBooking(tenant_id=shop.tenant_id, booking_id=booking.id))
    second = await pay(databases.payment, booking)

    assert await settle(databases, booking, second) == refunded("already_paid")
    assert await standing(databases, booking) == (BookingStatus.CONFIRMED, 1)


async def test_an_open_booking_whose_run_is_gone_is_confirmed(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    payment_id = await pay(databases.payment, booking)

    assert await settle(databases, booking, payment_id) == CONFIRMED
    assert await standing(databases, booking) == (BookingStatus.CONFIRMED, 1)


@pytest.mark.parametrize("state", ["held", "awaiting_payment", "payment_review", "paid", "awaiting_partner"])
async def test_an_open_booking_whose_run_is_gone_ends_when_its_money_goes_back(
    databases: Databases, state: str
) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    payment_id = await pay(databases.payment, booking)
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set status = $1", state)
        await judge.execute("update payments set status = 'conflicted'")

    assert await settle(databases, booking, payment_id) == refunded("conflicted")

    assert await standing(databases, booking) == (BookingStatus.REFUNDING, 0)
    async with databases.app.tenant(booking.tenant_id) as connection:
        assert await connection.fetchval("select held from counters") == 0


async def test_a_payment_of_another_booking_is_unknown(databases: Databases) -> None:
    shop, booking = await ended(databases)
    other = (await place(databases.app, shop.placement())).booking
    payment_id = await pay(databases.payment, other)

    with pytest.raises(Unknown):
        await settle(databases, booking, payment_id)


async def test_of_two_late_payments_one_wins(databases: Databases) -> None:
    """Whoever loses the race is retried by its step."""
    _, booking = await ended(databases)
    payments = [await pay(databases.payment, booking) for _ in range(2)]

    async def tried(payment_id: PaymentId) -> Settled:
        try:
            return await settle(databases, booking, payment_id)
        except Exception:  # noqa: BLE001 - what a step does: again
            return await settle(databases, booking, payment_id)

    await asyncio.gather(*(tried(payment_id) for payment_id in payments))

    assert await standing(databases, booking) == (BookingStatus.CONFIRMED, 2)
    async with databases.app.tenant(booking.tenant_id) as connection:
        assert await connection.fetchval("select sold from counters") == 2


async def test_a_refund_that_was_taken_is_told_to_the_buyer_and_ends_the_booking(
    databases: Databases,
) -> None:
    _, booking = await ended(databases, EndReason.CANCELLED)
    payment_id = await pay(databases.payment, booking)
    settled = await settle(databases, booking, payment_id)
    ask = RefundPayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=Money(minor=booking.due.minor, currency="EUR"),
        cause=settled.cause,
    )
    money = LateMoney(tenant_id=booking.tenant_id, booking_id=booking.id, payment_id=payment_id)

    async def told() -> tuple[BookingStatus, int]:
        async with databases.app.tenant(booking.tenant_id) as connection:
            await record_refund(connection, money)
            notices = await connection.fetchval(
                "select count(*) from notices where kind = 'payment_refunded'"
            )
        return (await standing(databases, booking))[0], notices

    async with databases.payment.tenant(booking.tenant_id) as connection:
        asked = await intent.ask(connection, ask)
    assert await told() == (BookingStatus.REFUNDING, 0)

    for status, expected in (
        (RefundStatus.PROCESSING, (BookingStatus.REFUNDING, 1)),
        (RefundStatus.COMPLETED, (BookingStatus.REFUNDED, 1)),
        (RefundStatus.COMPLETED, (BookingStatus.REFUNDED, 1)),
    ):
        async with databases.payment.tenant(booking.tenant_id) as connection:
            await outcome.answered(
                connection, booking.tenant_id, asked.id, provider_ref="re_1", status=status
            )
        assert await told() == expected
    async with databases.app.tenant(booking.tenant_id) as connection:
        events = await event.of_subject(connection, booking.tenant_id, booking.id)
    assert [one.type for one in events].count("booking.refunded") == 1
