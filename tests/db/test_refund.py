"""Refunds: never more than was taken, owed until they are done, and what they mean for a booking."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db import case, ledger
from db.booking import end
from db.booking.confirm import confirm
from db.booking.place import place
from db.booking.read import Booking, find
from db.payment import fold, read as payments
from db.refund import intent, outcome, read as refunds
from db.refund.read import Refund
from domain.aftercare import LateMoney
from domain.booking import ConfirmBooking
from domain.case import CaseKind
from domain.ids import PaymentId, RefundId
from domain.money import Money
from domain.payment import PaymentFact, PaymentReport
from domain.refund import Hindrance, RefundPayment, RefundStatus
from domain.refusal import ExceedsCaptured, Refusal, Unknown
from tests.support.database import Databases, Urls, superuser
from tests.support.shop import keep, open_shop, pay

CLEARING = ("provider_clearing:stripe:default", "EUR")
DEPOSITS, PAYABLE = ("customer_deposits", "EUR"), ("refund_payable", "EUR")
ORGANIZER, FEE = ("organizer_payable:pending", "EUR"), ("platform_fee", "EUR")


async def paid(databases: Databases, *, quantity: int = 1) -> tuple[Booking, PaymentId]:
    """Give a booking that is paid for and not confirmed."""
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement(quantities=quantity))).booking
    await keep(databases.app, booking)
    return booking, await pay(databases.payment, booking)


async def confirmed(databases: Databases) -> tuple[Booking, PaymentId]:
    """Give a booking that has its tickets: two places at 25.00 EUR."""
    booking, payment_id = await paid(databases, quantity=2)
    async with databases.app.tenant(booking.tenant_id) as connection:
        await confirm(connection, ConfirmBooking(tenant_id=booking.tenant_id, booking_id=booking.id))
    return booking, payment_id


def wish(booking: Booking, payment_id: PaymentId, minor: int | None = None, **changes: Any) -> RefundPayment:
    return RefundPayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=None if minor is None else Money(minor=minor, currency="EUR"),
        cause="goodwill",
    ).model_copy(update=changes)


async def ask(databases: Databases, request: RefundPayment, **more: str) -> Refund:
    async with databases.payment.tenant(request.tenant_id) as connection:
        return await intent.ask(connection, request, **more)


async def answered(databases: Databases, booking: Booking, asked: Refund, *statuses: RefundStatus) -> Refund:
    async with databases.payment.tenant(booking.tenant_id) as connection:
        for status in statuses:
            await outcome.answered(
                connection, booking.tenant_id, asked.id, status=status, provider_ref=f"re_{asked.n}"
            )
        return await refunds.find(connection, booking.tenant_id, asked.id)


async def record(
    databases: Databases, booking: Booking, payment_id: PaymentId, *facts: PaymentFact
) -> PaymentReport:
    async with databases.payment.tenant(booking.tenant_id) as connection:
        return await fold.record(connection, booking.tenant_id, payment_id, facts)


async def meant(databases: Databases, booking: Booking, payment_id: PaymentId) -> Booking:
    """Write what the refunds mean for the booking, and give it."""
    money = LateMoney(tenant_id=booking.tenant_id, booking_id=booking.id, payment_id=payment_id)
    async with databases.app.tenant(booking.tenant_id) as connection:
        await end.record_refund(connection, money)
        return await find(connection, booking.tenant_id, booking.id)


async def balances(databases: Databases, booking: Booking) -> dict[tuple[str, str], int]:
    async with databases.app.tenant(booking.tenant_id) as connection:
        found = await ledger.balances(connection, booking.tenant_id)
    return {account: minor for account, minor in found.items() if minor}


async def notices(databases: Databases, booking: Booking) -> list[str]:
    async with databases.app.tenant(booking.tenant_id) as connection:
        rows = await connection.fetch("select kind from notices order by created_at, kind")
    return [row["kind"] for row in rows if row["kind"] != "booking_confirmed"]


async def refusal_of(asking: Awaitable[object]) -> Refusal | None:
    try:
        await asking
    except Refusal as no:
        return no
    return None


# --- how much


async def test_a_refund_is_one_however_often_it_is_asked_for(databases: Databases) -> None:
    booking, payment_id = await paid(databases)
    request = wish(booking, payment_id)

    first = await ask(databases, request, reason="rained off", initiated_by="user:ada")
    again = await ask(databases, request)

    assert first == again
    assert (first.amount.minor, first.n, first.status) == (booking.due.minor, 1, RefundStatus.PENDING)
    assert (first.reason, first.initiated_by) == ("rained off", "user:ada")
    assert first.reference.startswith("RF-")
    assert first.original_ref == f"pi_{payment_id.hex}"


@pytest.mark.row("PAY-13", partly="the route: tests/api/test_refund.py")
async def test_three_parts_may_go_back_and_a_fourth_that_exceeds_the_rest_may_not(
    databases: Databases,
) -> None:
    booking, payment_id = await paid(databases)
    for _ in range(3):
        await ask(databases, wish(booking, payment_id, 800))

    no = await refusal_of(ask(databases, wish(booking, payment_id, 101)))

    assert isinstance(no, ExceedsCaptured)
    assert no.facts == {"left": 100}
    assert (await ask(databases, wish(booking, payment_id))).amount.minor == 100
    assert isinstance(await refusal_of(ask(databases, wish(booking, payment_id))), ExceedsCaptured)


@pytest.mark.row("PAY-13", partly="the route: tests/api/test_refund.py")
async def test_refunds_asked_for_at_once_never_exceed_what_was_captured(databases: Databases) -> None:
    booking, payment_id = await paid(databases)

    nos = await asyncio.gather(
        *(refusal_of(ask(databases, wish(booking, payment_id, 1_000))) for _ in range(8))
    )

    assert [no is None for no in nos].count(True) == 2
    async with databases.payment.tenant(booking.tenant_id) as connection:
        report = await payments.report(connection, booking.tenant_id, booking.id, payment_id)
    assert (report.refunds, report.kept_minor) == (2, 500)


async def test_nothing_goes_back_of_what_was_not_taken_or_is_anothers(databases: Databases) -> None:
    booking, payment_id = await paid(databases)
    other, _ = await paid(databases)
    foreign = Money(minor=100, currency="USD")

    for request in (
        wish(booking, payment_id, 0),
        wish(booking, payment_id, -100),
        wish(booking, payment_id, amount=foreign),
        wish(booking, payment_id, booking_id=other.id),
        wish(booking, PaymentId(uuid7())),
    ):
        assert isinstance(await refusal_of(ask(databases, request)), ExceedsCaptured)


# --- the record


RECORD = {
    "id": ("uuid", "NO"),
    "reference": ("text", "NO"),
    "payment_id": ("uuid", "NO"),
    "original_ref": ("text", "YES"),
    "amount_minor": ("bigint", "NO"),
    "currency": ("character", "NO"),
    "reason": ("text", "NO"),
    "status": ("text", "NO"),
    "provider_ref": ("text", "YES"),
    "initiated_by": ("text", "NO"),
    "processed_at": ("timestamp with time zone", "YES"),
    "created_at": ("timestamp with time zone", "NO"),
    "changed_at": ("timestamp with time zone", "NO"),
}


@pytest.mark.row("PAY-15")
async def test_the_record_of_a_refund_has_its_columns_keys_and_limits(urls: Urls) -> None:
    async with superuser(urls) as judge:
        columns = await judge.fetch(
            """
            select column_name, data_type, is_nullable from information_schema.columns
             where table_schema = 'public' and table_name = 'refunds'
            """
        )
        indexed = await judge.fetch("select indexname, indexdef from pg_indexes where tablename = 'refunds'")
        limited = await judge.fetch(
            """
            select conname, pg_get_constraintdef(oid) as is from pg_constraint
             where conrelid = 'refunds'::regclass
            """
        )
    indexes = {row["indexname"]: row["indexdef"] for row in indexed}
    limits = {row["conname"]: row["is"] for row in limited}

    found = {name: (kind, nullable) for name, kind, nullable in columns}
    assert {name: found[name] for name in RECORD} == RECORD
    assert "UNIQUE INDEX" in indexes["uq_refunds_reference"]
    assert "(tenant_id, reference)" in indexes["uq_refunds_reference"]
    assert "(tenant_id, payment_id)" in indexes["ix_refunds_tenant_id_payment_id"]
    assert "(tenant_id, status)" in indexes["ix_refunds_tenant_id_status"]
    assert all(f"'{status}'" in limits["ck_refunds_status_known"] for status in RefundStatus)
    assert "<= 500" in limits["ck_refunds_reason_fits"]
    assert "REFERENCES payments" in limits["fk_refunds_payments"]


@pytest.mark.row("PAY-15")
async def test_a_refund_without_its_payment_a_fifth_status_and_a_novel_are_impossible(
    databases: Databases,
) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id, 100))
    async with superuser(databases.urls) as judge:
        for change in (
            f"payment_id = '{uuid7()}'",
            "status = 'lost'",
            "reason = repeat('a', 501)",
            "amount_minor = 0",
        ):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await judge.execute(f"update refunds set {change} where id = $1", asked.id)  # noqa: S608


# --- how it is asked for


@pytest.mark.row("PAY-13", partly="the route: tests/api/test_refund.py")
async def test_a_key_is_used_twice_and_never_longer_than_a_provider_remembers_it(
    databases: Databases,
) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id))

    async def key() -> int:
        async with databases.payment.tenant(booking.tenant_id) as connection:
            return await intent.next_key(connection, booking.tenant_id, asked.id)

    assert [await key() for _ in range(5)] == [1, 1, 2, 2, 3]
    async with superuser(databases.urls) as judge:
        await judge.execute("update refunds set keyed_at = now() - interval '24 hours'")
    assert await key() == 4
    async with databases.payment.tenant(booking.tenant_id) as connection:
        await outcome.hindered(connection, booking.tenant_id, asked.id, Hindrance.NEEDS_FUNDS)
    assert await key() == 5


async def test_a_hindrance_is_shown_until_the_provider_takes_the_refund(databases: Databases) -> None:
    booking, payment_id = await paid(databases)
    asked = await ask(databases, wish(booking, payment_id))

    async with databases.payment.tenant(booking.tenant_id) as connection:
        await outcome.hindered(connection, booking.tenant_id, asked.id, Hindrance.NEEDS_FUNDS)
        for _ in range(2):
            await outcome.needs_person(connection, booking.tenant_id, asked, cause="needs_funds")
        hindered = await refunds.find(connection, booking.tenant_id, asked.id)
    async with databases.app.tenant(booking.tenant_id) as connection:
        waits = await case.open_of(connection, booking.tenant_id, asked.id, CaseKind.REFUND)
    taken = await answered(databases, booking, asked, RefundStatus.PROCESSING)
    await meant(databases, booking, payment_id)

    assert (hindered.status, hindered.hindrance) == (RefundStatus.PENDING, Hindrance.NEEDS_FUNDS)
    assert waits is not None
    assert (waits.kind, waits.cause, waits.booking_id) == (CaseKind.REFUND, "needs_funds", booking.id)
    assert (taken.status, taken.hindrance) == (RefundStatus.PROCESSING, None)
    async with databases.app.tenant(booking.tenant_id) as connection:
        assert await case.open_of(connection, booking.tenant_id, asked.id, CaseKind.REFUND) is None


async def test_a_refund_that_nobody_asked_for_is_unknown(databases: Databases) -> None:
    booking, _ = await paid(databases)

    async with databases.payment.tenant(booking.tenant_id) as connection:
        with pytest.raises(Unknown):
            await refunds.find(connection, booking.tenant_id, RefundId(uuid7()))
