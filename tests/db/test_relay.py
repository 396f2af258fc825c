"""What is due is leased once, told, and marked."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db import idempotency, notice, relay, webhook
from db.booking.confirm import confirm
from db.booking.end import mark_told
from db.booking.place import place
from db.booking.read import Booking
from db.inventory import hold as holds
from domain.booking import ConfirmBooking
from domain.ids import BookingId, CounterId, PaymentId, TenantId
from domain.notice import NoticeKind, SendNotice, SendResult
from domain.refusal import Unknown
from tests.support.database import Databases, somebody_waits, superuser
from tests.support.shop import NEXT_WEEK, Shop, keep, let_time_pass, open_shop, pay

LEASE = timedelta(seconds=30)
GRACE = timedelta(minutes=2)


async def placed(databases: Databases) -> tuple[Shop, Booking]:
    shop = await open_shop(databases.app)
    return shop, (await place(databases.app, shop.placement())).booking


async def lease(databases: Databases, *, limit: int = 10) -> list[UUID]:
    async with databases.relay.across() as connection:
        leased = await relay.lease_bookings(connection, limit=limit, lease=LEASE, grace=GRACE)
        return [request.booking_id for request in leased]


async def run_out(databases: Databases, table: str) -> None:
    async with superuser(databases.urls) as judge:
        await judge.execute(f"update {table} set next_at = now()")  # noqa: S608


async def due(databases: Databases) -> Booking:
    """Place a booking of which the head start is over."""
    _, booking = await placed(databases)
    await run_out(databases, "bookings")
    return booking


# --- bookings


@pytest.mark.row("SAG-02", partly="the one run, at Temporal")
async def test_a_booking_nobody_told_of_is_leased_with_what_its_saga_needs(databases: Databases) -> None:
    booking = await due(databases)

    async with databases.relay.across() as connection:
        leased = await relay.lease_bookings(connection, limit=10, lease=LEASE, grace=GRACE)

    assert leased == [booking.request(grace=GRACE)]


async def test_what_is_leased_is_due_again_when_the_lease_has_run_out(databases: Databases) -> None:
    booking = await due(databases)

    assert await lease(databases) == [booking.id]
    assert await lease(databases) == []
    await run_out(databases, "bookings")
    assert await lease(databases) == [booking.id]


async def test_two_relays_at_once_lease_different_bookings(databases: Databases) -> None:
    booked = [(await due(databases)).id for _ in range(6)]

    leased = await asyncio.gather(*(lease(databases, limit=2) for _ in range(3)))

    found = [booking for some in leased for booking in some]
    assert len(found) == len(set(found))
    assert set(found) <= set(booked)


@pytest.mark.parametrize(("minor", "head_start"), [(2_500, relay.HEAD_START), (0, timedelta(0))])
async def test_who_has_something_to_pay_may_begin_the_run_by_that(
    databases: Databases, minor: int, head_start: timedelta
) -> None:
    shop = await open_shop(databases.app, minor=minor)
    await place(databases.app, shop.placement())

    async with superuser(databases.urls) as judge:
        waits = await judge.fetchval("select next_at - created_at from bookings")

    assert waits == head_start


async def test_a_booking_whose_run_has_kept_its_places_is_not_due(databases: Databases) -> None:
    booking = await due(databases)
    await keep(databases.app, booking, payment_id=PaymentId(uuid7()))

    assert await lease(databases) == []


async def test_a_booking_that_temporal_knows_of_is_not_due(databases: Databases) -> None:
    booking = await due(databases)
    async with databases.relay.alone() as connection:
        await mark_told(connection, [booking.request(grace=GRACE)])
        await mark_told(connection, [booking.request(grace=GRACE)])
        seen = await connection.fetchval("select count(*) from bookings")

    assert await lease(databases) == []
    assert seen == 0, "what was told is its tenant's alone"


async def test_the_owner_of_a_fact_is_found_with_its_state(databases: Databases) -> None:
    shop, booking = await placed(databases)

    async with databases.relay.tenant(shop.tenant_id) as connection:
        owner = await relay.owner(connection, shop.tenant_id, booking.id, grace=GRACE)
        nobody = await relay.owner(connection, shop.tenant_id, BookingId(uuid7()), grace=GRACE)

    assert owner == relay.Owner(booking.request(grace=GRACE), booking.status)
    assert nobody is None


async def test_overdue_places_are_given_back_by_the_relay(databases: Databases) -> None:
    shop, booking = await placed(databases)
    await let_time_pass(databases.urls, booking.id)

    async with databases.relay.across() as connection:
        found = await relay.overdue(connection, limit=10)
    for tenant_id, counter_id in found:
        async with databases.relay.tenant(tenant_id) as connection:
            await holds.take_back(connection, tenant_id, [counter_id])

    assert found == [relay.Overdue(shop.tenant_id, CounterId(shop.slot.id))]
    async with databases.relay.across() as connection:
        assert await relay.overdue(connection, limit=10) == []
    async with databases.app.tenant(shop.tenant_id) as connection:
        assert await connection.fetchval("select held from counters") == 0


# --- the inbox


def delivery(event_id: str, **changes: Any) -> webhook.Delivery:
    made = webhook.Delivery(
        provider="stripe",
        account="default",
        event_id=event_id,
        kind="payment_intent.succeeded",
        occurred_at=NEXT_WEEK,
        body=b'{"id": "evt"}',
    )
    return made._replace(**changes)


async def store(databases: Databases, *deliveries: webhook.Delivery) -> int:
    async with databases.app.across() as connection:
        return await webhook.store(connection, deliveries)


async def leased_events(databases: Databases) -> list[relay.Event]:
    async with databases.relay.across() as connection:
        return await relay.lease_events(connection, limit=10, lease=LEASE)


async def looked_at(databases: Databases) -> int:
    """Count the events that the relay goes through when it looks for what is due."""
    async with superuser(databases.urls) as judge:
        untold = "select count(*) from webhook_events where told_at is null and next_at <= now()"
        return int(await judge.fetchval(untold))


@pytest.mark.row("WHK-06", partly="the route and the telling")
async def test_an_event_is_stored_once(databases: Databases) -> None:
    one, other = delivery("evt_1"), delivery("evt_2")

    assert await store(databases, one, other) == 2
    assert await store(databases, one, delivery("evt_1", account="second")) == 1

    stored = await leased_events(databases)
    assert sorted((found.event_id, found.account) for found in stored) == [
        ("evt_1", "default"),
        ("evt_1", "second"),
        ("evt_2", "default"),
    ]
    assert {(found.body, found.attempts) for found in stored} == {(b'{"id": "evt"}', 1)}


async def test_an_event_that_is_ignored_is_kept_and_not_due(databases: Databases) -> None:
    assert await store(databases, delivery("evt_1", ignored="moves nothing")) == 1

    assert await leased_events(databases) == []
    assert await looked_at(databases) == 0


async def test_an_event_at_once_from_many_deliveries_is_one(databases: Databases) -> None:
    stored = await asyncio.gather(*(store(databases, delivery("evt_1")) for _ in range(20)))

    assert sum(stored) == 1


async def test_an_event_that_was_told_belongs_to_the_tenant_of_its_payment(databases: Databases) -> None:
    shop, _ = await placed(databases)
    await store(databases, delivery("evt_1"))
    [found] = await leased_events(databases)

    async with databases.relay.alone() as connection:
        await relay.event_told(connection, found.id, status="processed", tenant_id=shop.tenant_id)
        seen = await connection.fetchval("select count(*) from webhook_events")

    assert seen == 0
    await run_out(databases, "webhook_events")
    assert await leased_events(databases) == []
    async with databases.payment.tenant(shop.tenant_id) as connection:
        assert await connection.fetchval("select count(*) from webhook_events") == 1
    async with databases.payment.tenant(TenantId(uuid7())) as connection:
        assert await connection.fetchval("select count(*) from webhook_events") == 0


async def test_an_event_of_nobody_is_closed_without_a_tenant(databases: Databases) -> None:
    await store(databases, delivery("evt_1"))
    [found] = await leased_events(databases)

    async with databases.relay.across() as connection:
        await relay.event_told(connection, found.id, status="ignored", cause="unknown kind")

    await run_out(databases, "webhook_events")
    assert await leased_events(databases) == []


async def test_a_parked_event_comes_back_and_a_dead_one_does_not(databases: Databases) -> None:
    await store(databases, delivery("evt_1"))
    [found] = await leased_events(databases)

    async with databases.relay.across() as connection:
        await relay.event_put_off(
            connection, found.id, status="parked", cause="unknown", again_in=timedelta(seconds=2)
        )
    await run_out(databases, "webhook_events")
    [again] = await leased_events(databases)
    async with databases.relay.across() as connection:
        await relay.event_put_off(connection, found.id, status="dead", cause="unknown", again_in=None)
    assert await looked_at(databases) == 0
    await run_out(databases, "webhook_events")

    assert again.attempts == 2
    assert await leased_events(databases) == []


async def test_the_door_writes_the_inbox_and_sees_nothing_of_it(databases: Databases) -> None:
    await store(databases, delivery("evt_1"))

    async with databases.app.across() as connection:
        assert await connection.fetchval("select count(*) from webhook_events") == 0


# --- notices


async def owed(databases: Databases) -> SendNotice:
    shop, booking = await placed(databases)
    await keep(databases.app, booking)
    await pay(databases.payment, booking)
    async with databases.app.tenant(shop.tenant_id) as connection:
        await confirm(connection, ConfirmBooking(tenant_id=shop.tenant_id, booking_id=booking.id))
    async with databases.relay.across() as connection:
        [found] = await relay.lease_notices(connection, limit=10, lease=LEASE)
    return found


async def claim(databases: Databases, ask: SendNotice, addressee: str | None = None) -> SendResult | None:
    async with databases.app.tenant(ask.tenant_id) as connection:
        return await notice.claim(connection, ask, addressee)


async def test_an_owed_notice_is_leased_and_told_once(databases: Databases) -> None:
    ask = await owed(databases)

    async with databases.relay.alone() as connection:
        await relay.notices_told(connection, [ask])
        seen = await connection.fetchval("select count(*) from notices")

    assert seen == 0
    await run_out(databases, "notices")
    async with databases.relay.across() as connection:
        assert await relay.lease_notices(connection, limit=10, lease=LEASE) == []


async def test_a_notice_is_claimed_once_and_its_outcome_is_unknown_to_who_comes_second(
    databases: Databases,
) -> None:
    ask = await owed(databases)

    first, second = await claim(databases, ask), await claim(databases, ask)

    assert (first, second) == (None, SendResult.UNKNOWN)


async def test_of_two_who_claim_a_notice_at_once_the_second_leaves_it(databases: Databases) -> None:
    ask = await owed(databases)

    async with databases.app.tenant(ask.tenant_id) as connection:
        first = await notice.claim(connection, ask)
        second = asyncio.create_task(claim(databases, ask))
        await somebody_waits(databases)

    assert (first, await second) == (None, SendResult.UNKNOWN)


async def test_a_notice_that_was_settled_says_how(databases: Databases) -> None:
    ask = await owed(databases)
    await claim(databases, ask)
    async with databases.app.tenant(ask.tenant_id) as connection:
        await notice.settle(connection, ask, SendResult.ACCEPTED)
        await notice.settle(connection, ask, SendResult.UNKNOWN)

    assert await claim(databases, ask) is SendResult.ACCEPTED


async def test_a_notice_that_surely_was_not_sent_may_be_claimed_again(databases: Databases) -> None:
    ask = await owed(databases)
    await claim(databases, ask)
    async with databases.app.tenant(ask.tenant_id) as connection:
        await notice.give_back(connection, ask)

    assert await claim(databases, ask) is None


async def test_a_notice_is_owed_once_per_version(databases: Databases) -> None:
    ask = await owed(databases)
    async with databases.app.tenant(ask.tenant_id) as connection:
        booking_id = BookingId(await connection.fetchval("select booking_id from notices"))
        for version in (1, 2, 2):
            await notice.owe(
                connection, ask.tenant_id, booking_id, NoticeKind.BOOKING_CONFIRMED, version=version
            )
        assert await connection.fetchval("select count(*) from notices") == 2


async def test_a_notice_of_nobody_is_unknown(databases: Databases) -> None:
    ask = await owed(databases)

    with pytest.raises(Unknown):
        await claim(databases, ask.model_copy(update={"notice_id": uuid7()}))


# --- keys


KEY = idempotency.Key(caller="me", route="payments", key="k", fingerprint="a body")


async def test_a_key_of_another_route_stands_for_the_first_subject(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    mine, other = uuid7(), uuid7()

    async with databases.app.tenant(shop.tenant_id) as connection:
        first = await idempotency.claim(connection, shop.tenant_id, KEY, mine)
        again = await idempotency.claim(connection, shop.tenant_id, KEY, other)

    assert first == idempotency.Claim(mine, None, fresh=True)
    assert again == idempotency.Claim(mine, None, fresh=False)


async def test_a_freed_key_is_new_and_an_answered_one_stays(databases: Databases) -> None:
    shop = await open_shop(databases.app)

    async with databases.app.tenant(shop.tenant_id) as connection:
        await idempotency.claim(connection, shop.tenant_id, KEY, uuid7())
        await idempotency.free(connection, shop.tenant_id, KEY)
        assert await idempotency.find(connection, shop.tenant_id, KEY) is None
        await idempotency.claim(connection, shop.tenant_id, KEY, uuid7())
        await idempotency.answer(connection, shop.tenant_id, KEY, idempotency.Stored(201, b"{}"))
        await idempotency.free(connection, shop.tenant_id, KEY)
        found = await idempotency.find(connection, shop.tenant_id, KEY)

    assert found is not None
    assert found.answer == idempotency.Stored(201, b"{}")


@pytest.mark.row("SAG-10")
async def test_keys_are_forgotten_when_they_have_been_kept_long_enough(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    async with databases.app.tenant(shop.tenant_id) as connection:
        await idempotency.claim(connection, shop.tenant_id, KEY, uuid7())

    async def forgotten() -> int:
        async with databases.relay.across() as connection:
            return await idempotency.forget(connection, older_than=timedelta(hours=24))

    assert await forgotten() == 0
    async with superuser(databases.urls) as judge:
        await judge.execute("update idempotency_keys set created_at = now() - interval '25 hours'")
    assert await forgotten() == 1
