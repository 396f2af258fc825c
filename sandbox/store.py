"""The SQLite file: records, saved answers, entries, jobs, deliveries and faults.

One connection on the event loop's own thread; every request is one short transaction without an await in it,
so requests never see each other half done. Write-ahead log with synchronous=NORMAL: what was acknowledged
survives `kill -9` of the process (a power cut may take the last moments, which is no harm here).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from sandbox.account import Account
from sandbox.record import NotFound, Record

# One process per file: it keeps accounts, clocks and faults in memory as well.
# A checkpoint every 32 MB of log instead of every 4: each one waits for the disk.
PRAGMAS = """
PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=500;
PRAGMA wal_autocheckpoint=8000; PRAGMA cache_size=-65536;
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, provider TEXT NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL,
    offset REAL NOT NULL, counter INTEGER NOT NULL, UNIQUE (provider, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    account TEXT NOT NULL, parent TEXT, created INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_of_account ON records (account, kind, seq);
CREATE INDEX IF NOT EXISTS records_of_parent ON records (parent, kind, seq) WHERE parent IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (
    seq INTEGER PRIMARY KEY, account TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL,
    UNIQUE (account, key));
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY, account TEXT NOT NULL, movement TEXT NOT NULL, book TEXT NOT NULL,
    currency TEXT NOT NULL, amount INTEGER NOT NULL);
DROP INDEX IF EXISTS entries_of_account;
CREATE INDEX IF NOT EXISTS entries_in_account ON entries (account);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL,
    due REAL, note TEXT);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, account TEXT NOT NULL, event TEXT NOT NULL, type TEXT NOT NULL,
    endpoint TEXT NOT NULL, status TEXT NOT NULL, due REAL, trick TEXT NOT NULL, log TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_held ON deliveries (endpoint) WHERE status = 'held';
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (event);
CREATE INDEX IF NOT EXISTS deliveries_of_account ON deliveries (account, seq);
CREATE TABLE IF NOT EXISTS faults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, account TEXT, route TEXT NOT NULL,
    kind TEXT NOT NULL, detail TEXT NOT NULL, times INTEGER NOT NULL);
"""

OWNED_TABLES = ("records", "answers", "entries", "jobs", "deliveries", "faults")

R = TypeVar("R", bound=Record)


class Store:
    """The one connection to the sandbox's file."""

    def __init__(self, path: Path | str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(PRAGMAS + SCHEMA)

    def close(self) -> None:
        """Close the file; nothing is pending, for every transaction is written when it ends."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written inside, or nothing of it if an exception leaves the block."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def meta(self, name: str, default: str) -> str:
        """Return a remembered setting, writing down `default` if there is none yet."""
        self.db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, default))
        return str(self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])

    def remember(self, name: str, value: str) -> None:
        """Write a setting down."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # Accounts

    def accounts(self) -> list[Account]:
        """Return all accounts, oldest first."""
        return [
            Account(**dict(row)) for row in self.db.execute("SELECT * FROM accounts ORDER BY created, id")
        ]

    def insert_account(self, account: Account) -> None:
        """Write down a new account."""
        self.db.execute(
            "INSERT INTO accounts VALUES (:id, :provider, :key, :created, :offset, :counter)", vars(account)
        )

    def save_account(self, account: Account) -> None:
        """Write down how far the account's clock and ids have come."""
        self.db.execute(
            "UPDATE accounts SET offset = :offset, counter = :counter WHERE id = :id", vars(account)
        )

    def forget_account(self, account_id: str) -> None:
        """Remove the account and everything it owns."""
        for table in OWNED_TABLES:
            self.db.execute(f"DELETE FROM {table} WHERE account = ?", (account_id,))  # noqa: S608 (our own names)
        self.db.execute("DELETE FROM accounts WHERE id = ?", (account_id,))

    # Records

    def insert(self, record: Record) -> None:
        """Write down a new record."""
        self.db.execute(
            "INSERT INTO records (id, kind, account, parent, created, body) VALUES (?, ?, ?, ?, ?, ?)",
            (record.id, record.kind, record.account, record.parent, record.created, _text(record)),
        )

    def update(self, record: Record) -> None:
        """Write down what has become of a record."""
        self.db.execute(
            "UPDATE records SET parent = ?, body = ? WHERE id = ?", (record.parent, _text(record), record.id)
        )

    def delete(self, record: Record) -> None:
        """Forget a record."""
        self.db.execute("DELETE FROM records WHERE id = ?", (record.id,))

    def get(self, cls: type[R], account: str, record_id: str) -> R:
        """Return the account's record of that id, or raise NotFound."""
        row = self.db.execute(
            "SELECT body FROM records WHERE id = ? AND kind = ? AND account = ?",
            (record_id, cls.kind, account),
        ).fetchone()
        if row is None:
            raise NotFound(cls.kind, record_id)
        return cls(**from_json(row[0]))

    def named(self, cls: type[R], record_id: str) -> R:
        """Return the record of that id, whoever owns it, or raise NotFound."""
        return self.get(cls, self.owner(cls, record_id) or "", record_id)

    def owner(self, cls: type[Record], record_id: str) -> str | None:
        """Return the account that owns a record of this kind, for pages that know an id and no key."""
        sql = "SELECT account FROM records WHERE id = ? AND kind = ?"
        row = self.db.execute(sql, (record_id, cls.kind)).fetchone()
        return None if row is None else str(row[0])

    def children(self, cls: type[R], parent: str) -> list[R]:
        """Return the records that belong to `parent`, oldest first."""
        rows = self.db.execute(
            "SELECT body FROM records WHERE parent = ? AND kind = ? ORDER BY seq", (parent, cls.kind)
        )
        return [cls(**from_json(row[0])) for row in rows]

    def all(self, cls: type[R], account: str | None = None) -> list[R]:
        """Return all records of a kind, oldest first."""
        if account is None:
            rows = self.db.execute("SELECT body FROM records WHERE kind = ? ORDER BY seq", (cls.kind,))
        else:
            rows = self.db.execute(
                "SELECT body FROM records WHERE account = ? AND kind = ? ORDER BY seq", (account, cls.kind)
            )
        return [cls(**from_json(row[0])) for row in rows]

    def counts(self, account: str) -> dict[str, int]:
        """Return how many records of each kind an account has."""
        rows = self.db.execute(
            "SELECT kind, COUNT(*) FROM records WHERE account = ? GROUP BY kind", (account,)
        )
        return {str(row[0]): int(row[1]) for row in rows}

    def page(
        self,
        cls: type[R],
        account: str,
        *,
        limit: int,
        where: Sequence[tuple[str, Any]] = (),
        after: str | None = None,
        before: str | None = None,
    ) -> tuple[list[R], bool]:
        """Return up to `limit` records, newest first, and whether there are more beyond them.

        `after` and `before` are ids of records the page lies behind or ahead of; `where` are pairs of a
        condition in SQL with one place-holder and its value. Raises NotFound for a cursor of nobody's.
        """
        clauses = ["account = ?", "kind = ?"]
        values: list[Any] = [account, cls.kind]
        for condition, value in where:
            clauses.append(condition)
            values.append(value)
        for cursor, sign in ((after, "<"), (before, ">")):
            if cursor is not None:
                clauses.append(f"seq {sign} ?")
                values.append(self._seq(cls, account, cursor))
        order = "ASC" if before is not None else "DESC"
        where_all = " AND ".join(clauses)  # conditions of our own making; what callers say is in `values`
        sql = f"SELECT body FROM records WHERE {where_all} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        rows = self.db.execute(sql, [*values, limit + 1]).fetchall()
        found = [cls(**from_json(row[0])) for row in rows[:limit]]
        return (found[::-1] if before is not None else found), len(rows) > limit

    def _seq(self, cls: type[Record], account: str, record_id: str) -> int:
        row = self.db.execute(
            "SELECT seq FROM records WHERE id = ? AND kind = ? AND account = ?",
            (record_id, cls.kind, account),
        ).fetchone()
        if row is None:
            raise NotFound(cls.kind, record_id)
        return int(row[0])


def _text(record: Record) -> str:
    return to_json(vars(record)).decode()
