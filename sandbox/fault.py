"""Faults on order: what a provider does wrong, how often, for whom and on which route.

Request faults hit API calls; webhook faults hit deliveries, where the route is a pattern of event types.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from sandbox.store import Store

RequestKind = Literal[
    "response_lost",  # done, then the connection is cut without a byte
    "response_cut",  # done (with `effect` false: not), then the connection is cut in the middle of the body
    "json_cut",  # done (or not), then only half of the JSON comes
    "response_500_after",  # done, but the answer says 500 (or `status`); saved under the idempotency key
    "response_500_before",  # not done, 500 (or `status`); saved under the key only with `saved`
    "drop_before",  # not done, the connection is cut
    "slow",  # done at once (with `effect` false: not), answered after `seconds`
    "drip",  # done at once (or not), then one byte of the answer comes every `seconds` (1)
    "hold",  # done at once (or not), answered when released
    "rate_limit",  # not done, 429 with Retry-After of `seconds` (1), with 0 of them without
    "html_error",  # not done (or done, with `effect`), a load balancer's HTML page with `status` (502)
    "wrong_type",  # done (or not), but the answer is a JSON list with status 200
]
WebhookKind = Literal[
    "webhook_swallow",  # never sent
    "webhook_duplicate",  # sent `n` times
    "webhook_delay",  # sent `seconds` later
    "webhook_wrong_secret",  # signed with a foreign secret
    "webhook_stale",  # signed for `seconds` ago (3,600)
    "webhook_hold",  # kept until released
    "webhook_reorder",  # kept until its endpoint has taken a later event
]
OutcomeKind = Literal["outcome_fails"]  # taken, then found impossible: told as a failure
REQUEST_KINDS: frozenset[str] = frozenset(get_args(RequestKind))
WEBHOOK_KINDS: frozenset[str] = frozenset(get_args(WebhookKind))
OUTCOME_KINDS: frozenset[str] = frozenset(get_args(OutcomeKind))
KINDS_IN_ORDER: tuple[str, ...] = (*get_args(RequestKind), *get_args(WebhookKind), *get_args(OutcomeKind))
KINDS = frozenset(KINDS_IN_ORDER)


@dataclass
class Fault:
    """One thing that shall go wrong `times` times; `account` is an account's id, None for all."""

    provider: str
    kind: str
    account: str | None = None
    route: str = "*"
    times: int = 1
    detail: dict[str, Any] = field(default_factory=dict)
    seq: int = 0

    def hits(self, provider: str, account: str | None, route: str) -> bool:
        """Return whether this fault is meant for a call such as `POST /v1/refunds` or an event type."""
        return (
            self.provider in ("*", provider)
            and self.account in (None, account)
            and (fnmatchcase(route, self.route) or fnmatchcase(route.partition(" ")[2], self.route))
        )

    def number(self, name: str, default: float) -> float:
        """Return a number of the fault's detail."""
        return float(self.detail.get(name, default))

    @property
    def effect(self) -> bool | None:
        """Return whether the work is to be done all the same, None where the kind decides."""
        return self.detail.get("effect")


class Faults:
    """The faults on order, kept in the file and in memory."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.open: list[Fault] = []
        self._held: list[tuple[Fault, asyncio.Event]] = []
        self._chances: dict[int, random.Random] = {}
        self.reload()

    def reload(self) -> None:
        """Read the faults again from the file."""
        rows = self.store.db.execute("SELECT * FROM faults ORDER BY seq")
        self.open = [Fault(**{**dict(row), "detail": json.loads(row["detail"])}) for row in rows]

    def add(self, fault: Fault) -> Fault:
        """Put a fault on order."""
        values = asdict(fault) | {"detail": json.dumps(fault.detail)}
        cursor = self.store.db.execute(
            "INSERT INTO faults (provider, account, route, kind, detail, times)"
            " VALUES (:provider, :account, :route, :kind, :detail, :times)",
            values,
        )
        fault.seq = int(cursor.lastrowid or 0)
        self.open.append(fault)
        return fault

    def clear(self, account: str | None = None, seq: int | None = None) -> int:
        """Take faults back: all, those of an account, or one; return how many."""
        gone = [
            f
            for f in self.open
            if (account is None or f.account == account) and (seq is None or f.seq == seq)
        ]
        for fault in gone:
            self.store.db.execute("DELETE FROM faults WHERE seq = ?", (fault.seq,))
            self.open.remove(fault)
        return len(gone)

    def of_request(self, provider: str, account: str, route: str) -> Fault | None:
        """Return the fault that hits an API call such as `POST /v1/refunds`, and count it."""
        return self._take(REQUEST_KINDS, provider, account, route)

    def of_event(self, provider: str, account: str, event_type: str) -> Fault | None:
        """Return the fault that hits a delivery of such an event, and count it."""
        return self._take(WEBHOOK_KINDS, provider, account, event_type)

    def of_outcome(self, provider: str, account: str, route: str) -> Fault | None:
        """Return the fault that hits what an API call such as `POST /v72/payments/*/captures` comes to."""
        return self._take(OUTCOME_KINDS, provider, account, route)

    @contextmanager
    def held(self, fault: Fault) -> Iterator[asyncio.Event]:
        """Keep an answer back; the event tells when it may go."""
        waiting = (fault, asyncio.Event())
        self._held.append(waiting)
        try:
            yield waiting[1]
        finally:
            self._held.remove(waiting)

    def release(self, account: str | None) -> int:
        """Let answers go that were kept back, all or those ordered for an account; return how many."""
        freed = [event for fault, event in self._held if account is None or fault.account in (None, account)]
        for event in freed:
            event.set()
        return len(freed)

    def _take(self, kinds: frozenset[str], provider: str, account: str, route: str) -> Fault | None:
        for fault in self.open:
            if fault.kind in kinds and fault.hits(provider, account, route) and self._strikes(fault):
                self._count(fault)
                return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        """Draw whether a fault with a `rate` strikes this time; the same order of calls draws the same."""
        chance = self._chances.setdefault(fault.seq, random.Random(fault.seq))  # noqa: S311 - repeatable on purpose
        return chance.random() < fault.number("rate", 1)

    def _count(self, fault: Fault) -> None:
        fault.times -= 1
        if fault.times <= 0:
            self.open.remove(fault)
            self.store.db.execute("DELETE FROM faults WHERE seq = ?", (fault.seq,))
        else:
            self.store.db.execute("UPDATE faults SET times = ? WHERE seq = ?", (fault.times, fault.seq))
