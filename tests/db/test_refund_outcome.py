"""What becomes of refunds: what a provider says of them, what that means for a booking, who runs them."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from db import event
from db.booking.read import Booking
from db.refund import read as refunds, run
from domain.booking import BookingStatus
from domain.ids import PaymentId
from domain.payment import FactKind, PaymentFact
from domain.refund import RefundRequest, RefundStatus
from tests.db.test_refund import (
    CLEARING,
    DEPOSITS,
    FEE,
    ORGANIZER,
    PAYABLE,
    answered,
    ask,
    balances,
    confirmed,
    meant,
    notices,
    paid,
    record,
    wish,
)
from tests.support.database import Databases
from tests.support.shop import fact_of

# --- what the provider says


@pytest.mark.row("PAY-13", partly="the route: tests/api/test_refund.py")
async def test_the_books_of_a_refund_that_failed_after_all_say_that_it_is_owed(databases: Databases) -> None:
    booking, payment_id = await paid(databases)
    due = booking.due.minor
    asked = await ask(databases, wish(booking, payment_id))
    assert await balances(databases, booking) == {CLEARING: due, PAYABLE: -due}

    await answered(databases, booking, asked, RefundStatus.PROCESSING, RefundStatus.COMPLETED)
    assert await balances(databases, booking) == {}

    failed = await answered(databases, booking, asked, RefundStatus.FAILED, RefundStatus.COMPLETED)
    assert failed.status is RefundStatus.FAILED
    assert await balances(databases, booking) == {CLEARING: due, PAYABLE: -due}

    again = await ask(databases, wish(booking, payment_id, retry_of=asked.id))
    assert await balances(databases, booking) == {CLEARING: due, PAYABLE: -due}
    await answered(databases, booking, again, RefundStatus.COMPLETED)
    assert await balances(databases, booking) == {}
    async with databases.app.tenant(booking.tenant_id) as connection:
        told = [one.type for one in await event.of_subject(connection, booking.tenant_id, asked.id)]
    assert told == ["refund.initiated", "refund.completed", "refund.failed"]


async def test_a_retry_tells_the_reason_of_what_it_replaces_and_replaces_it_once(
    databases: Databases,
) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id, 1_000), reason="rained off")
    await answered(databases, booking, asked, RefundStatus.FAILED)

    again = await ask(databases, wish(booking, payment_id, 1_000, retry_of=asked.id))

    assert (again.reason, again.retry_of, again.report.retry) == ("rained off", asked.id, True)
    with pytest.raises(asyncpg.UniqueViolationError):
        await ask(databases, wish(booking, payment_id, 1_000, retry_of=asked.id))


def desk(booking: Booking, payment_id: PaymentId, kind: FactKind, **more: Any) -> PaymentFact:
    """Make what a provider says of a refund `re_1`; by default nobody labelled it."""
    minor, label = more.get("minor"), more.get("label")
    told = fact_of(booking, payment_id, kind, minor=minor, operation=more.get("operation", "re_1"))
    return told.model_copy(update={"refund_id": label})


@pytest.mark.parametrize("order", [*itertools.permutations((FactKind.REFUNDED, FactKind.REFUND_FAILED))])
async def test_facts_of_a_refund_end_the_same_in_any_order(
    databases: Databases, order: tuple[FactKind, ...]
) -> None:
    booking, payment_id = await paid(databases)

    for kind in order:
        await record(databases, booking, payment_id, desk(booking, payment_id, kind))
    report = await record(databases, booking, payment_id)
    again = await record(databases, booking, payment_id, *(desk(booking, payment_id, kind) for kind in order))

    assert report == again
    assert (report.refunds, report.refunds_failed, report.kept_minor) == (1, 1, booking.due.minor)
    assert await balances(databases, booking) == {CLEARING: booking.due.minor, PAYABLE: -booking.due.minor}


@pytest.mark.row("WHK-17", partly="told by webhooks: tests/workflows/test_refund.py")
async def test_a_refund_made_at_the_providers_desk_becomes_a_row_that_nobody_runs(
    databases: Databases,
) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id, 500))

    report = await record(
        databases, booking, payment_id, *[desk(booking, payment_id, FactKind.REFUNDED, minor=500)] * 2
    )

    assert (report.refunds, report.kept_minor) == (2, booking.due.minor - 1_000)
    async with databases.payment.tenant(booking.tenant_id) as connection:
        rows = await refunds.of_payment(connection, booking.tenant_id, payment_id)
        assert await refunds.covers(connection, booking.tenant_id, payment_id, 1_000)
        assert not await refunds.covers(connection, booking.tenant_id, payment_id, 1_001)
    assert [(row.status, row.initiated_by) for row in rows] == [
        (RefundStatus.PENDING, "holdfast"),
        (RefundStatus.COMPLETED, "provider"),
    ]
    assert [request.refund_id for request in await leased(databases)] == [asked.id]


async def test_our_own_refund_is_recognised_when_the_provider_tells_of_it_first(databases: Databases) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id))

    report = await record(
        databases, booking, payment_id, desk(booking, payment_id, FactKind.REFUNDED, label=asked.id)
    )

    async with databases.payment.tenant(booking.tenant_id) as connection:
        found = await refunds.find(connection, booking.tenant_id, asked.id)
    assert (report.refunds, found.status, found.provider_ref) == (1, RefundStatus.COMPLETED, "re_1")


async def test_a_refund_that_cannot_be_taken_any_more_is_known_by_the_sums(databases: Databases) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id))
    async with databases.payment.tenant(booking.tenant_id) as connection:
        assert not await refunds.exceeds(connection, booking.tenant_id, asked)

    await record(databases, booking, payment_id, desk(booking, payment_id, FactKind.REFUNDED, minor=1))

    async with databases.payment.tenant(booking.tenant_id) as connection:
        assert await refunds.exceeds(connection, booking.tenant_id, asked)


@pytest.mark.parametrize("heard_first", [True, False])
async def test_what_somebody_has_given_back_before_us_is_not_owed_as_well(
    databases: Databases, heard_first: bool
) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id))
    without_us = desk(booking, payment_id, FactKind.REFUNDED, operation="re_desk")

    if heard_first:
        await record(databases, booking, payment_id, without_us)
    await answered(databases, booking, asked, RefundStatus.FAILED)
    await record(databases, booking, payment_id, without_us)

    assert await balances(databases, booking) == {}


# --- what it means for the booking


@pytest.mark.row("WHK-17", partly="told by webhooks: tests/workflows/test_refund.py")
async def test_a_confirmed_booking_whose_money_goes_back_whole_loses_tickets_and_places(
    databases: Databases,
) -> None:
    booking, payment_id = await confirmed(databases)
    asked = await ask(databases, wish(booking, payment_id))

    assert (await meant(databases, booking, payment_id)).status is BookingStatus.REFUNDING
    assert await valid(databases, booking) == (0, 0)
    assert await notices(databases, booking) == []

    for status in (RefundStatus.PROCESSING, RefundStatus.COMPLETED):
        await answered(databases, booking, asked, status)
        for _ in range(2):
            booking = await meant(databases, booking, payment_id)
    assert booking.status is BookingStatus.REFUNDED
    assert await valid(databases, booking) == (0, 0)
    assert await notices(databases, booking) == ["payment_refunded"]
    assert await balances(databases, booking) == {}


@pytest.mark.row("WHK-17", partly="told by webhooks: tests/workflows/test_refund.py")
async def test_a_confirmed_booking_stays_when_a_part_goes_back(databases: Databases) -> None:
    booking, payment_id = await confirmed(databases)
    before = await balances(databases, booking)

    await answered(
        databases, booking, await ask(databases, wish(booking, payment_id, 1_000)), RefundStatus.COMPLETED
    )

    assert (await meant(databases, booking, payment_id)).status is BookingStatus.CONFIRMED
    assert await valid(databases, booking) == (2, 2)
    after = await balances(databases, booking)
    assert after[CLEARING] == before[CLEARING] - 1_000
    given = {account: after[account] - before[account] for account in (ORGANIZER, FEE) if account in before}
    assert sum(given.values()) == 1_000
    assert PAYABLE not in after
    assert DEPOSITS not in after


async def test_a_booking_that_was_refunded_stays_so_when_the_bank_sends_the_money_back(
    databases: Databases,
) -> None:
    booking, payment_id = await confirmed(databases)
    asked = await ask(databases, wish(booking, payment_id))
    await answered(databases, booking, asked, RefundStatus.COMPLETED)
    await meant(databases, booking, payment_id)

    await answered(databases, booking, asked, RefundStatus.FAILED)
    for _ in range(2):
        booking = await meant(databases, booking, payment_id)

    assert booking.status is BookingStatus.REFUNDED
    assert await valid(databases, booking) == (0, 0)
    assert await notices(databases, booking) == ["payment_refunded", "refund_failed"]
    assert await balances(databases, booking) == {CLEARING: 5_000, PAYABLE: -5_000}


async def test_of_two_who_void_a_booking_at_once_one_frees_its_places(databases: Databases) -> None:
    booking, payment_id = await confirmed(databases)
    await ask(databases, wish(booking, payment_id))

    await asyncio.gather(*(meant(databases, booking, payment_id) for _ in range(5)))

    assert await valid(databases, booking) == (0, 0)


async def valid(databases: Databases, booking: Booking) -> tuple[int, int]:
    """Count the booking's valid tickets and the places that are sold."""
    async with databases.app.tenant(booking.tenant_id) as connection:
        tickets = await connection.fetchval("select count(*) from tickets where status = 'active'")
        return tickets, await connection.fetchval("select sum(sold) from counters")


# --- the runs


async def leased(databases: Databases) -> list[RefundRequest]:
    async with databases.relay.across() as connection:
        return await run.lease(connection, limit=10, lease=timedelta(minutes=1))


async def told(databases: Databases, *refunds: RefundRequest) -> None:
    async with databases.relay.alone() as connection:
        await run.told(connection, refunds)


async def test_the_relay_begins_each_refund_once_and_again_when_it_has_failed_after_all(
    databases: Databases,
) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id))

    assert await leased(databases) == [asked.request(booking.tenant_id)]
    assert await leased(databases) == []
    async with databases.relay.across() as connection:
        await run.put_back(connection, timedelta(0), [asked.id])
    assert len(await leased(databases)) == 1
    await told(databases, asked.request(booking.tenant_id))
    await answered(databases, booking, asked, RefundStatus.COMPLETED)
    assert await leased(databases) == []

    failed = desk(booking, payment_id, FactKind.REFUND_FAILED, label=asked.id)
    await record(databases, booking, payment_id, failed)
    assert len(await leased(databases)) == 1
    await told(databases, asked.request(booking.tenant_id))
    await record(databases, booking, payment_id, failed)
    assert await leased(databases) == []
