"""The pivot: one transaction, once."""

import asyncio
import re

import pytest

from db import event, ledger, ticket
from db.booking.confirm import confirm
from db.booking.end import end_booking
from db.booking.place import place
from db.booking.read import Booking, find
from db.inventory import hold as holds
from domain.booking import BookingStatus, ConfirmBooking, Confirmed, EndBooking, EndReason
from domain.ids import CounterId
from domain.inventory import HoldPlaces
from domain.payment import FactKind
from domain.refusal import BookingEnded, IllegalMove, PaymentNotCompleted, SoldOut, Unknown
from tests.support.database import Databases, superuser
from tests.support.shop import Shop, keep, let_time_pass, open_shop, pay


def asked(booking: Booking) -> ConfirmBooking:
    return ConfirmBooking(tenant_id=booking.tenant_id, booking_id=booking.id)


async def confirmed(databases: Databases, booking: Booking) -> Confirmed:
    async with databases.app.tenant(booking.tenant_id) as connection:
        return await confirm(connection, asked(booking))


async def status(databases: Databases, booking: Booking) -> BookingStatus:
    async with databases.app.tenant(booking.tenant_id) as connection:
        return (await find(connection, booking.tenant_id, booking.id)).status


async def paid_booking(databases: Databases, quantity: int = 3) -> tuple[Shop, Booking]:
    shop = await open_shop(databases.app, capacity=5, minor=3_333)
    booking = (await place(databases.app, shop.placement(quantities=quantity))).booking
    await keep(databases.app, booking)
    await pay(databases.payment, booking)
    return shop, booking


async def numbers(databases: Databases, question: str) -> int:
    async with superuser(databases.urls) as judge:
        found: int = await judge.fetchval(question)
        return found


@pytest.mark.row("TKT-01")
async def test_a_paid_booking_gets_a_ticket_per_admission(databases: Databases) -> None:
    shop, booking = await paid_booking(databases)

    answer = await confirmed(databases, booking)

    assert answer.tickets == 3
    assert await status(databases, booking) is BookingStatus.CONFIRMED
    async with databases.app.tenant(shop.tenant_id) as connection:
        tickets = await ticket.of_booking(connection, shop.tenant_id, booking.id)
        assert await ticket.find(connection, shop.tenant_id, tickets[0].id) == tickets[0]
        counter = await connection.fetchrow("select held, sold from counters where id = $1", shop.slot.id)
    assert len({one.number for one in tickets}) == 3
    assert all(re.fullmatch(r"HB-\d{4}-\d{6}", one.number) for one in tickets)
    assert {(one.valid_from, one.valid_until) for one in tickets} == {
        (shop.slot.starts_at, shop.slot.ends_at)
    }
    assert counter is not None
    assert tuple(counter) == (0, 3)


@pytest.mark.row("TKT-01")
async def test_the_quota_of_a_category_is_sold_in_the_same_transaction(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=10)
    vip = await shop.add_variant(9_000, quota=4, name="VIP")
    booking = (await place(databases.app, shop.placement(quantities={vip.id: 2, shop.variant.id: 1}))).booking
    await keep(databases.app, booking)
    await pay(databases.payment, booking)

    await confirmed(databases, booking)

    async with databases.app.tenant(shop.tenant_id) as connection:
        sold = await connection.fetch("select sold from counters order by sold")
        tickets = await ticket.of_booking(connection, shop.tenant_id, booking.id)
    assert [row["sold"] for row in sold] == [2, 3]
    assert [one.variant_id for one in tickets] == [vip.id, vip.id, shop.variant.id]


@pytest.mark.row("SAG-20")
async def test_confirming_twice_creates_nothing_new(databases: Databases) -> None:
    _, booking = await paid_booking(databases)

    answers = [await confirmed(databases, booking) for _ in range(2)]

    assert answers == [Confirmed(tickets=3)] * 2
    assert await numbers(databases, "select count(*) from tickets") == 3
    assert await numbers(databases, "select count(*) from notices") == 1
    assert await numbers(databases, "select sold from counters") == 3


@pytest.mark.row("SAG-20")
async def test_confirming_at_the_same_moment_creates_one_set_of_tickets(databases: Databases) -> None:
    """A second transaction that lost the race is retried by its step, and finds the first one's work."""
    _, booking = await paid_booking(databases)

    async def tried() -> Confirmed:
        try:
            return await confirmed(databases, booking)
        except Exception:  # noqa: BLE001 - what a step does: again
            return await confirmed(databases, booking)

    answers = await asyncio.gather(*(tried() for _ in range(4)))

    assert answers == [Confirmed(tickets=3)] * 4
    assert await numbers(databases, "select count(*) from tickets") == 3
    assert await numbers(databases, "select sold from counters") == 3


@pytest.mark.row("SAG-20")
async def test_a_booking_that_is_not_paid_gets_no_tickets(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    await pay(databases.payment, booking, kind=FactKind.PROCESSING)

    with pytest.raises(PaymentNotCompleted) as no:
        await confirmed(databases, booking)

    assert no.value.facts == {"status": "processing"}
    assert await numbers(databases, "select count(*) from tickets") == 0
    assert await status(databases, booking) is BookingStatus.AWAITING_PAYMENT


async def test_a_payment_of_another_amount_does_not_count(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    await pay(databases.payment, booking, minor=booking.due.minor + 1)

    with pytest.raises(PaymentNotCompleted) as no:
        await confirmed(databases, booking)

    assert no.value.facts == {"status": "conflicted"}


async def test_a_payment_of_another_booking_does_not_count(databases: Databases) -> None:
    shop, paid = await paid_booking(databases, quantity=1)
    other = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, other)

    with pytest.raises(PaymentNotCompleted):
        await confirmed(databases, other)

    assert (await confirmed(databases, paid)).tickets == 1


async def test_a_free_booking_is_confirmed_without_a_payment(databases: Databases) -> None:
    shop = await open_shop(databases.app, minor=0)
    booking = (await place(databases.app, shop.placement(quantities=2))).booking

    answer = await confirmed(databases, booking)

    assert answer.tickets == 2
    async with databases.app.tenant(shop.tenant_id) as connection:
        told = [one.type for one in await event.of_subject(connection, shop.tenant_id, booking.id)]
        assert await ledger.balances(connection, shop.tenant_id) == {}
    assert told == ["booking.created", "booking.initiated", "inventory.reserved", "booking.confirmed"]


@pytest.mark.row("SAG-23")
async def test_the_feed_tells_the_story_of_a_booking_once_and_in_order(databases: Databases) -> None:
    shop, booking = await paid_booking(databases)
    await confirmed(databases, booking)
    await confirmed(databases, booking)

    async with databases.app.tenant(shop.tenant_id) as connection:
        told = await event.of_subject(connection, shop.tenant_id, booking.id)
        tickets = await ticket.of_booking(connection, shop.tenant_id, booking.id)
        generated = [
            [one.type for one in await event.of_subject(connection, shop.tenant_id, made.id)]
            for made in tickets
        ]
    assert [(one.n, one.type) for one in told] == [
        (1, "booking.created"),
        (2, "booking.initiated"),
        (3, "inventory.reserved"),
        (4, "payment.processed"),
        (5, "booking.confirmed"),
    ]
    assert generated == [["ticket.generated"]] * 3


async def test_what_a_booking_earns_is_the_organizers_but_for_the_fee(databases: Databases) -> None:
    shop, booking = await paid_booking(databases)

    await confirmed(databases, booking)

    async with databases.app.tenant(shop.tenant_id) as connection:
        balances = await ledger.balances(connection, shop.tenant_id)
    assert balances == {
        ("provider_clearing:stripe:default", "EUR"): 9_999,
        ("customer_deposits", "EUR"): 0,
        ("organizer_payable:pending", "EUR"): -9_499,
        ("platform_fee", "EUR"): -500,
    }


@pytest.mark.row("TKT-01")
@pytest.mark.row("INV-09")
async def test_a_fault_after_the_second_ticket_undoes_all_and_the_retry_gives_three(
    databases: Databases,
) -> None:
    _, booking = await paid_booking(databases)
    async with superuser(databases.urls) as judge:
        await judge.execute(
            """
            create function stumble() returns trigger language plpgsql as
            'begin if new.position = 3 then raise ''the third ticket''; end if; return new; end';
            create trigger stumble after insert on tickets for each row execute function stumble();
            """
        )
        with pytest.raises(Exception, match="the third ticket"):
            await confirmed(databases, booking)
        counter = await judge.fetchrow("select held, sold from counters")
        assert counter is not None
        assert tuple(counter) == (3, 0)
        assert await judge.fetchval("select count(*) from tickets") == 0
        assert await judge.fetchval("select status from holds") == "active"
        await judge.execute("drop trigger stumble on tickets")

    answer = await confirmed(databases, booking)

    assert answer.tickets == 3
    assert await numbers(databases, "select count(*) from tickets") == 3


async def test_a_hold_that_was_taken_back_is_taken_anew(databases: Databases) -> None:
    shop, booking = await paid_booking(databases, quantity=2)
    await let_time_pass(databases.urls, booking.id)
    async with databases.app.tenant(shop.tenant_id) as connection:
        await holds.take_back(connection, shop.tenant_id, [CounterId(shop.slot.id)])

    answer = await confirmed(databases, booking)

    assert answer.tickets == 2
    async with databases.app.tenant(shop.tenant_id) as connection:
        rows = await connection.fetch("select n, status from holds order by n")
        counter = await connection.fetchrow("select held, sold from counters")
    assert [tuple(row) for row in rows] == [(1, "expired"), (2, "purchased")]
    assert counter is not None
    assert tuple(counter) == (0, 2)


async def test_an_overdue_hold_that_nobody_took_is_still_good(databases: Databases) -> None:
    _, booking = await paid_booking(databases)
    await let_time_pass(databases.urls, booking.id)

    assert (await confirmed(databases, booking)).tickets == 3
    assert await numbers(databases, "select max(n) from holds") == 1


async def test_a_hold_whose_places_are_gone_is_sold_out_and_nothing_is_written(databases: Databases) -> None:
    shop, booking = await paid_booking(databases, quantity=5)
    await let_time_pass(databases.urls, booking.id)
    await place(databases.app, shop.placement(quantities=1))

    with pytest.raises(SoldOut):
        await confirmed(databases, booking)

    assert await numbers(databases, "select count(*) from tickets") == 0
    assert await status(databases, booking) is BookingStatus.AWAITING_PAYMENT


async def test_a_booking_that_has_ended_is_not_confirmed(databases: Databases) -> None:
    shop, booking = await paid_booking(databases)
    async with databases.app.tenant(shop.tenant_id) as connection:
        places = HoldPlaces(tenant_id=shop.tenant_id, booking_id=booking.id)
        await holds.release_places(connection, places)
        ask = EndBooking(tenant_id=shop.tenant_id, booking_id=booking.id, reason=EndReason.EXPIRED)
        await end_booking(connection, ask)

    with pytest.raises(BookingEnded):
        await confirmed(databases, booking)


async def test_a_booking_of_another_tenant_is_unknown(databases: Databases) -> None:
    _, booking = await paid_booking(databases)
    stranger = await open_shop(databases.app)

    with pytest.raises(Unknown):
        await confirmed(databases, booking.model_copy(update={"tenant_id": stranger.tenant_id}))


# --- the other ends


@pytest.mark.parametrize(
    ("reason", "end", "told", "notices"),
    [
        (EndReason.EXPIRED, BookingStatus.EXPIRED, "booking.expired", 1),
        (EndReason.CANCELLED, BookingStatus.CANCELLED, "booking.cancelled", 1),
        (EndReason.FAILED, BookingStatus.FAILED, "booking.failed", 1),
        (EndReason.REJECTED, BookingStatus.EXPIRED, "booking.expired", 1),
    ],
)
async def test_an_end_is_written_once_with_its_event_and_its_notice(
    databases: Databases, reason: EndReason, end: BookingStatus, told: str, notices: int
) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    ask = EndBooking(tenant_id=shop.tenant_id, booking_id=booking.id, reason=reason, cause="a_cause")

    for again in (ask, ask.model_copy(update={"reason": EndReason.FAILED})):
        async with databases.app.tenant(shop.tenant_id) as connection:
            assert (await end_booking(connection, again)).status is end

    async with databases.app.tenant(shop.tenant_id) as connection:
        events = await event.of_subject(connection, shop.tenant_id, booking.id)
        found = await find(connection, shop.tenant_id, booking.id)
    assert [one.type for one in events][3:] == [told]
    assert events[-1].data == {"cause": "a_cause"}
    assert (found.cause, found.ended_at is not None) == ("a_cause", True)
    assert await numbers(databases, "select count(*) from notices") == notices


async def test_a_booking_never_held_is_rejected(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set status = 'initiated'")
    ask = EndBooking(tenant_id=shop.tenant_id, booking_id=booking.id, reason=EndReason.REJECTED)

    async with databases.app.tenant(shop.tenant_id) as connection:
        assert (await end_booking(connection, ask)).status is BookingStatus.REJECTED


async def test_a_booking_whose_money_is_there_is_not_ended_by_its_deadline(databases: Databases) -> None:
    shop, booking = await paid_booking(databases)
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set status = 'paid'")
    ask = EndBooking(tenant_id=shop.tenant_id, booking_id=booking.id, reason=EndReason.EXPIRED)

    async with databases.app.tenant(shop.tenant_id) as connection:
        with pytest.raises(IllegalMove):
            await end_booking(connection, ask)


async def test_a_late_end_changes_nothing_of_a_confirmed_booking(databases: Databases) -> None:
    shop, booking = await paid_booking(databases)
    await confirmed(databases, booking)
    ask = EndBooking(tenant_id=shop.tenant_id, booking_id=booking.id, reason=EndReason.EXPIRED)

    async with databases.app.tenant(shop.tenant_id) as connection:
        assert (await end_booking(connection, ask)).status is BookingStatus.CONFIRMED

    assert await status(databases, booking) is BookingStatus.CONFIRMED
