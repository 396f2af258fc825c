"""The relay's work: bookings and refunds begun, notices started, places freed; the inbox is next door."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from activities.relay.inbox import Inbox
from activities.relay.loop import BATCH, CHANNEL, Bell, Bells, keep_at
from activities.relay.telling import LEASE, SOON, Sagas, Untold, by_tenant, tell_each
from db import idempotency, limit, relay as due
from db.booking import end
from db.inventory import hold as holds
from db.refund import run
from db.session import Database, listen
from observability.metrics import RELAY_LAG_SECONDS, RELAY_TOLD
from providers.gateway import Gateways

# How often it is looked at what is due: a notification may be lost, a lease may run out.
LOOK_SECONDS = 1
# How often what nobody needs any more is tidied away.
FORGET_SECONDS = 60
# A caller's key stands for its request and answer so long (SAG-10, PAY-08).
KEY_KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Relay:
    """Looks for what is due, as the relay role, and tells it. `live` is whether real money moves here;
    `grace` goes into the requests of runs that it begins.
    """

    database: Database
    gateways: Gateways
    sagas: Sagas
    url: str
    live: bool
    grace: timedelta

    async def run(self) -> None:
        """Work until cancelled."""
        bells = Bells()
        inbox = Inbox(self.database, self.gateways, self.sagas, self.live, self.grace)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen(self.url, CHANNEL, bells.ring))
            tasks.create_task(keep_at("look", partial(self.look, bells), Bell(), every=LOOK_SECONDS))
            tasks.create_task(keep_at("outlived", self.forget_outlived, Bell(), every=FORGET_SECONDS))
            for kind, work in (
                ("booking", self.begin_bookings),
                ("refund", self.begin_refunds),
                ("fact", inbox.tell_facts),
                ("notice", self.start_notices),
                ("hold", self.free_places),
            ):
                tasks.create_task(keep_at(kind, work, bells.of(kind)))

    async def look(self, bells: Bells) -> int:
        """Find out what is due of which nobody told us, have it done, and say how long it has waited."""
        async with self.database.alone() as connection:
            waited = await due.lag(connection)
        for kind, seconds in waited.items():
            RELAY_LAG_SECONDS.labels(kind).set(seconds)
            if seconds > 0:
                bells.ring(kind)
        return 0

    async def begin_bookings(self) -> int:
        """Start the runs of accepted bookings; gives how many were due."""
        async with self.database.alone() as connection:
            requests = await due.lease_bookings(connection, limit=BATCH, lease=LEASE, grace=self.grace)
        told, untold = await tell_each(requests, self.sagas.begin)
        if told:
            async with self.database.alone() as connection:
                await end.mark_told(connection, told)
        RELAY_TOLD.labels("booking").inc(len(told))
        if untold:
            async with self.database.across() as connection:
                await due.put_back(connection, SOON, bookings=[request.booking_id for request in untold])
            raise Untold
        return len(requests)

    async def begin_refunds(self) -> int:
        """Start the runs of refunds that were asked for; gives how many were due."""
        async with self.database.alone() as connection:
            requests = await run.lease(connection, limit=BATCH, lease=LEASE)
        told, untold = await tell_each(requests, self.sagas.refund)
        if told:
            async with self.database.alone() as connection:
                await run.told(connection, told)
        RELAY_TOLD.labels("refund").inc(len(told))
        if untold:
            async with self.database.across() as connection:
                await run.put_back(connection, SOON, [request.refund_id for request in untold])
            raise Untold
        return len(requests)

    async def start_notices(self) -> int:
        """Start the sending of what people are owed; gives how many were due."""
        async with self.database.alone() as connection:
            owed = await due.lease_notices(connection, limit=BATCH, lease=LEASE)
        told, untold = await tell_each(owed, self.sagas.notify)
        if told:
            async with self.database.alone() as connection:
                await due.notices_told(connection, told)
        RELAY_TOLD.labels("notice").inc(len(told))
        if untold:
            async with self.database.across() as connection:
                await due.put_back(connection, SOON, notices=[notice.notice_id for notice in untold])
            raise Untold
        return len(owed)

    async def free_places(self) -> int:
        """Give back places that overdue holds still claim; gives of how many counters."""
        async with self.database.alone() as connection:
            found = await due.overdue(connection, limit=BATCH)
        for tenant_id, overdue in by_tenant(found):
            async with self.database.tenant(tenant_id) as connection:
                await holds.take_back(connection, tenant_id, sorted(each.counter_id for each in overdue))
        RELAY_TOLD.labels("hold").inc(len(found))
        return len(found)

    async def forget_outlived(self) -> int:
        """Forget what no rate limit counts any more, and keys that have been kept long enough; gives how
        many rows of whatever there is most of.
        """
        async with self.database.across() as connection:
            counted = await limit.forget(connection, at_most=BATCH)
        async with self.database.across() as connection:
            return max(counted, await idempotency.forget(connection, older_than=KEY_KEPT, limit=BATCH))
