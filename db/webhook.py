"""The inbox: authentic events of providers, stored once, as they came."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from uuid_utils.compat import uuid7

from db.session import Connection

STORE = """
insert into webhook_events (id, provider, account, event_id, kind, occurred_at, body, status, cause, next_at)
select told.*, case when status = 'parked' then 'infinity' else now() end
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
              $7::bytea[], $8::text[], $9::text[])
       as told (id, provider, account, event_id, kind, occurred_at, body, status, cause)
on conflict do nothing
"""


class Delivery(NamedTuple):
    """One event of a verified delivery; `body` is the delivery's raw bytes.

    `ignored` and `parked` say why it is not told: it moves nothing, or a person has to look at it first.
    """

    provider: str
    account: str
    event_id: str
    kind: str
    occurred_at: datetime | None
    body: bytes
    ignored: str = ""
    parked: str = ""


async def store(connection: Connection, deliveries: Sequence[Delivery]) -> int:
    """Store events, each once; gives how many were new. What is ignored or parked is kept, not told.

    In a transaction `across()` of the app role, which may write the inbox and not read it.
    """
    done = await connection.execute(
        STORE,
        [uuid7() for _ in deliveries],
        [delivery.provider for delivery in deliveries],
        [delivery.account for delivery in deliveries],
        [delivery.event_id for delivery in deliveries],
        [delivery.kind for delivery in deliveries],
        [delivery.occurred_at for delivery in deliveries],
        [delivery.body for delivery in deliveries],
        [_status(delivery) for delivery in deliveries],
        [delivery.parked or delivery.ignored for delivery in deliveries],
    )
    return int(done.removeprefix("INSERT 0 "))


def _status(delivery: Delivery) -> str:
    if delivery.parked:
        return "parked"
    return "ignored" if delivery.ignored else "received"
