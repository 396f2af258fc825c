"""The inbox: authentic events of providers, stored once, as they came; and what operators do with them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from db import case
from db.session import Connection, Database
from domain.case import CaseKind
from domain.ids import PaymentId, TenantId
from domain.refusal import EventClosed, Unknown
from domain.value import Value

# What is not to be told is never due: the relay would look at all of it before what is.
STORE = """
insert into webhook_events
       (id, provider, account, event_id, kind, occurred_at, body, status, cause, about, next_at)
select told.*, case when status = 'received' then now() else 'infinity' end
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
              $7::bytea[], $8::text[], $9::text[], $10::uuid[])
       as told (id, provider, account, event_id, kind, occurred_at, body, status, cause, about)
on conflict do nothing
"""

# Without bodies: they hold what buyers told their provider. Newest first; $6 is the last of the page before.
PAGE = """
select id, provider, account, event_id, kind, occurred_at, received_at, status, cause, attempts,
       nullif(next_at, 'infinity') as next_at, told_at, tenant_id, payment_id, tries
  from webhook_events
 where ($1::text[] is null or status = any($1))
   and ($2::text is null or provider = $2)
   and ($3::text is null or kind = $3)
   and ($4::text is null or cause = $4)
   and ($6::uuid is null or id < $6)
 order by id desc limit $5
"""

EVENT = """
select id, provider, account, event_id, kind, occurred_at, received_at, status, cause, attempts,
       nullif(next_at, 'infinity') as next_at, told_at, tenant_id, payment_id, tries
  from webhook_events where id = $1
"""

OF_PAYMENT = """
select id, provider, account, event_id, kind, occurred_at, received_at, status, cause, attempts,
       nullif(next_at, 'infinity') as next_at, told_at, tenant_id, payment_id, tries
  from webhook_events where tenant_id = $1 and payment_id = $2 order by id limit $3
"""

# What was quarantined is not believed.
TOLD = """
select body from webhook_events
 where about = $1 and provider = $2 and account = $3 and cause not in ('wrong_mode', 'wrong_merchant')
 order by id
"""

REPORTS = """
select body from webhook_events
 where kind = 'REPORT_AVAILABLE' and provider = $1 and account = $2
   and cause not in ('wrong_mode', 'wrong_merchant')
 order by id desc limit 400
"""

PAYABLE_UNTIL = """
select (checkout ->> 'expires_at')::timestamptz from payments
 where provider_ref = $1 and provider = $2 and account = $3
"""

BODY = "select body from webhook_events where id = $1"

# Due now, with all its tries before it; what is due already stays as it is.
REPLAY = """
update webhook_events set status = 'received', cause = '', attempts = 0, next_at = now(), told_at = null
 where id = $1 and not (status = 'received' and told_at is null)
"""

IGNORE = """
update webhook_events set status = 'ignored', cause = 'by_operator', told_at = now()
 where id = $1 and status in ('received', 'parked', 'failed', 'dead')
"""


class EventStatus(StrEnum):
    """Where an event of the inbox stands.

    received (told soon) → processed or ignored; parked and failed are tried again, at most five times; dead
    ones, and those parked when they came, wait for a person.
    """

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    PARKED = "parked"
    FAILED = "failed"
    DEAD = "dead"


class Delivery(NamedTuple):
    """One event of a verified delivery; `body` is the delivery's raw bytes.

    `ignored` and `parked` say why it is not told: it moves nothing, or a person has to look at it first.
    `about` is the payment that it calls itself about.
    """

    provider: str
    account: str
    event_id: str
    kind: str
    occurred_at: datetime | None
    body: bytes
    ignored: str = ""
    parked: str = ""
    about: PaymentId | None = None


class Try(Value):
    """One reading of an event, and what became of it; `next_at` is when it was to be tried again."""

    at: datetime
    status: EventStatus
    cause: str
    next_at: datetime | None = None


class StoredEvent(Value):
    """An event of the inbox, without its body. `next_at` is when it is tried next, if it is."""

    id: UUID
    provider: str
    account: str
    event_id: str
    kind: str
    occurred_at: datetime | None
    received_at: datetime
    status: EventStatus
    cause: str
    attempts: int
    next_at: datetime | None
    told_at: datetime | None
    tenant_id: TenantId | None
    payment_id: PaymentId | None
    tries: tuple[Try, ...]


async def store(connection: Connection, deliveries: Sequence[Delivery]) -> int:
    """Store events, each once; gives how many were new. What is ignored or parked is kept, not told.

    A case is opened for each that is parked. In a transaction `across()` of the app role.
    """
    new = await _store(connection, [each for each in deliveries if not each.parked])
    for parked in (each for each in deliveries if each.parked):
        event_id = uuid7()
        if await _store(connection, [parked], event_id):
            await case.open_case(connection, None, CaseKind.WEBHOOK, event_id, cause=parked.parked)
            new += 1
    return new


async def page(
    connection: Connection,
    *,
    statuses: Sequence[EventStatus] | None = None,
    provider: str | None = None,
    kind: str | None = None,
    cause: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[StoredEvent]:
    """List events that the caller may see, newest first, behind the event `after`; at most `limit`."""
    rows = await connection.fetch(PAGE, statuses, provider, kind, cause, limit, after)
    return [_event(dict(row)) for row in rows]


async def find(connection: Connection, event_id: UUID) -> StoredEvent:
    """Find an event that the caller may see. Refuses Unknown."""
    row = await connection.fetchrow(EVENT, event_id)
    if row is None:
        raise Unknown("There is no such event.")
    return _event(dict(row))


async def of_payment(
    connection: Connection, tenant_id: TenantId, payment_id: PaymentId, *, limit: int = 200
) -> Sequence[StoredEvent]:
    """List what was told about a payment, the first first."""
    rows = await connection.fetch(OF_PAYMENT, tenant_id, payment_id, limit)
    return [_event(dict(row)) for row in rows]


async def body(connection: Connection, event_id: UUID) -> bytes:
    """Give the raw bytes that an event came in: they hold personal data. Refuses Unknown."""
    raw: bytes | None = await connection.fetchval(BODY, event_id)
    if raw is None:
        raise Unknown("There is no such event.")
    return raw


async def replay(connection: Connection, event_id: UUID) -> None:
    """Make an event due again, whatever became of it: what was done on its account is not done twice."""
    await connection.execute(REPLAY, event_id)


async def ignore(connection: Connection, event_id: UUID) -> None:
    """Close an event that nobody shall act on. Refuses EventClosed for one that is processed or ignored."""
    if await connection.execute(IGNORE, event_id) == "UPDATE 0":
        raise EventClosed("This event is processed or ignored already.")


class Told:
    """What one account was told, for a gateway to a provider that cannot be asked; as the payment role."""

    def __init__(self, database: Database, provider: str, account: str) -> None:
        self._database, self._of = database, (provider, account)

    async def told(self, payment_id: PaymentId) -> Sequence[bytes]:
        """Give the deliveries about a payment as they came, the first first; one of several events may come
        as often.
        """
        async with self._database.across(shown=str(payment_id)) as connection:
            return [row["body"] for row in await connection.fetch(TOLD, payment_id, *self._of)]

    async def reports(self) -> Sequence[bytes]:
        """Give the deliveries that tell of reports, the newest first; at most 400."""
        async with self._database.across() as connection:
            return [row["body"] for row in await connection.fetch(REPORTS, *self._of)]

    async def payable_until(self, payment_id: PaymentId) -> datetime | None:
        """Give the end of a payment's checkout, UTC; nothing where none was written down."""
        async with self._database.across(shown=str(payment_id)) as connection:
            ends: datetime | None = await connection.fetchval(PAYABLE_UNTIL, str(payment_id), *self._of)
            return ends


async def _store(connection: Connection, deliveries: Sequence[Delivery], *ids: UUID) -> int:
    if not deliveries:
        return 0
    done = await connection.execute(
        STORE,
        ids or [uuid7() for _ in deliveries],
        [delivery.provider for delivery in deliveries],
        [delivery.account for delivery in deliveries],
        [delivery.event_id for delivery in deliveries],
        [delivery.kind for delivery in deliveries],
        [delivery.occurred_at for delivery in deliveries],
        [delivery.body for delivery in deliveries],
        [_status(delivery).value for delivery in deliveries],
        [delivery.parked or delivery.ignored for delivery in deliveries],
        [delivery.about for delivery in deliveries],
    )
    return int(done.removeprefix("INSERT 0 "))


def _status(delivery: Delivery) -> EventStatus:
    if delivery.parked:
        return EventStatus.PARKED
    return EventStatus.IGNORED if delivery.ignored else EventStatus.RECEIVED


def _event(row: dict[str, Any]) -> StoredEvent:
    return StoredEvent.model_validate(row)
