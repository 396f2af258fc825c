"""Transactions: the tenant in the first round trip, nothing left behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db import session
from db.booking.place import place
from db.session import Database
from tests.support.database import Databases, Urls, patient, superuser
from tests.support.shop import open_shop

TENANT = "select current_setting('app.tenant_id', true)"


@pytest.fixture
async def single(urls: Urls) -> AsyncIterator[Database]:
    """Give a database with one connection, so that what one transaction leaves the next would find."""
    database = await patient(urls, "app", size=1)
    yield database
    await database.close()


async def test_it_answers(databases: Databases) -> None:
    await databases.app.ping()


async def test_the_tenant_ends_with_its_transaction(single: Database) -> None:
    tenant_id = uuid7()
    async with single.tenant(tenant_id) as connection:
        assert await connection.fetchval(TENANT) == tenant_id.hex

    async with single.across() as connection:
        assert await connection.fetchval(TENANT) in (None, "")
        assert await connection.fetchval("select current_tenant()") is None


async def test_what_is_shown_ends_with_its_transaction(single: Database) -> None:
    async with single.across(shown="it's a key") as connection:
        assert await connection.fetchval("select shown()") == "it's a key"

    async with single.across() as connection:
        assert await connection.fetchval("select shown()") is None


@pytest.mark.parametrize("trouble", [RuntimeError, asyncio.CancelledError])
async def test_an_exception_undoes_the_transaction(
    urls: Urls, single: Database, trouble: type[BaseException]
) -> None:
    async with superuser(urls) as judge:
        await judge.execute("create table scratch (n int); grant all on scratch to holdfast_app")

    async def stumble() -> None:
        async with single.across() as connection:
            await connection.execute("insert into scratch values (1)")
            raise trouble

    with pytest.raises(trouble):
        await stumble()

    async with single.across() as connection:
        assert await connection.fetchval("select count(*) from scratch") == 0


async def test_a_caller_that_is_cancelled_leaves_the_connection_usable(single: Database) -> None:
    begun = asyncio.Event()

    async def sleep() -> None:
        async with single.across() as connection:
            begun.set()
            await connection.execute("select pg_sleep(60)")

    sleeping = asyncio.create_task(sleep())
    await begun.wait()
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping

    await single.ping()


async def test_a_connection_that_was_cut_is_made_anew(urls: Urls, single: Database) -> None:
    async with superuser(urls) as judge:
        with pytest.raises(Exception) as cut:  # noqa: PT011 - its kind is what is asked below
            await cut_while_in_use(single, judge)

    assert session.is_outage(cut.value)
    await single.ping()


async def cut_while_in_use(database: Database, judge: Any) -> None:
    async with database.across() as connection:
        pid = await connection.fetchval("select pg_backend_pid()")
        await judge.execute("select pg_terminate_backend($1, 5000)", pid)
        await connection.fetchval("select 1")


async def test_who_finds_no_free_connection_gives_up(single: Database) -> None:
    impatient = Database(single.pool, patience=0.05)
    async with single.across():
        with pytest.raises(TimeoutError) as waited:
            await impatient.ping()

    assert session.is_outage(waited.value)


async def test_a_value_that_fits_no_column_is_no_outage(single: Database) -> None:
    with pytest.raises(asyncpg.DataError) as wrong:
        async with single.across() as connection:
            await connection.fetchval("select $1::int", 2**40)

    assert not session.is_outage(wrong.value)


async def test_every_statement_is_heard_of(urls: Urls) -> None:
    heard: list[str] = []
    database = await Database.connect(urls.app, size=1, on_query=lambda query: heard.append(query.query))
    try:
        async with database.across() as connection:
            await connection.fetchval("select 42")
    finally:
        await database.close()

    assert heard[-3:] == ["begin", "select 42", "commit"]


async def test_the_servers_own_types_are_asked_about_once(urls: Urls) -> None:
    heard: list[str] = []
    ids = [uuid7(), uuid7()]
    for _ in range(2):
        heard.clear()
        database = await Database.connect(urls.app, size=1, on_query=lambda query: heard.append(query.query))
        try:
            async with database.across() as connection:
                assert await connection.fetchval("select $1::uuid[]", ids) == ids
        finally:
            await database.close()

    assert heard == ["begin", "select $1::uuid[]", "commit"]


async def test_a_booking_is_four_round_trips(urls: Urls, databases: Databases) -> None:
    heard: list[str] = []
    shop = await open_shop(databases.app)
    database = await Database.connect(urls.app, size=1, on_query=lambda query: heard.append(query.query))
    try:
        await place(database, shop.placement())
        heard.clear()
        await place(database, shop.placement(key="k"))
    finally:
        await database.close()

    assert [words.split()[0] for words in heard] == ["begin;", "select", "with", "commit"]


@pytest.mark.row("DEP-04", partly="the suite through a pooler")
async def test_without_the_statement_cache_all_is_the_same(urls: Urls, databases: Databases) -> None:
    shop = await open_shop(databases.app)
    database = await Database.connect(urls.app, size=2, statement_cache=False)
    try:
        placed = [await place(database, shop.placement(key=key)) for key in ("a", "b", "a")]
        async with database.across() as connection:
            kept = await connection.fetchval("select count(*) from pg_prepared_statements")
    finally:
        await database.close()

    assert [one.repeated for one in placed] == [False, False, True]
    assert kept == 0


async def test_who_gets_no_answer_gives_up(urls: Urls) -> None:
    database = await Database.connect(urls.app, size=1, open_at_once=0, answer_within=1)
    try:
        with pytest.raises(TimeoutError) as waited:
            async with database.across() as connection:
                await connection.execute("select pg_sleep(60)")
        assert session.is_outage(waited.value)
        await _answers_again(database)
    finally:
        await database.close()


async def test_who_loses_the_connection_hears_what_went_wrong_first(urls: Urls) -> None:
    database = await Database.connect(urls.app, size=1)
    try:
        with pytest.raises(TimeoutError):
            await _lose_the_connection(database)
        await database.ping()
    finally:
        await database.close()


async def _lose_the_connection(database: Database) -> None:
    async with database.across() as connection:
        connection.terminate()
        raise TimeoutError


async def _answers_again(database: Database) -> None:
    while True:
        try:
            return await database.ping()
        except TimeoutError:
            continue  # a machine that stands still for a second is no fault of the pool's


async def looked_for(connection: Any) -> Any:
    return await connection.fetchval("select current_tenant()")


async def test_a_look_sees_the_tenant_it_is_for(single: Database) -> None:
    first, second = uuid7(), uuid7()

    for tenant_id in (first, first, second, first):
        async with single.looking(tenant_id) as connection:
            assert await looked_for(connection) == tenant_id


async def test_who_does_not_look_sees_nothing_of_what_is_looked_for(single: Database) -> None:
    async with single.looking(uuid7()) as connection:
        await looked_for(connection)

    async with single.alone() as connection:
        assert await looked_for(connection) is None
    async with single.across() as connection:
        assert await looked_for(connection) is None


async def test_a_tenant_that_could_not_be_looked_for_is_asked_for_anew(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what the one before was looking for would be shown as its own."""
    before, after = uuid7(), uuid7()
    await _look(single, before)
    with monkeypatch.context() as failing:
        failing.setattr(session, "LOOK_AS_TENANT", f"{session.LOOK_AS_TENANT}; select 1 / 0")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await _look(single, after)

    async with single.looking(after) as connection:
        assert await looked_for(connection) == after


async def _look(database: Database, tenant_id: UUID) -> None:
    async with database.looking(tenant_id) as connection:
        await looked_for(connection)


@pytest.mark.parametrize("lost_as_it_is_lent", [True, False])
async def test_a_look_whose_driver_has_lost_its_place_leaves_its_connection(
    single: Database, monkeypatch: pytest.MonkeyPatch, *, lost_as_it_is_lent: bool
) -> None:
    async def lost(*_: object) -> None:
        raise asyncpg.InternalClientError("got result for unknown protocol state")

    async def look() -> None:
        async with single.looking(uuid7()):
            await lost()

    before = await _backend(single)
    with monkeypatch.context() as broken:
        if lost_as_it_is_lent:
            broken.setattr(session.Acquainted, "look_for", lost)
        with pytest.raises(asyncpg.InternalClientError):
            await look()

    assert await _backend(single) != before


async def _backend(database: Database) -> int:
    async with database.looking(uuid7()) as connection:
        return int(await connection.fetchval("select pg_backend_pid()"))


async def test_a_look_is_one_round_trip(urls: Urls) -> None:
    heard: list[str] = []
    database = await Database.connect(urls.app, size=1, on_query=lambda query: heard.append(query.query))
    tenant_id = uuid7()
    try:
        for _ in range(2):
            heard.clear()
            async with database.looking(tenant_id) as connection:
                await connection.fetchval("select 42")
    finally:
        await database.close()

    assert heard == ["select 42"]


async def test_behind_a_pooler_a_look_is_a_transaction(urls: Urls) -> None:
    heard: list[str] = []
    database = await Database.connect(
        urls.app, size=1, statement_cache=False, on_query=lambda query: heard.append(query.query)
    )
    try:
        async with database.looking(uuid7()) as connection:
            await connection.fetchval("select 42")
    finally:
        await database.close()

    assert [words.split(";")[0] for words in heard[-3:]] == ["begin", "select 42", "commit"]
