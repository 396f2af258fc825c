"""The deliverer of events, which keeps trying.

The text of an event is fixed once; every attempt is signed anew. Signatures are stamped with the wall clock,
for the receiver has not travelled in time with the account.
"""

import asyncio
import contextlib
import json
import logging
import math
import sqlite3
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp

from sandbox.event import Endpoint, Event
from sandbox.identifier import derive
from sandbox.record import Json, NotFound
from sandbox.work import Packer, Teller, World

log = logging.getLogger("sandbox.webhook")

TIMEOUT_SECONDS = 10
AT_ONCE = 32


class Deliverer:
    """Sends what is due, many at once, and tries again later what was not taken."""

    def __init__(self, world: World, retry_seconds: tuple[float, ...] | None) -> None:
        self.world, self.retry_seconds = world, retry_seconds
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._flying: dict[int, asyncio.Task[None]] = {}
        self._rests_until: dict[str, float] = {}  # by endpoint, on the wall clock

    def wake(self) -> None:
        """Look again for what is due."""
        self._idle.clear()
        self._wake.set()

    async def idle(self) -> None:
        """Wait until nothing is due or on its way."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send deliveries as they fall due, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as http:
            try:
                while True:
                    self._wake.clear()
                    await self._wait(self._send_due(http))
            finally:
                for task in self._flying.values():
                    task.cancel()

    def _send_due(self, http: aiohttp.ClientSession) -> float | None:
        """Start what is due; return the seconds until the next delivery, None if there is none."""
        now = self.world.clock.wall()
        rows = self.world.store.db.execute(
            "SELECT * FROM deliveries WHERE status = 'pending' ORDER BY due, seq LIMIT ?", (2 * AT_ONCE + 1,)
        ).fetchall()
        waiting = [row for row in rows if row["seq"] not in self._flying]
        next_at, resting = math.inf, False
        for row in waiting:
            if row["due"] > now:
                next_at = min(next_at, row["due"])
                break
            if row["seq"] in self._flying:
                continue  # it goes out with one before it
            if len(self._flying) >= AT_ONCE:
                return None  # a delivery that ends wakes us
            packer = self._packer(row)
            rests_until = 0.0 if packer is None else self._rests_until.get(row["endpoint"], 0.0)
            if rests_until > now:
                next_at, resting = min(next_at, rests_until), True
                continue
            if packer is not None:
                self._rests_until[row["endpoint"]] = now + packer.company_seconds
            together = self._together(row, packer, [each for each in waiting if each["due"] <= now])
            self._start(self._deliver(http, together), together)
        if not self._flying and not resting:
            self._idle.set()
        return None if next_at == math.inf else max(0.0, next_at - now)

    def _start(self, delivery: Coroutine[Any, Any, None], rows: Sequence[Json]) -> None:
        task = asyncio.create_task(delivery)
        for row in rows:
            self._flying[row["seq"]] = task
            task.add_done_callback(partial(self._landed, row["seq"]))

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _landed(self, seq: int, task: asyncio.Task[None]) -> None:
        self._flying.pop(seq, None)
        if (
            not task.cancelled() and task.exception() is not None
        ):  # a defect of ours: shown, and not tried for ever
            log.error("delivery %s broke", seq, exc_info=task.exception())
            self.world.store.db.execute("UPDATE deliveries SET status = 'broken' WHERE seq = ?", (seq,))
        self._wake.set()

    def _packer(self, row: sqlite3.Row) -> Packer | None:
        """Return the provider that sends a delivery with others, None if it goes alone."""
        account = self.world.account_by_id(row["account"])
        packer = None if account is None else self.world.packers.get(account.provider)
        return None if packer is None or _is_forged(row) or not packer.packs(row["type"]) else packer

    def _together(self, first: sqlite3.Row, packer: Packer | None, due: Sequence[sqlite3.Row]) -> list[Json]:
        """Return what goes out with a delivery: more for the same endpoint, where the provider packs."""
        if packer is None:
            return [dict(first)]
        alike = [
            each
            for each in due
            if each["endpoint"] == first["endpoint"]
            and each["seq"] not in self._flying
            and packer.packs(each["type"])
            and not _is_forged(each)
        ]
        return [dict(each) for each in alike[: packer.most_at_once]]

    async def _deliver(self, http: aiohttp.ClientSession, rows: Sequence[Json]) -> None:
        """Make one attempt to deliver these, which go to the same endpoint."""
        note: Json = {"at": self.world.clock.wall()}
        account = self.world.account_by_id(rows[0]["account"])
        try:
            if account is None:
                return
            events = [self.world.store.named(Event, row["event"]) for row in rows]
            endpoint = self.world.store.get(Endpoint, rows[0]["account"], rows[0]["endpoint"])
        except NotFound:
            for row in rows:
                self._end(row, "gone", note)
            return
        teller, packer = self.world.tellers[account.provider], self.world.packers.get(account.provider)
        secret, stamp = _signing(endpoint, json.loads(rows[0]["trick"]), int(note["at"]))
        bodies = [event.body.encode() for event in events]
        body = bodies[0] if packer is None else packer.packed(bodies, secret=secret)
        headers = teller.signed(endpoint, body, secret=secret, stamp=stamp)
        taken = await self._posted(http, teller, endpoint.url, body, headers, note)
        with self.world.store.transaction():
            for row in rows:
                self._end(row, "delivered" if taken else "failed", note, teller.retry_seconds)
            if taken:
                self._let_follow(rows[-1])

    async def _posted(
        self,
        http: aiohttp.ClientSession,
        teller: Teller,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        note: Json,
    ) -> bool:
        """Return whether it was taken, and note what was answered."""
        try:
            async with http.post(url, data=body, headers=headers, allow_redirects=False) as response:
                answer = await response.content.read(64 * 1024)
                note["status"] = response.status
                return teller.accepted(response.status, answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            note["error"] = f"{type(error).__name__}: {error}"[:200]
            return False

    def _end(self, row: Json, status: str, note: Json, ladder: tuple[float, ...] = ()) -> None:
        history: list[Any] = [*json.loads(row["log"]), note]
        ladder = ladder if self.retry_seconds is None else self.retry_seconds
        due = row["due"]
        if status == "failed" and len(history) <= len(ladder):
            wait = ladder[len(history) - 1]
            history[-1] = {**note, "again_seconds": wait}
            status, due = "pending", self.world.clock.wall() + wait
        self.world.store.db.execute(
            "UPDATE deliveries SET status = ?, due = ?, log = ? WHERE seq = ?",
            (status, due, json.dumps(history), row["seq"]),
        )

    def _let_follow(self, taken: Json) -> None:
        """Send what a fault has kept back until a later delivery to the same endpoint was taken."""
        self.world.store.db.execute(
            "UPDATE deliveries SET status = 'pending', due = ? WHERE endpoint = ? AND seq < ?"
            " AND status = 'held' AND json_extract(trick, '$.kind') = 'webhook_reorder'",
            (self.world.clock.wall(), taken["endpoint"], taken["seq"]),
        )


def _signing(endpoint: Endpoint, trick: Json, stamp: int) -> tuple[str, int]:
    """Return secret and stamp that an attempt is signed with, as it should be or as a fault has it."""
    secret = endpoint.secret
    if trick.get("kind") == "webhook_stale":
        stamp -= int(trick.get("seconds", 3600))
    if trick.get("kind") == "webhook_wrong_secret":
        secret = _foreign(secret)
    return secret, stamp


def _is_forged(row: sqlite3.Row) -> bool:
    return json.loads(row["trick"]).get("kind") in ("webhook_stale", "webhook_wrong_secret")


def _foreign(secret: str) -> str:
    """Return a secret of the same shape that is nobody's; keys in hexadecimal stay so."""
    letters = derive("foreign", secret, length=len(secret) - 6)
    if all(each in "0123456789ABCDEFabcdef" for each in secret):
        letters = letters.encode().hex()[: len(secret) - 6]
    return secret[:6] + letters


def deliveries(world: World, where: str, values: tuple[Any, ...]) -> list[Json]:
    """Return deliveries as the control API shows them, oldest first; `where` is SQL on the table."""
    sql = f"SELECT * FROM deliveries WHERE {where} ORDER BY seq"  # noqa: S608 (`where` is our own)
    rows = world.store.db.execute(sql, values)
    return [
        {
            "id": row["seq"],
            "event": row["event"],
            "type": row["type"],
            "endpoint": row["endpoint"],
            "status": row["status"],
            "due": row["due"],
            "trick": json.loads(row["trick"]),
            "attempts": json.loads(row["log"]),
        }
        for row in rows
    ]
