"""The event feed: no gap per subject, and nothing passed over by a reader of the whole."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from uuid_utils.compat import uuid7

from db import event, ledger
from db.event import Told
from db.session import FOLLOWERS, Connection, listen
from domain.event import BOOKING_CONFIRMED, PAYMENT_CREATED
from domain.ids import TenantId
from domain.ledger import Entry, Posting
from domain.money import Money
from tests.support.database import Databases
from tests.support.shop import open_shop
from tests.support.wait import PATIENCE_SECONDS

# The twin: a cursor by `seq` alone.
BY_SEQ = "select seq, type from events where seq > $1 order by seq"


Write = Callable[..., Awaitable[None]]


async def post(connection: Connection, tenant_id: TenantId, *events: Told) -> None:
    entries = tuple(
        Entry(account=account, amount=Money(minor=minor, currency="EUR"))
        for account, minor in (("a", 500), ("b", -500))
    )
    posting = Posting(source=f"test:{uuid7()}", external_ref="1", entries=entries)
    await ledger.post(connection, tenant_id, posting, *events)


EACH_WAY = pytest.mark.parametrize("write", [event.append, post])


@EACH_WAY
async def test_events_are_numbered_per_subject_without_a_gap(databases: Databases, write: Write) -> None:
    shop = await open_shop(databases.app)
    one, other = uuid7(), uuid7()

    async with databases.app.tenant(shop.tenant_id) as connection:
        await write(connection, shop.tenant_id, Told(one, "a", {}), Told(other, "b", {}), Told(one, "c", {}))
        await write(connection, shop.tenant_id, Told(one, "d", {"of": [1, None, "ü"]}))
        told = await event.of_subject(connection, shop.tenant_id, one)
        later = await event.of_subject(connection, shop.tenant_id, one, after=2)

    assert [(found.n, found.type) for found in told] == [(1, "a"), (2, "c"), (3, "d")]
    assert [found.type for found in later] == ["d"]
    assert told[-1].data == {"of": [1, None, "ü"]}


async def test_each_follower_hears_what_is_behind_its_own_last_event(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    one, other, unknown = sorted(uuid7() for _ in range(3))

    async with databases.app.tenant(shop.tenant_id) as connection:
        for what in "abc":
            await event.append(connection, shop.tenant_id, Told(one, what, {}), Told(other, what, {}))
        after = {other: 2, one: 1, unknown: 0}
        told = await event.of_subjects(connection, shop.tenant_id, after)
        first = await event.of_subjects(connection, shop.tenant_id, after, limit=2)

    assert [(found.subject, found.type) for found in told] == [(one, "b"), (one, "c"), (other, "c")]
    assert first == told[:2]


async def test_nothing_appended_is_nothing_done(databases: Databases) -> None:
    shop = await open_shop(databases.app)

    async with databases.app.tenant(shop.tenant_id) as connection:
        await event.append(connection, shop.tenant_id)
        assert await connection.fetchval("select count(*) from events") == 0


@pytest.mark.row("SAG-23")
async def test_a_reader_passes_over_nothing_that_a_slower_writer_commits_later(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with databases.app.tenant(shop.tenant_id) as connection:
            await event.append(connection, shop.tenant_id, Told(uuid7(), "slow", {}))
            begun.set()
            await go_on.wait()

    writing = asyncio.create_task(slow())
    await begun.wait()
    async with databases.app.tenant(shop.tenant_id) as connection:
        await event.append(connection, shop.tenant_id, Told(uuid7(), "quick", {}))
    async with databases.relay.across() as connection:
        early = await event.feed(connection)
        by_seq = await connection.fetch(BY_SEQ, 0)
    go_on.set()
    await writing
    async with databases.relay.across() as connection:
        later = await event.feed(connection)
        by_seq_later = await connection.fetch(BY_SEQ, by_seq[-1]["seq"])

    assert early == []
    assert [found.type for found in later] == ["slow", "quick"]
    assert [row["type"] for row in [*by_seq, *by_seq_later]] == ["quick"], "by `seq` alone one is lost"


@EACH_WAY
async def test_followers_are_told_of_bookings_that_something_was_committed_about(
    databases: Databases, write: Write
) -> None:
    shop = await open_shop(databases.app)
    undone, done, told = uuid7(), uuid7(), asyncio.Queue[str]()
    listening = asyncio.create_task(listen(databases.urls.app, FOLLOWERS, told.put_nowait))
    assert await told.get() == "", "who begins to listen may have missed something"

    async def told_and_undone() -> None:
        async with databases.app.tenant(shop.tenant_id) as connection:
            await write(connection, shop.tenant_id, Told(undone, BOOKING_CONFIRMED, {}))
            raise LookupError

    with pytest.raises(LookupError):
        await told_and_undone()
    async with databases.app.tenant(shop.tenant_id) as connection:
        payment = Told(uuid7(), PAYMENT_CREATED, {})
        await write(connection, shop.tenant_id, payment, Told(done, BOOKING_CONFIRMED, {}))

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await told.get() == done.hex
    listening.cancel()


async def test_a_cursor_goes_on_where_it_was(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    for n in range(5):
        async with databases.app.tenant(shop.tenant_id) as connection:
            await event.append(
                connection, shop.tenant_id, Told(uuid7(), str(n), {}), Told(uuid7(), str(n), {})
            )

    seen: list[str] = []
    xid = seq = 0
    async with databases.relay.across() as connection:
        while found := await event.feed(connection, xid=xid, seq=seq, limit=3):
            seen += [one.type for one in found]
            xid, seq = found[-1].xid, found[-1].seq

    assert seen == [str(n) for n in range(5) for _ in range(2)]
