"""What the sweep looks at, and when again."""

from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from db import sweep
from db.booking.place import place
from db.booking.read import Booking
from db.refund import intent, outcome
from domain.ids import PaymentId, RefundId
from domain.payment import FactKind
from domain.refund import RefundPayment, RefundStatus
from domain.sweep import gaps
from tests.support.database import Databases, superuser
from tests.support.shop import keep, let_time_pass, open_shop, pay

EVERY = timedelta(minutes=1)


def test_something_open_is_looked_at_ever_more_seldom() -> None:
    minutes = [gap / timedelta(minutes=1) for gap in gaps(EVERY)]

    assert minutes == [4, 25, 90, 24 * 60]


async def payments_due(databases: Databases, *, account: str = "default") -> list[PaymentId]:
    async with databases.relay.across() as connection:
        found = await sweep.payments(connection, "stripe", account, every=EVERY, limit=10)
    return [each.payment_id for each in found]


async def open_payment(databases: Databases, kind: FactKind = FactKind.PENDING) -> tuple[Booking, PaymentId]:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    return booking, await pay(databases.payment, booking, kind=kind)


async def age(databases: Databases, by: str) -> None:
    """Make everything as much older as is said."""
    async with superuser(databases.urls) as judge:
        await judge.execute("update payments set created_at = created_at - $1::text::interval", by)
        await judge.execute("update refunds set created_at = created_at - $1::text::interval", by)
        await judge.execute("update sweeps set next_at = next_at - $1::text::interval", by)


@pytest.mark.row("PAY-33", partly="over the whole stack: tests/workflows/test_sweep.py")
async def test_an_open_payment_is_looked_at_at_its_ages_and_once_each(databases: Databases) -> None:
    _, payment_id = await open_payment(databases)

    assert await payments_due(databases) == []
    for minutes in (1, 4, 25, 90, 24 * 60, 24 * 60):
        await age(databases, f"{minutes - 0.5} minutes")
        assert await payments_due(databases) == []
        await age(databases, "30 seconds")
        assert await payments_due(databases, account="another") == []
        assert await payments_due(databases) == [payment_id]
        assert await payments_due(databases) == []


@pytest.mark.parametrize("kind", [FactKind.CAPTURED, FactKind.CANCELLED, FactKind.EXPIRED, FactKind.FAILED])
async def test_a_payment_that_is_settled_is_left_alone(databases: Databases, kind: FactKind) -> None:
    await open_payment(databases, kind)
    await age(databases, "1 day")

    assert await payments_due(databases) == []


async def test_a_booking_is_overdue_when_its_time_is_over_and_it_is_still_open(databases: Databases) -> None:
    booking, _ = await open_payment(databases)

    async def overdue() -> list[sweep.OverdueBooking]:
        async with databases.relay.across() as connection:
            return await sweep.bookings(connection, every=timedelta(0), limit=10)

    assert await overdue() == []
    await let_time_pass(databases.urls, booking.id)
    assert await overdue() == [sweep.OverdueBooking(booking.tenant_id, booking.id)]
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set status = 'expired'")
    assert await overdue() == []


async def test_a_refund_is_looked_at_until_the_provider_has_said_the_last_word(databases: Databases) -> None:
    booking, payment_id = await open_payment(databases, FactKind.CAPTURED)
    wish = RefundPayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=None,
        cause="by_hand",
    )
    async with databases.payment.tenant(booking.tenant_id) as connection:
        asked = await intent.ask(connection, wish)

    async def open_refunds() -> list[RefundId]:
        async with databases.relay.across() as connection:
            return [each.refund_id for each in await sweep.refunds(connection, every=EVERY, limit=10)]

    assert await open_refunds() == []
    await age(databases, "1 minute")
    assert await open_refunds() == [asked.id]
    async with databases.payment.tenant(booking.tenant_id) as connection:
        await outcome.answered(
            connection, booking.tenant_id, asked.id, status=RefundStatus.COMPLETED, provider_ref="re_1"
        )
    await age(databases, "1 day")
    assert await open_refunds() == []
