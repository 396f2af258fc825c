"""Stores what providers deliver, in groups: while one group is being written, the next one gathers.

A commit waits for the disk whatever it holds, so deliveries that come together share one. Nobody hears that
his own is stored before the transaction that holds it is committed.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from db import webhook as inbox
from db.session import Database, is_outage
from db.webhook import Delivery
from observability.metrics import WEBHOOKS

# Bodies are some kilobytes, a megabyte at the most.
LARGEST_GROUP = 64


class Waiting(NamedTuple):
    """The events of one request, and whoever waits until they are stored."""

    provider: str
    deliveries: Sequence[Delivery]
    stored: "asyncio.Future[None]"


class Intake:
    """Writes one group after the other. In an outage all of a group hear of it; a group that fails otherwise
    is written one by one, so that what cannot be stored takes nothing else along.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Waiting] = []
        self._come = asyncio.Event()

    async def store(self, provider: str, deliveries: Sequence[Delivery]) -> None:
        """Store a provider's events, each once. Raises what went wrong; then they may be stored or not."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(provider, deliveries, stored))
        self._come.set()
        await stored

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._come.wait()
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            if not self._waiting:
                self._come.clear()
            await self._write(group)

    async def _write(self, group: Sequence[Waiting]) -> None:
        try:
            await self._store(group)
        except Exception as error:  # noqa: BLE001 - whoever waits hears of it
            if len(group) == 1 or is_outage(error):
                _tell(group, error)
                return
            for one in group:
                await self._write([one])
        else:
            _tell(group)

    async def _store(self, group: Sequence[Waiting]) -> None:
        told: dict[str, list[Delivery]] = {}
        for one in group:
            told.setdefault(one.provider, []).extend(one.deliveries)
        async with self._database.across() as connection:
            new = {name: await inbox.store(connection, deliveries) for name, deliveries in told.items()}
        for name, deliveries in told.items():
            WEBHOOKS.labels(name, "stored").inc(new[name])
            WEBHOOKS.labels(name, "known").inc(len(deliveries) - new[name])


def _tell(group: Sequence[Waiting], error: Exception | None = None) -> None:
    for one in group:
        if one.stored.done():
            continue  # its caller has gone
        if error is None:
            one.stored.set_result(None)
        else:
            one.stored.set_exception(error)
