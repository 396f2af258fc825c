"""Connections and transactions: one `Database` per role, one transaction per block.

    async with database.tenant(tenant_id) as connection: …

The tenant is set in the round trip that begins the transaction and ends with it; nothing is left behind on a
connection, so a pooler in transaction mode may stand between, and the pool asks for no reset. Without a
tenant, row-level security shows no row.

Statements that need no transaction together are asked with `looking` instead, in one round trip each and not
three. Its connections keep the tenant that they last looked for, are used for nothing else, and are not there
behind a pooler (`docs/decisions/0025-looks-need-no-transaction.md`).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from pydantic_core import from_json

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

T = TypeVar("T")
Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


class Statement(NamedTuple):
    """A statement that was answered or failed, and how long that took (seconds)."""

    query: str
    elapsed: float
    exception: BaseException | None


Watch: TypeAlias = Callable[[Statement], None]

OUTAGES: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a backend that was ended while nobody listened (asyncpg issue 1069)
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database takes no connections; a lock is not to be had
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.ReadOnlySQLTransactionError,
)

# Outages that end a transaction and leave its connection.
_UNDONE = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

# More than we have; each is parsed and planned once per connection.
STATEMENTS = 300

# None takes parameters. The value is 32 hexadecimal digits, whatever the caller passes.
BEGIN_AS_TENANT = "begin; set local app.tenant_id = '{tenant_id.int:032x}'"
LOOK_AS_TENANT = "set app.tenant_id = '{tenant_id.int:032x}'"
AS_PLATFORM = "select set_config('app.platform', 'on', true)"
SHOW = "select set_config('app.shown', $1, true)"

# Who follows bookings listens here, and is told their ids, in hexadecimal digits.
FOLLOWERS = "holdfast_followers"
COMMIT_AND_TELL = "commit; notify {channel}, '{bookings}'"
# What is told is at most 8,000 bytes long; of more bookings nobody is told, they are looked at all the same.
TOLD_AT_ONCE = 200
# A lost connection to listen on is made anew after this long.
LISTEN_AGAIN_SECONDS = 1.0

# Types with numbers below this are the server's own, the same in every database (PostgreSQL, `transam.h`).
OWN_TYPES = 10_000

# What the server answered about its own types.
_acquaintance: dict[frozenset[int], Any] = {}

_written = json.JSONEncoder(separators=(",", ":"), default=str).encode

# Of which bookings the transactions that are under way have something to tell.
_news: dict[Connection, set[UUID]] = {}


class Acquainted(asyncpg.Connection):
    """A connection that knows the server's own types from those before it (the driver asks about arrays anew
    on each connection, and each time that costs the server some ten milliseconds), tells who watches of each
    statement (as the driver does, in a tenth of the time), and remembers whom it looks for.
    """

    watch: Watch | None = None
    looks_for: UUID | None = None

    async def look_for(self, tenant_id: UUID) -> None:
        """See the rows of this tenant from now on, outside of transactions as well."""
        if self.looks_for != tenant_id:
            self.looks_for = None  # whatever becomes of this
            await self.execute(LOOK_AS_TENANT.format(tenant_id=tenant_id))
            self.looks_for = tenant_id

    async def execute(self, query: str, *args: Any, **how: Any) -> str:
        """As the driver does."""
        return await self._watched(query, super().execute(query, *args, **how))

    async def fetch(self, query: str, *args: Any, **how: Any) -> Any:
        """As the driver does."""
        return await self._watched(query, super().fetch(query, *args, **how))

    async def fetchrow(self, query: str, *args: Any, **how: Any) -> Any:
        """As the driver does."""
        return await self._watched(query, super().fetchrow(query, *args, **how))

    async def fetchval(self, query: str, *args: Any, **how: Any) -> Any:
        """As the driver does."""
        return await self._watched(query, super().fetchval(query, *args, **how))

    async def _watched(self, query: str, answer: Awaitable[T]) -> T:
        if self.watch is None:
            return await answer
        begun, failure = perf_counter(), None
        try:
            return await answer
        except BaseException as error:
            failure = error
            raise
        finally:
            self.watch(Statement(query, perf_counter() - begun, failure))

    async def _introspect_types(self, typeoids: Collection[int], timeout: float) -> Any:  # noqa: ASYNC109 - so overridden
        asked = frozenset(typeoids)
        if asked in _acquaintance:
            return _acquaintance[asked]
        answer = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc] # not in its stubs
        if max(asked) < OWN_TYPES:
            _acquaintance[asked] = answer
        return answer


class _Lent(AbstractAsyncContextManager["Connection"]):
    """A connection, lent. Written out, for every step and request borrows some: as a generator each would
    cost a good deal more.
    """

    def __init__(self, pool: "Pool[Record]", patience: float) -> None:
        self._pool, self._patience = pool, patience

    async def __aenter__(self) -> Connection:
        self._connection = await self._pool.acquire(timeout=self._patience)
        try:
            await self._begin(self._connection)
        except BaseException as error:
            await self._end(error)
            raise
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._finish(self._connection)
        except BaseException as failure:
            await self._end(failure)
            raise
        await self._end(error)

    async def _begin(self, connection: Connection) -> None:
        """Make it ready."""

    async def _finish(self, connection: Connection) -> None:
        """Keep what was done."""

    async def _undo(self, connection: Connection) -> None:
        """Leave nothing of what was done."""

    async def _end(self, error: BaseException | None) -> None:
        try:
            if isinstance(error, asyncpg.InternalClientError):
                _drop(self._connection)  # the driver has lost its place: nothing it says counts any more
            elif error is not None:
                await self._undo(self._connection)
        finally:
            _news.pop(self._connection, None)
            await self._pool.release(self._connection)


class _Transaction(_Lent):
    """For one transaction."""

    def __init__(self, pool: "Pool[Record]", patience: float, begin: str) -> None:
        super().__init__(pool, patience)
        self._words = begin

    async def _begin(self, connection: Connection) -> None:
        await connection.execute(self._words)

    async def _finish(self, connection: Connection) -> None:
        await connection.execute(_commit(connection))

    async def _undo(self, connection: Connection) -> None:
        await _undo(connection)


class _Look(_Lent):
    """For statements that are each a transaction of their own, of one tenant's rows."""

    def __init__(self, pool: "Pool[Record]", patience: float, tenant_id: UUID) -> None:
        super().__init__(pool, patience)
        self._tenant_id = tenant_id

    async def _begin(self, connection: Connection) -> None:
        await connection.look_for(self._tenant_id)  # type: ignore[attr-defined] # of `Acquainted`


class Database:
    """The database as one role sees it."""

    def __init__(
        self, pool: "Pool[Record]", *, patience: float, lookers: "Pool[Record] | None" = None
    ) -> None:
        """Lend connections of `pool`, and for looks those of `lookers`, where there are any."""
        self.pool, self.lookers = pool, lookers
        self.patience = patience
        # References drawn ahead, by tenant (`db/reference.py`).
        self.references: dict[UUID, Iterator[str]] = {}

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        size: int = 4,
        statement_cache: bool = True,
        open_at_once: int = 1,
        patience: float = 5,
        answer_within: float = 5,
        on_query: Watch | None = None,
    ) -> "Database":
        """Open a pool of at most `size` connections for the role in `url`, `open_at_once` of them now, and
        one of half as many for looks, which are short, none of them now.

        `patience` is how many seconds a caller waits for a free connection, `answer_within` how many for the
        answer to a statement, before TimeoutError: the roles' own limits need a server that can be reached.
        Switch `statement_cache` off behind a pooler in transaction mode. `on_query` hears of every statement,
        with its time and its error.
        """

        async def prepare(connection: "asyncpg.Connection[Record]") -> None:
            await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_written, decoder=from_json)
            if on_query is not None:
                connection.watch = on_query  # type: ignore[attr-defined] # of `Acquainted`

        async def pool(most: int, open_now: int = 0) -> "Pool[Record]":
            return await asyncpg.create_pool(
                url,
                min_size=open_now,
                max_size=most,
                connection_class=Acquainted,
                init=prepare,
                reset=_nothing_to_reset,
                command_timeout=answer_within,
                statement_cache_size=STATEMENTS if statement_cache else 0,
            )

        lookers = await pool(max(1, size // 2)) if statement_cache else None
        return cls(await pool(size, open_at_once), patience=patience, lookers=lookers)

    def tenant(self, tenant_id: UUID) -> AbstractAsyncContextManager[Connection]:
        """Run a transaction that sees and writes the rows of one tenant; it is undone by any exception."""
        return self._transaction(BEGIN_AS_TENANT.format(tenant_id=tenant_id))

    def looking(self, tenant_id: UUID) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection for statements that see and write the rows of one tenant, each in a transaction
        of its own: for one statement, or for several that may each see the world of another moment.
        """
        if self.lookers is None:
            return self.tenant(tenant_id)
        return _Look(self.lookers, self.patience, tenant_id)

    @asynccontextmanager
    async def operator(self, tenant_id: UUID, *, platform: bool) -> AsyncIterator[Connection]:
        """Run a transaction of an operator: of one tenant's rows and, for the `platform`'s own people, of
        what reached the platform and belongs to no tenant yet.
        """
        async with self.tenant(tenant_id) as connection:
            if platform:
                await connection.execute(AS_PLATFORM)
            yield connection

    @asynccontextmanager
    async def across(self, *, shown: str | None = None) -> AsyncIterator[Connection]:
        """Run a transaction of no tenant: the relay's look at what is due, the inbox, a look-up by a key.

        `shown` is what a stranger shows to be recognised (a publishable key, a provider's reference): it
        opens the one row that bears it.
        """
        async with self._transaction("begin") as connection:
            if shown is not None:
                await connection.execute(SHOW, shown)
            yield connection

    def _transaction(self, begin: str) -> AbstractAsyncContextManager[Connection]:
        return _Transaction(self.pool, self.patience, begin)

    def alone(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection for statements that are each a transaction of their own, of no tenant."""
        return self.pool.acquire(timeout=self.patience)

    async def ping(self) -> None:
        """Ask the database for an answer; raises what went wrong."""
        async with self.across() as connection:
            await connection.execute("select 1")

    async def close(self) -> None:
        """Close the pools when their transactions are done, at the latest after ten seconds."""
        for pool in filter(None, (self.pool, self.lookers)):
            try:
                await asyncio.wait_for(pool.close(), 10)
            except TimeoutError:
                pool.terminate()


def tell(connection: Connection, bookings: Collection[UUID]) -> None:
    """Have the followers of these bookings told that there is news, once the transaction is committed."""
    if bookings:
        _news.setdefault(connection, set()).update(bookings)


async def listen(url: str, channel: str, hear: Callable[[str], None]) -> None:
    """Hear each NOTIFY on a channel, for ever, and an empty one when something may have been missed: a lost
    connection is made anew.
    """
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await _listen_once(url, channel, hear)
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)


async def clock(connection: Connection) -> datetime:
    """Read the database's clock, which alone says how long a hold has left; stands still in a transaction."""
    now: datetime = await connection.fetchval("select now()")
    return now


def is_outage(error: BaseException) -> bool:
    """Say whether no answer came, or none in time, so that the same call may be made again.

    What the driver raises otherwise is a defect of ours; a value that fits no column is an InterfaceError
    too.
    """
    return isinstance(error, OUTAGES) and not isinstance(error, asyncpg.DataError | ValueError)


def may_have_happened(error: BaseException) -> bool:
    """Say whether a transaction that failed so may be committed all the same: its connection was lost.

    Whatever else the server says no to, it has undone.
    """
    return is_outage(error) and not isinstance(error, _UNDONE)


def _commit(connection: Connection) -> str:
    """Write what ends a transaction and, in the same round trip, tells who follows what it was about. They
    look by themselves, later, for what is not told here.

    The telling is a transaction of its own, behind that one: else all commits that tell something would queue
    for one lock.
    """
    bookings = " ".join(sorted(booking.hex for booking in _news.get(connection, ()))[:TOLD_AT_ONCE])
    return COMMIT_AND_TELL.format(channel=FOLLOWERS, bookings=bookings) if bookings else "commit"


async def _listen_once(url: str, channel: str, hear: Callable[[str], None]) -> None:
    """Listen until the connection is lost. It is a connection of its own: no pooler hands on what is told."""
    connection = await asyncpg.connect(url)
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _connection: lost.set())
    try:
        await connection.add_listener(channel, lambda *told: hear(str(told[-1])))
        hear("")  # for what was told while nobody listened
        await lost.wait()
    finally:
        connection.terminate()


async def _undo(connection: Connection) -> None:
    """Leave no transaction behind, whatever happens to the caller meanwhile; else leave the connection."""
    try:
        await connection.execute("rollback")
    except asyncio.CancelledError:
        _drop(connection)
        raise
    except Exception:  # noqa: BLE001 - the caller hears what went wrong first
        _drop(connection)


def _drop(connection: Connection) -> None:
    """Close a connection at once; where it was lost, the pool has taken it back already."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


async def _nothing_to_reset(connection: Any) -> None:
    """Settings are local to a transaction, and every transaction has ended."""
