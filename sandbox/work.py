"""One turn of work: a transaction inside one account, with its time, its ids and what is to be told of it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from sandbox.account import Account, account_id
from sandbox.answer import Answer
from sandbox.clock import Clock
from sandbox.event import Endpoint, Event
from sandbox.fault import Faults
from sandbox.identifier import derive
from sandbox.record import Json, Record
from sandbox.store import Store

R = TypeVar("R", bound=Record)

# What becomes of a delivery at once when a fault keeps it.
UNSENT = {"webhook_swallow": "swallowed", "webhook_hold": "held", "webhook_reorder": "held"}


@runtime_checkable
class Face(Protocol):
    """One provider as callers see it."""

    provider: str

    def spelled(self, kind: str, letters: str, /) -> str:
        """Return the id that this provider gives to a record of a kind; `letters` are 24 nobody else has."""

    def account_key(self, key: str) -> str | None:
        """Return the key an account is known by, None if no account can have this key."""

    def failure(self, status: int) -> Answer:
        """Return what this provider answers when it fails or throttles by itself."""


@runtime_checkable
class Teller(Face, Protocol):
    """A face that sends webhooks."""

    retry_seconds: tuple[float, ...]

    def events(
        self, work: "Work", happening: str, record: Record, before: Json
    ) -> Iterable[tuple[str, Json]]:
        """Return type and object of each event for a neutral happening such as `payment.captured`."""

    def event_body(self, work: "Work", event_id: str, event_type: str, payload: Json, wanting: int) -> str:
        """Return the text of an event for `wanting` endpoints, fixed once and for all deliveries."""

    def signed(self, endpoint: Endpoint, body: bytes, /, *, secret: str, stamp: int) -> Mapping[str, str]:
        """Return the headers of one delivery attempt."""

    def accepted(self, status: int, body: bytes, /) -> bool:
        """Return whether the receiver took the delivery."""


@runtime_checkable
class Packer(Teller, Protocol):
    """A teller that sends several events at once, and signs them in the text itself."""

    most_at_once: int
    company_seconds: float  # how long after a delivery what happens next waits for more

    def packs(self, event_type: str, /) -> bool:
        """Return whether events of this type are sent with others."""

    def packed(self, bodies: Sequence[bytes], /, *, secret: str) -> bytes:
        """Return the text of one delivery of these events."""


@dataclass(frozen=True)
class Cause:
    """The API request that made something happen; empty when time or a buyer did."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Work:
    """What one request, page or job may do in one account; all of it is kept, or none."""

    def __init__(self, world: "World", account: Account, now: int, cause: Cause) -> None:
        self.world, self.account, self.now, self.cause = world, account, now, cause
        self.store, self.face = world.store, world.faces[account.provider]
        self.planned = False  # whether there is a job or a delivery to look for

    @property
    def teller(self) -> Teller:
        """Return the provider as the one who sends webhooks."""
        return self.world.tellers[self.account.provider]

    def new_id(self, kind: str) -> str:
        """Return a fresh id in the provider's spelling."""
        return self.face.spelled(kind, self.account.next_id(self.world.seed, ""))

    def secret(self, *parts: str, length: int = 32) -> str:
        """Return letters nobody outside can guess but the same seed gives again."""
        return derive(self.world.seed, self.account.root.id, "secret", *parts, length=length)

    def add(self, record: Record) -> None:
        """Write down a new record."""
        self.store.insert(record)

    def save(self, record: Record) -> None:
        """Write down what has become of a record."""
        self.store.update(record)

    def get(self, cls: type[R], record_id: str) -> R:
        """Return this account's record, or raise NotFound."""
        return self.store.get(cls, self.account.id, record_id)

    def later(self, job: str, ref: str, at: float) -> None:
        """Have `job` done to `ref` when the account's clock shows `at`."""
        self.store.db.execute(
            "INSERT INTO jobs (account, kind, ref, due) VALUES (?, ?, ?, ?)",
            (self.account.root.id, job, ref, at - self.account.offset),
        )
        self.planned = True

    def tell(self, happening: str, record: Record, before: Json | None = None) -> None:
        """Write the provider's events for a happening and plan their deliveries."""
        for event_type, payload in self.teller.events(self, happening, record, before or {}):
            self._publish(event_type, payload)

    def _publish(self, event_type: str, payload: Json) -> None:
        event_id, wanting = self.new_id("event"), self.wanting(event_type)
        body = self.teller.event_body(self, event_id, event_type, payload, len(wanting))
        event = Event(id=event_id, account=self.account.id, created=self.now, type=event_type, body=body)
        self._send(event, wanting)

    def retell(self, event: Event, changes: Json) -> Event:
        """Tell an event as another one that says something else; KeyError for a path that leads nowhere."""
        event_id = self.new_id("event")
        body = event.retold(event_id, changes)
        other = Event(id=event_id, account=self.account.id, created=self.now, type=event.type, body=body)
        self._send(other, self.wanting(event.type))
        return other

    def _send(self, event: Event, wanting: Iterable[Endpoint]) -> None:
        self.add(event)
        for endpoint in wanting:
            self._plan(event, endpoint)

    def wanting(self, event_type: str) -> list[Endpoint]:
        """Return the endpoints that want events of this type; in a payee's purse, those of its account."""
        root = self.account.root
        return [
            each
            for each in self.store.all(Endpoint, root.id)
            if each.wants(event_type) and each.of_payees is (root is not self.account)
        ]

    def _plan(self, event: Event, endpoint: Endpoint) -> None:
        """Plan the delivery of an event to an endpoint, as it should be or as a fault has it."""
        account = self.account.root
        fault = self.world.faults.of_event(account.provider, account.id, event.type)
        kind = "" if fault is None else fault.kind
        status = UNSENT.get(kind, "pending")
        due, copies, trick = self.world.clock.wall(), 1, "{}"
        if fault is not None:
            trick = json.dumps({"kind": kind, **fault.detail})
            due += fault.number("seconds", 5) if kind == "webhook_delay" else 0
            copies = int(fault.number("n", 2)) if kind == "webhook_duplicate" else 1
        for _ in range(min(100, copies)):
            self.store.db.execute(
                "INSERT INTO deliveries (account, event, type, endpoint, status, due, trick, log)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, '[]')",
                (account.id, event.id, event.type, endpoint.id, status, due, trick),
            )
        self.planned = True


class World:
    """All that one sandbox process knows: its file, its clock, the providers it plays, its faults."""

    def __init__(self, store: Store, *, seed: int, public_url: str) -> None:
        self.store, self.clock, self.public_url = store, Clock(), public_url
        self.seed = int(store.meta("seed", str(seed)))
        self.boot = int(store.meta("boot", "0")) + 1
        store.remember("boot", str(self.boot))
        self.offset = float(store.meta("offset", "0"))
        self.faces: dict[str, Face] = {}
        self.tellers: dict[str, Teller] = {}
        self.packers: dict[str, Packer] = {}
        self.faults = Faults(store)
        self.stirred: Callable[[], None] = lambda: None
        self.smtp_port: int | None = None
        self._accounts = {(account.provider, account.key): account for account in store.accounts()}
        self._by_id = {account.id: account for account in self._accounts.values()}
        self._requests = 0

    def play(self, face: Face) -> None:
        """Add a provider."""
        self.faces[face.provider] = face
        if isinstance(face, Teller):
            self.tellers[face.provider] = face
        if isinstance(face, Packer):
            self.packers[face.provider] = face

    def request_id(self) -> str:
        """Return an id for a request; differs after every restart."""
        self._requests += 1
        return "req_" + derive(self.seed, self.boot, self._requests, length=14)

    def account(self, provider: str, key: str) -> Account:
        """Return the account of a key, made on first use."""
        account = self._accounts.get((provider, key))
        if account is None:
            now = int(self.clock.wall() + self.offset)
            life = int(self.store.meta(f"life of {provider} {key}", "1"))
            account = Account(account_id(self.seed, provider, key, life), provider, key, now, self.offset)
            self.store.insert_account(account)
            self._accounts[provider, key] = self._by_id[account.id] = account
        return account

    def accounts(self) -> list[Account]:
        """Return all accounts, oldest first."""
        return sorted(self._accounts.values(), key=lambda account: account.created)

    def account_by_id(self, account_id: str) -> Account | None:
        """Return the account with this id."""
        return self._by_id.get(account_id)

    def owner(self, account_id: str) -> Account:
        """Return the account that something in the file belongs to; things go when their account goes."""
        return self._by_id[account_id]

    def named(self, name: str) -> tuple[str, str] | None:
        """Return provider and key that a key or an account's id stands for, None if it can stand for none."""
        if name in self._by_id:
            return self._by_id[name].provider, self._by_id[name].key
        for provider, face in self.faces.items():
            key = face.account_key(name)
            if key is not None:
                return provider, key
        return None

    def known(self, provider: str, key: str) -> Account | None:
        """Return the account of a key if it has been used."""
        return self._accounts.get((provider, key))

    def forget(self, account: Account) -> None:
        """Remove an account and all that is in it."""
        with self.store.transaction():
            self.store.forget_account(account.id)
            life = f"life of {account.provider} {account.key}"
            self.store.remember(life, str(int(self.store.meta(life, "1")) + 1))
        del self._accounts[account.provider, account.key], self._by_id[account.id]
        self.faults.reload()

    def set_seed(self, seed: int) -> None:
        """Use another seed for accounts that are made from now on."""
        self.seed = seed
        self.store.remember("seed", str(seed))

    def set_offset(self, seconds: float) -> None:
        """Set how far ahead the clocks of new accounts are."""
        self.offset = seconds
        self.store.remember("offset", str(seconds))

    def shift(self, account: Account, seconds: float) -> None:
        """Move an account's clock ahead; what waits for a time on that clock comes nearer by as much."""
        with self.store.transaction():
            account.offset += seconds
            self.store.save_account(account)
            for table in ("jobs", "deliveries"):
                sql = f"UPDATE {table} SET due = due - ? WHERE account = ? AND due IS NOT NULL"  # noqa: S608
                self.store.db.execute(sql, (seconds, account.id))
        self.stirred()

    def now(self, account: Account) -> float:
        """Return the time on the account's clock."""
        return self.clock.wall() + account.offset

    @contextmanager
    def work(self, account: Account, *, cause: Cause = Cause(), at: float | None = None) -> Iterator[Work]:
        """Open a turn of work in an account; what it did is kept when the block ends well."""
        counter = account.counter
        with self.store.transaction():
            work = Work(self, account, int(self.now(account) if at is None else at), cause)
            yield work
            if account.counter != counter:
                self.store.save_account(account.root)
        if work.planned:
            self.stirred()
