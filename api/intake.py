"""Stores what providers deliver, in groups. Nobody hears that his own is stored before the transaction that
holds it is committed.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from api.group import Groups
from db import webhook as inbox
from db.session import Connection, Database
from db.webhook import Delivery
from observability.metrics import WEBHOOKS

# Bodies are some kilobytes, a megabyte at the most.
LARGEST_GROUP = 64


class Told(NamedTuple):
    """The events of one request."""

    provider: str
    deliveries: Sequence[Delivery]


class Intake:
    """Writes what comes together in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._groups = Groups(self._together, self._alone, largest=LARGEST_GROUP)

    async def store(self, provider: str, deliveries: Sequence[Delivery]) -> None:
        """Store a provider's events, each once. Raises what went wrong; then they may be stored or not."""
        await self._groups.ask(Told(provider, deliveries))

    async def _alone(self, told: Told) -> bool:
        await self._together([told])
        return True

    async def _together(self, group: Sequence[Told]) -> list[bool]:
        told: dict[str, list[Delivery]] = {}
        for one in group:
            told.setdefault(one.provider, []).extend(one.deliveries)
        async with self._lent(told) as connection:
            new = {name: await inbox.store(connection, deliveries) for name, deliveries in told.items()}
        for name, deliveries in told.items():
            WEBHOOKS.labels(name, "stored").inc(new[name])
            WEBHOOKS.labels(name, "known").inc(len(deliveries) - new[name])
        return [True] * len(group)

    def _lent(self, told: Mapping[str, Sequence[Delivery]]) -> AbstractAsyncContextManager[Connection]:
        """Lend a transaction; a single statement is one by itself, which saves two round trips."""
        single = len(told) == 1 and not any(each.parked for events in told.values() for each in events)
        return self._database.alone() if single else self._database.across()
