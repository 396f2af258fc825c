"""The event feed: what happened, in order and without a gap per subject, for whoever reads from a cursor.

Append under the lock of the subject's own row (booking, payment, ticket …): then no two transactions number
the same subject's events at once. A reader of the whole feed stops at the oldest transaction still running:
by `seq` alone it would pass over what a slower transaction commits later.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from db import session
from db.session import Connection, Record
from domain.event import OF_BOOKING, Event
from domain.ids import TenantId

APPEND = """
insert into events (tenant_id, subject, n, type, data)
select $1, told.subject,
       coalesce((select max(n) from events where tenant_id = $1 and subject = told.subject), 0)
           + row_number() over (partition by told.subject order by told.place),
       told.type, told.data
  from rows from (jsonb_to_recordset($2) as (subject uuid, type text, data jsonb))
       with ordinality as told (subject, type, data, place)
 order by told.place
"""

OF_SUBJECT = """
select seq, xid, subject, n, type, data, at from events
 where tenant_id = $1 and subject = $2 and n > $3 order by n limit $4
"""

# Each subject for itself: joined, all events of a tenant may be read for those of one.
OF_SUBJECTS = """
select e.seq, e.xid, e.subject, e.n, e.type, e.data, e.at
  from unnest($2::uuid[], $3::int[]) as known (subject, n)
 cross join lateral (select * from events where tenant_id = $1 and subject = known.subject and n > known.n
                      order by n limit $4) as e
 order by e.subject, e.n limit $4
"""

FEED = """
select seq, xid, subject, n, type, data, at from events
 where (xid, seq) > ($1, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
 order by xid, seq limit $3
"""


class Told(NamedTuple):
    """Something to tell: its subject, type (`domain.event`) and facts, without a person's data."""

    subject: UUID
    type: str
    data: Mapping[str, Any]


async def append(connection: Connection, tenant_id: TenantId, *events: Told) -> None:
    """Append events in this order, in the transaction that makes them true; who follows a booking is told
    once it is committed.
    """
    if events:
        await connection.execute(APPEND, tenant_id, rows(events))
        tell(connection, events)


def rows(events: Sequence[Told]) -> list[dict[str, Any]]:
    """Write events as a statement that appends them takes them."""
    return [{"subject": str(told.subject), "type": told.type, "data": told.data} for told in events]


def tell(connection: Connection, events: Sequence[Told]) -> None:
    """Have who follows a booking told of events that were appended, once they are committed."""
    session.tell(connection, {told.subject for told in events if told.type in OF_BOOKING})


async def of_subject(
    connection: Connection, tenant_id: TenantId, subject: UUID, *, after: int = 0, limit: int = 200
) -> list[Event]:
    """List the events of one subject that follow its `after`-th, in order."""
    return _events(await connection.fetch(OF_SUBJECT, tenant_id, subject, after, limit))


async def of_subjects(
    connection: Connection, tenant_id: TenantId, after: Mapping[UUID, int], *, limit: int = 1000
) -> list[Event]:
    """List the events of many subjects, of each those that follow its `after`-th, in order."""
    return _events(await connection.fetch(OF_SUBJECTS, tenant_id, list(after), list(after.values()), limit))


async def feed(connection: Connection, *, xid: int = 0, seq: int = 0, limit: int = 200) -> list[Event]:
    """List what follows the cursor (`xid`, `seq`) in the whole feed, as far as nothing can come in between.

    The last event's (`xid`, `seq`) is the next cursor.
    """
    return _events(await connection.fetch(FEED, xid, seq, limit))


def _events(rows: Sequence[Record]) -> list[Event]:
    return [Event(**row) for row in rows]
