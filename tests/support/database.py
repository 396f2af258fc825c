"""PostgreSQL for tests: one throw-away cluster for the run, a migrated, empty database for each test.

A test asks for `databases` and gets the four roles that run the product, connected; `urls` are the addresses
of the same database, for programs of their own. The superuser (`urls.admin`) is for making faults and for
judging from outside.
"""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

import asyncpg
import pytest

from db.roles import Role, make_roles, roles_of
from db.session import Database
from devtools.paths import ROOT
from devtools.ports import any_free
from devtools.postgres import THROW_AWAY, Postgres, temporary_home
from tests.support.wait import eventually

WAITING = """
select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
"""

TEMPLATE = "holdfast_template"
PASSWORD = "of-no-use-to-anybody-else"  # noqa: S105 - the cluster is thrown away after the run
NAMES = itertools.count(1)
POOL_SIZE = 4
CONNECTIONS = 300
# The product ends what runs for longer than a step may; where a machine stands still that is anything, so who
# asks the database directly has more time. The limits themselves: tests/db/test_guard.py.
LIMITS = "statement_timeout=60s&lock_timeout=60s&idle_in_transaction_session_timeout=60s"
LONG_SECONDS = 60.0
LIMITED = ("app", "payment", "relay", "readonly")

# Measured: a copy of the template costs 130 ms of the processor, to empty one that was used costs 3 ms. One
# whose tables a test has changed is thrown away.
LENDING = """
create schema lending;
create table lending.changes (tag text not null);

create function lending.note_change() returns event_trigger language plpgsql security definer as $$
begin
    insert into lending.changes values (tg_tag);
end $$;

create function lending.is_emptied() returns boolean language plpgsql as $$
declare
    each text;
begin
    if exists (select from lending.changes) then
        return false;
    end if;
    perform set_config('session_replication_role', 'replica', true);  -- no guard, no foreign key
    for each in
        select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'alembic_version'
    loop
        execute 'delete from ' || each;
    end loop;
    perform setval(oid::regclass, 1, false) from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'S';
    perform pg_stat_reset();
    return true;
end $$;

create event trigger note_change on ddl_command_end execute function lending.note_change();
"""
OTHERS = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Urls:
    """The addresses of one database, by role."""

    owner: str
    app: str
    payment: str
    relay: str
    readonly: str
    admin: str

    @property
    def environment(self) -> dict[str, str]:
        """The addresses as the product's environment names them."""
        return {
            "DATABASE_URL": self.owner,
            "DATABASE_APP_URL": self.app,
            "DATABASE_PAYMENT_URL": self.payment,
            "DATABASE_RELAY_URL": self.relay,
            "DATABASE_READONLY_URL": self.readonly,
        }

    @property
    def patient(self) -> "Urls":
        """The same addresses, for those whom a machine that stands still shall not fail."""
        return replace(self, **{role: f"{getattr(self, role)}?{LIMITS}" for role in LIMITED})


@dataclass(frozen=True)
class Databases:
    """One database as each role of the product sees it."""

    urls: Urls
    app: Database
    payment: Database
    relay: Database
    readonly: Database


@dataclass(frozen=True)
class Cluster:
    """A running cluster with the roles and the migrated template database; `spare` ones can be lent."""

    server: Postgres
    spare: list[Urls] = field(default_factory=list)

    def urls(self, database: str) -> Urls:
        """Name the addresses of a database of this cluster."""
        roles = {
            name: self.server.url(f"holdfast_{name}", PASSWORD, database)
            for name in ("owner", "app", "payment", "relay", "readonly")
        }
        return Urls(**roles, admin=self.server.url(database=database))

    def roles(self, database: str) -> list[Role]:
        """List the five roles, the owner first."""
        return roles_of(self.urls(database).environment)

    async def lend(self) -> Urls:
        """Give a migrated database with nothing in it."""
        return self.spare.pop() if self.spare else await self.create()

    async def take_back(self, urls: Urls) -> None:
        """Empty a database for whoever comes next; one that is not as it was made is thrown away."""
        try:
            async with superuser(urls) as judge:
                await judge.execute(OTHERS)
                is_emptied = await judge.fetchval("select lending.is_emptied()")
        except (OSError, asyncpg.PostgresError):
            is_emptied = False
        if is_emptied:
            self.spare.append(urls)
        else:
            await self.drop(urls)

    async def create(self, *, migrated: bool = True) -> Urls:
        """Make a database: a copy of the template, or an empty one with its owner."""
        name = f"test_{os.getpid()}_{next(NAMES)}"
        template = TEMPLATE if migrated else "template0"
        await self.command(
            f"create database {name} owner holdfast_owner template {template} strategy file_copy"
        )
        return self.urls(name)

    async def drop(self, urls: Urls) -> None:
        """Remove a database with whoever is still connected to it."""
        name = urls.admin.rsplit("/", 1)[1]
        await self.command(f"drop database {name} with (force)")

    async def command(self, command: str) -> None:
        """Run one command as the superuser, outside of any transaction."""
        admin = await asyncpg.connect(self.server.url())
        try:
            await admin.execute(command)
        finally:
            await admin.close()


def migrate(urls: Urls) -> None:
    """Bring a database up to date with the command that people use."""
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env={**os.environ, **urls.environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def running_cluster() -> Iterator[Postgres]:
    """Run a cluster that does not care for a power cut; gone afterwards."""
    home = temporary_home()
    server = Postgres(home, port=any_free(), settings=(*THROW_AWAY, f"max_connections={CONNECTIONS}"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


async def patient(urls: Urls, role: str, *, size: int) -> Database:
    """Connect a role that waits long: for a free connection, for a lock, for an answer."""
    url: str = getattr(urls.patient, role)
    return await Database.connect(
        url, size=size, open_at_once=0, patience=LONG_SECONDS, answer_within=LONG_SECONDS
    )


@asynccontextmanager
async def connected(urls: Urls) -> AsyncIterator[Databases]:
    """Connect the four roles."""
    pools = [await patient(urls, role, size=POOL_SIZE) for role in LIMITED]
    try:
        yield Databases(urls, *pools)
    finally:
        for pool in pools:
            await pool.close()


@asynccontextmanager
async def superuser(urls: Urls) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Connect as the superuser, whom no policy and no permission binds."""
    connection = await asyncpg.connect(urls.admin)
    try:
        yield connection
    finally:
        await connection.close()


async def somebody_waits(databases: Databases) -> None:
    """Wait until a statement in this database waits for another transaction."""
    async with superuser(databases.urls) as judge:
        await eventually(lambda: judge.fetchval(WAITING), what="a statement that waits for another")


@pytest.fixture(scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """Run PostgreSQL, make the roles, migrate the database that tests copy."""
    with running_cluster() as server:
        found = Cluster(server)
        await make_roles(server.url(), found.roles(TEMPLATE))
        template = found.urls(TEMPLATE)
        migrate(template)
        async with superuser(template) as judge:
            await judge.execute(LENDING)
        yield found


@pytest.fixture
async def urls(cluster: Cluster) -> AsyncIterator[Urls]:
    """Give the test a migrated database of its own."""
    lent = await cluster.lend()
    yield lent
    await cluster.take_back(lent)


@pytest.fixture
async def databases(urls: Urls) -> AsyncIterator[Databases]:
    """Give the test's database, connected as the product's roles."""
    async with connected(urls) as roles:
        yield roles
