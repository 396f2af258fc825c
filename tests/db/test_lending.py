"""Databases that tests share one after the other: nothing of one test is met by the next."""

import asyncpg
import pytest

from tests.support.database import Cluster, Urls, connected, superuser
from tests.support.shop import open_shop

TABLES = "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"


async def rows(urls: Urls) -> int:
    async with superuser(urls) as judge:
        tables = [row["tablename"] for row in await judge.fetch(TABLES)]
        counts = [await judge.fetchval(f"select count(*) from {table}") for table in tables]  # noqa: S608
    return sum(counts)


async def test_what_a_test_has_written_is_gone_when_its_database_is_lent_again(cluster: Cluster) -> None:
    lent = await cluster.lend()
    async with connected(lent) as databases:
        await open_shop(databases.app)
    written = await rows(lent)

    await cluster.take_back(lent)
    again = await cluster.lend()

    assert again == lent
    assert (written > 0, await rows(again)) == (True, 0)
    await cluster.take_back(again)


@pytest.mark.parametrize(
    "change",
    [
        "alter table counters drop constraint ck_counters_never_oversold",
        "alter table bookings disable trigger all",
        "create table strange ()",
        "create policy strange on bookings using (true)",
        "grant select on bookings to public",
    ],
)
async def test_a_database_whose_tables_were_changed_is_not_lent_again(cluster: Cluster, change: str) -> None:
    lent = await cluster.lend()
    async with superuser(lent) as judge:
        await judge.execute(change)

    await cluster.take_back(lent)

    assert lent not in cluster.spare
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(lent.admin)
