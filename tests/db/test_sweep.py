"""What the sweep looks at, and when again."""

from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from activities.aftercare import AftercareActivities
from db import sweep
from db.booking.place import place
from db.booking.read import Booking
from db.payment import fold
from db.refund import intent, outcome, read as refunds
from db.refund.read import Refund
from domain.aftercare import LateMoney
from domain.ids import PaymentId, RefundId
from domain.money import Money
from domain.payment import FactKind
from domain.refund import RefundPayment, RefundStatus
from domain.sweep import gaps
from tests.support.database import Databases, superuser
from tests.support.shop import fact_of, keep, let_time_pass, open_shop, pay
from tests.support.told import Told

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


async def refunded(databases: Databases, booking: Booking, payment_id: PaymentId, minor: int) -> Refund:
    wish = RefundPayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=Money(minor=minor, currency="EUR"),
        cause="by_hand",
    )
    async with databases.payment.tenant(booking.tenant_id) as connection:
        return await intent.ask(connection, wish)


async def answer(databases: Databases, booking: Booking, refund: Refund, status: RefundStatus) -> None:
    async with databases.payment.tenant(booking.tenant_id) as connection:
        await outcome.answered(
            connection, booking.tenant_id, refund.id, status=status, provider_ref=f"re_{refund.id}"
        )


async def record(databases: Databases, booking: Booking, payment_id: PaymentId) -> None:
    """Write what the refunds mean for the booking, as the runs of refunds do."""
    steps = AftercareActivities(databases.app, databases.payment, Told())
    await steps.record_refund(
        LateMoney(tenant_id=booking.tenant_id, booking_id=booking.id, payment_id=payment_id)
    )


async def refunds_due(databases: Databases) -> list[RefundId]:
    async with databases.relay.across() as connection:
        return [each.refund_id for each in await sweep.refunds(connection, every=EVERY, limit=10)]


async def test_a_refund_is_looked_at_until_its_booking_knows_how_it_ended(databases: Databases) -> None:
    booking, payment_id = await open_payment(databases, FactKind.CAPTURED)
    asked = await refunded(databases, booking, payment_id, 2_500)

    assert await refunds_due(databases) == []
    await age(databases, "1 minute")
    await record(databases, booking, payment_id)  # its run does so first
    assert await refunds_due(databases) == [asked.id]
    for status in (RefundStatus.COMPLETED, RefundStatus.FAILED):  # a bank may send it back
        await record(databases, booking, payment_id)
        await answer(databases, booking, asked, status)
        await age(databases, "1 day")
        assert await refunds_due(databases) == [asked.id]
        await record(databases, booking, payment_id)
        await age(databases, "1 day")
        assert await refunds_due(databases) == []


async def test_a_refund_that_came_back_while_its_arrival_was_recorded_is_looked_at(
    databases: Databases,
) -> None:
    booking, payment_id = await open_payment(databases, FactKind.CAPTURED)
    asked = await refunded(databases, booking, payment_id, 2_500)
    await answer(databases, booking, asked, RefundStatus.COMPLETED)
    async with databases.app.tenant(booking.tenant_id) as connection:
        ended = await refunds.unrecorded(connection, booking.tenant_id, payment_id)
    await answer(databases, booking, asked, RefundStatus.FAILED)

    async with databases.payment.tenant(booking.tenant_id) as connection:
        await outcome.recorded(connection, booking.tenant_id, ended)

    await age(databases, "1 minute")
    assert ended == [refunds.Ended(asked.id, "completed")]
    assert await refunds_due(databases) == [asked.id]


async def test_only_the_refunds_of_the_payment_that_was_recorded_are_left_alone(databases: Databases) -> None:
    booking, payment_id = await open_payment(databases, FactKind.CAPTURED)
    other_id = await pay(databases.payment, booking)
    done = await refunded(databases, booking, payment_id, 1_000)
    left = await refunded(databases, booking, other_id, 1_000)
    await answer(databases, booking, done, RefundStatus.COMPLETED)
    await answer(databases, booking, left, RefundStatus.COMPLETED)

    await record(databases, booking, payment_id)

    await age(databases, "1 minute")
    assert await refunds_due(databases) == [left.id]


async def test_what_was_given_back_without_us_has_no_run_to_begin(databases: Databases) -> None:
    booking, payment_id = await open_payment(databases, FactKind.CAPTURED)
    at_the_desk = fact_of(booking, payment_id, FactKind.REFUNDED)
    async with databases.payment.tenant(booking.tenant_id) as connection:
        await fold.record(connection, booking.tenant_id, payment_id, [at_the_desk])

    await age(databases, "1 day")

    assert await refunds_due(databases) == []
