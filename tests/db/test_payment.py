"""Payments: facts in any order and number add up to one state, one set of postings, one story."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db import event, ledger
from db.booking.place import place
from db.booking.read import Booking
from db.payment import attempt, fold, read as payments
from db.payment.attempt import Attempt
from db.refund import intent, outcome
from domain.ids import BookingId, PaymentId, RefundId
from domain.money import Money
from domain.payment import (
    MOVES,
    Checkout,
    CreatePayment,
    FactKind,
    PaymentReport,
    PaymentStatus,
    RiskResult,
    StartPayment,
)
from domain.refund import RefundPayment, RefundStatus
from domain.refusal import ExceedsCaptured, PaymentMismatch, Unknown
from tests.support.database import Databases, somebody_waits, superuser
from tests.support.shop import fact_of, open_shop, pay


async def held(databases: Databases) -> Booking:
    shop = await open_shop(databases.app)
    return (await place(databases.app, shop.placement())).booking


def wished(booking: Booking, **changes: object) -> CreatePayment:
    wish = StartPayment(
        payment_id=PaymentId(uuid7()),
        provider="stripe",
        account="default",
        amount=booking.due,
        return_url="https://shop.example/back",
    )
    return CreatePayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        reference=booking.reference,
        wish=wish.model_copy(update=changes),
    )


async def create(databases: Databases, ask: CreatePayment) -> tuple[Attempt, int]:
    async with databases.payment.tenant(ask.tenant_id) as connection:
        return await attempt.create(connection, ask)


async def record(
    databases: Databases, booking: Booking, payment_id: PaymentId, *kinds: FactKind
) -> PaymentReport:
    async with databases.payment.tenant(booking.tenant_id) as connection:
        facts = [fact_of(booking, payment_id, kind) for kind in kinds]
        return await fold.record(connection, booking.tenant_id, payment_id, facts)


async def told(databases: Databases, booking: Booking, subject: PaymentId) -> list[str]:
    async with databases.app.tenant(booking.tenant_id) as connection:
        return [one.type for one in await event.of_subject(connection, booking.tenant_id, subject)]


async def balances(databases: Databases, booking: Booking) -> dict[tuple[str, str], int]:
    async with databases.app.tenant(booking.tenant_id) as connection:
        found = await ledger.balances(connection, booking.tenant_id)
    return {account: minor for account, minor in found.items() if minor}


async def test_an_attempt_is_written_once(databases: Databases) -> None:
    booking = await held(databases)
    ask = wished(booking)

    (first, counted), (again, not_counted) = await create(databases, ask), await create(databases, ask)
    async with databases.payment.tenant(ask.tenant_id) as connection:
        calls = await attempt.count_create(connection, ask.tenant_id, first.id)

    assert first == again
    assert (counted, not_counted, calls) == (1, 0, 2)
    assert (first.status, first.amount, first.checkout) == (PaymentStatus.PENDING, booking.due, None)
    assert await told(databases, booking, ask.payment_id) == ["payment.created"]


async def test_the_id_of_an_attempt_stands_for_one_amount_of_one_booking(databases: Databases) -> None:
    booking = await held(databases)
    ask = wished(booking)
    await create(databases, ask)

    with pytest.raises(PaymentMismatch):
        await create(databases, wished(booking, payment_id=ask.payment_id, amount=booking.due * 2))


async def test_the_first_checkout_that_is_written_stays(databases: Databases) -> None:
    booking = await held(databases)
    ask = wished(booking)
    await create(databases, ask)
    checkout = Checkout(payment_id=ask.payment_id, provider="stripe", payment_url="https://pay.example/1")
    other = checkout.model_copy(update={"payment_url": "https://pay.example/2"})

    async with databases.payment.tenant(booking.tenant_id) as connection:
        first = await attempt.opened(connection, booking.tenant_id, "pi_1", checkout)
        again = await attempt.opened(connection, booking.tenant_id, "pi_2", other)

    assert (first.checkout, first.provider_ref) == (checkout, "pi_1")
    assert again == first


async def test_a_checkout_opened_for_an_attempt_that_was_given_up_is_not_written(
    databases: Databases,
) -> None:
    booking = await held(databases)
    ask = wished(booking)
    await create(databases, ask)
    gone = fact_of(booking, ask.payment_id, FactKind.CANCELLED).model_copy(update={"provider_ref": ""})
    checkout = Checkout(payment_id=ask.payment_id, provider="stripe", payment_url="https://pay.example/1")

    async with databases.payment.tenant(booking.tenant_id) as connection:
        await fold.record(connection, booking.tenant_id, ask.payment_id, [gone])
        written = await attempt.opened(connection, booking.tenant_id, "pi_1", checkout)

    assert (written.checkout, written.provider_ref) == (None, "pi_1")


STORY = (FactKind.PROCESSING, FactKind.REQUIRES_ACTION, FactKind.AUTHORIZED, FactKind.CAPTURED)


async def test_facts_in_any_order_end_the_same(databases: Databases) -> None:
    for order in itertools.permutations(STORY):
        booking = await held(databases)
        ask = wished(booking)
        await create(databases, ask)

        for kind in order:
            await record(databases, booking, ask.payment_id, kind)
        report = await record(databases, booking, ask.payment_id)
        again = await record(databases, booking, ask.payment_id, *order)

        assert report == again
        assert (report.status, report.captured_minor) == (PaymentStatus.CAPTURED, booking.due.minor)
        assert report.booking_kept_minor == booking.due.minor
        told_of = set(await told(databases, booking, ask.payment_id))
        assert told_of - {"payment.authorized"} == {
            *("payment.created", "payment.captured", "payment.completed")
        }  # authorised, if it was
        assert await balances(databases, booking) == {
            ("provider_clearing:stripe:default", "EUR"): booking.due.minor,
            ("customer_deposits", "EUR"): -booking.due.minor,
        }


async def test_what_is_told_with_several_postings_is_told_once(databases: Databases) -> None:
    booking = await held(databases)
    ask = wished(booking)
    await create(databases, ask)
    half = booking.due.minor // 2
    facts = [
        fact_of(booking, ask.payment_id, FactKind.DECLINED),
        fact_of(booking, ask.payment_id, FactKind.CAPTURED, minor=half, operation="ch_1"),
        fact_of(booking, ask.payment_id, FactKind.CAPTURED, minor=half, operation="ch_2"),
    ]

    async with databases.payment.tenant(booking.tenant_id) as connection:
        await fold.record(connection, booking.tenant_id, ask.payment_id, facts)

    assert sum(map(abs, (await balances(databases, booking)).values())) == 4 * half
    assert await told(databases, booking, ask.payment_id) == ["payment.created", "payment.failed"]


async def test_declines_of_all_attempts_are_counted_together(databases: Databases) -> None:
    booking = await held(databases)
    attempts = [await pay(databases.payment, booking, kind=FactKind.DECLINED) for _ in range(2)]

    async with databases.payment.tenant(booking.tenant_id) as connection:
        second = fact_of(booking, attempts[0], FactKind.DECLINED, operation="ch_2")
        report = await fold.record(connection, booking.tenant_id, attempts[0], [second, second])

    assert (report.booking_declines, report.status) == (3, PaymentStatus.PENDING)


async def test_what_two_write_down_at_once_adds_up(databases: Databases) -> None:
    booking = await held(databases)
    ask = wished(booking)
    await create(databases, ask)
    first, second = (
        fact_of(booking, ask.payment_id, FactKind.DECLINED, operation=each) for each in ("ch_1", "ch_2")
    )

    async def meanwhile() -> PaymentReport:
        async with databases.payment.tenant(booking.tenant_id) as connection:
            return await fold.record(connection, booking.tenant_id, ask.payment_id, [second])

    async with databases.payment.tenant(booking.tenant_id) as connection:
        await fold.record(connection, booking.tenant_id, ask.payment_id, [first])
        other = asyncio.create_task(meanwhile())
        await somebody_waits(databases)

    assert (await other).booking_declines == 2


async def test_a_conflicted_payment_is_kept_apart(databases: Databases) -> None:
    booking = await held(databases)
    payment_id = await pay(databases.payment, booking, minor=1)

    async with databases.app.tenant(booking.tenant_id) as connection:
        report = await payments.report(connection, booking.tenant_id, booking.id, payment_id)

    assert (report.status, report.kept_minor, report.booking_kept_minor) == (PaymentStatus.CONFLICTED, 1, 0)


@pytest.mark.row("PAY-27")
async def test_the_database_lets_a_payment_make_the_moves_of_the_table_and_no_other(
    databases: Databases,
) -> None:
    booking = await held(databases)
    await pay(databases.payment, booking, kind=FactKind.PENDING)

    legal = set()
    async with superuser(databases.urls) as judge:
        for source, target in itertools.permutations(PaymentStatus, 2):
            async with rolled_back(judge):
                await judge.execute("alter table payments disable trigger guard_payment")
                await judge.execute("update payments set status = $1", source)
                await judge.execute("alter table payments enable trigger guard_payment")
                with suppress(asyncpg.CheckViolationError):
                    await judge.execute("update payments set status = $1", target)
                    legal.add((source, target))

    assert legal == {(source, target) for source, targets in MOVES.items() for target in targets}


@asynccontextmanager
async def rolled_back(judge: asyncpg.Connection) -> AsyncIterator[None]:
    """Try something, and leave nothing of it."""
    trial = judge.transaction()
    await trial.start()
    try:
        yield
    finally:
        await trial.rollback()


async def test_money_in_another_currency_is_written_and_posted_and_goes_back_in_that_currency(
    databases: Databases,
) -> None:
    booking = await held(databases)
    payment_id = await pay(databases.payment, booking, kind=FactKind.PENDING)
    taken = fact_of(booking, payment_id, FactKind.CAPTURED).model_copy(
        update={"amount": Money(minor=2_700, currency="USD")}
    )
    back = RefundPayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=None,
        cause="conflicted",
    )

    async with databases.payment.tenant(booking.tenant_id) as connection:
        report = await fold.record(connection, booking.tenant_id, payment_id, [taken])
        with pytest.raises(ExceedsCaptured):
            await intent.ask(connection, back.model_copy(update={"amount": booking.due}))
    kept = await balances(databases, booking)
    async with databases.payment.tenant(booking.tenant_id) as connection:
        refund = await intent.ask(connection, back)
        await outcome.answered(
            connection, booking.tenant_id, refund.id, status=RefundStatus.COMPLETED, provider_ref="re_1"
        )
        after = await fold.record(connection, booking.tenant_id, payment_id, [])

    assert (report.status, report.kept_minor, report.currency) == (PaymentStatus.CONFLICTED, 2_700, "USD")
    assert (report.booking_kept_minor, report.asked_minor) == (0, 2_500)
    assert kept == {("provider_clearing:stripe:default", "USD"): 2_700, ("customer_deposits", "USD"): -2_700}
    assert refund.amount == taken.amount
    assert after.kept_minor == 0
    assert await balances(databases, booking) == {}


async def test_what_is_asked_about_another_bookings_payment_is_unknown(databases: Databases) -> None:
    booking = await held(databases)
    payment_id = await pay(databases.payment, booking)

    with pytest.raises(Unknown):
        async with databases.app.tenant(booking.tenant_id) as connection:
            await payments.report(connection, booking.tenant_id, BookingId(uuid7()), payment_id)


async def test_a_fact_about_nothing_we_know_is_unknown(databases: Databases) -> None:
    booking = await held(databases)

    with pytest.raises(Unknown):
        await record(databases, booking, PaymentId(uuid7()), FactKind.CAPTURED)


async def test_whose_payment_a_reference_is_only_who_shows_it_learns(databases: Databases) -> None:
    booking = await held(databases)
    payment_id = await pay(databases.payment, booking)
    reference = f"pi_{payment_id.hex}"

    async with databases.relay.across(shown=reference) as connection:
        found = await payments.by_reference(connection, "stripe", "default", reference)
        assert await connection.fetchval("select count(*) from payments") == 1
    async with databases.relay.across() as connection:
        assert await connection.fetchval("select count(*) from payments") == 0

    assert found == payments.Address(booking.tenant_id, booking.id, payment_id)


@pytest.mark.row("PAY-40", partly="the booking shows it elsewhere")
@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
async def test_with_what_it_was_paid_is_known_whatever_came_first(
    databases: Databases, order: tuple[int, ...]
) -> None:
    booking = await held(databases)
    ask = wished(booking)
    await create(databases, ask)
    declined = fact_of(booking, ask.payment_id, FactKind.DECLINED).model_copy(
        update={"card_brand": "amex", "card_last4": "0005", "method": "card"}
    )
    told_short = fact_of(booking, ask.payment_id, FactKind.CAPTURED)
    told_whole = told_short.model_copy(
        update={
            "event_id": "look",
            "method": "card",
            "card_brand": "visa",
            "card_last4": "4242",
            "risk_score": Decimal("2.00"),
            "risk_result": RiskResult.PASSED,
        }
    )
    facts = [declined, told_short, told_whole]

    async with databases.payment.tenant(booking.tenant_id) as connection:
        for place in order:
            await fold.record(connection, booking.tenant_id, ask.payment_id, [facts[place]])
        row = await payments.find(connection, booking.tenant_id, ask.payment_id)

    assert (row.method, row.card_brand, row.card_last4) == ("card", "visa", "4242")
    assert (row.risk_score, row.risk_result) == (Decimal("2.00"), RiskResult.PASSED)
    assert row.captured_at is not None
    assert row.transaction_reference.startswith("PAY-")
