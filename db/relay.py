"""What is due, across tenants: leased, told, marked.

A lease moves `next_at` on, further each time, and is committed before anybody is told; who dies in between
leaves a lease that runs out. Two relays never lease the same row at once (skip locked).
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from db.payment import fold
from db.session import Connection, Record
from domain.booking import BookingRequest, BookingStatus
from domain.catalog import SalesTerms
from domain.ids import BookingId, CounterId, NoticeId, PaymentId, TenantId
from domain.notice import SendNotice
from domain.payment import PaymentFact, is_as_asked

LEASE_BOOKINGS = """
with due as (
    select tenant_id, id from bookings
     where saga_started_at is null and next_at <= now()
     order by next_at limit $1 for update skip locked
)
update bookings b set next_at = now() + $2::interval * 2 ^ least(b.tellings, 6), tellings = b.tellings + 1
  from due where b.tenant_id = due.tenant_id and b.id = due.id
returning b.tenant_id, b.id, b.reference, b.offer_id, b.summary, b.terms
"""

LEASE_NOTICES = """
with due as (
    select tenant_id, id from notices
     where told_at is null and next_at <= now()
     order by next_at limit $1 for update skip locked
)
update notices n set next_at = now() + $2::interval * 2 ^ least(n.tellings, 6), tellings = n.tellings + 1
  from due where n.tenant_id = due.tenant_id and n.id = due.id
returning n.tenant_id, n.id
"""

LEASE_EVENTS = """
with due as (
    select id from webhook_events
     where told_at is null and status in ('received', 'parked', 'failed') and next_at <= now()
     order by next_at limit $1 for update skip locked
)
update webhook_events w set next_at = now() + $2, attempts = w.attempts + 1
  from due where w.id = due.id
returning w.id, w.provider, w.account, w.event_id, w.kind, w.body, w.attempts, w.received_at,
          w.tries <> '[]' as tried
"""

NOTICES_TOLD = """
update notices n set told_at = now()
  from unnest($1::uuid[], $2::uuid[]) as told (tenant_id, id)
 where n.tenant_id = told.tenant_id and n.id = told.id and n.told_at is null
"""

EVENT_TOLD = """
update webhook_events
   set status = $2, cause = $3, tenant_id = coalesce($4, tenant_id), payment_id = coalesce($5, payment_id),
       told_at = now(),
       tries = tries || jsonb_build_object('at', now(), 'status', $2::text, 'cause', $3::text)
 where id = $1 and told_at is null
"""

EVENT_PUT_OFF = """
update webhook_events
   set status = $2, cause = $3, next_at = coalesce(now() + $4, 'infinity'),
       tries = tries || jsonb_build_object('at', now(), 'status', $2::text, 'cause', $3::text,
                                           'next_at', now() + $4)
 where id = $1 and told_at is null
"""

# Not told because nobody could be told: due again soon, and the try does not count.
BOOKINGS_BACK = """
update bookings set next_at = now() + $2, tellings = greatest(tellings - 1, 0)
 where saga_started_at is null and id = any($1)
"""

NOTICES_BACK = """
update notices set next_at = now() + $2, tellings = greatest(tellings - 1, 0)
 where told_at is null and id = any($1)
"""

EVENTS_BACK = """
update webhook_events set next_at = now() + $2, attempts = greatest(attempts - 1, 0)
 where told_at is null and id = any($1)
"""

OVERDUE = """
select distinct tenant_id, counter_id from holds
 where status = 'active' and kept_until < now() limit $1
"""

BOOKING = """
select id, reference, offer_id, summary, terms, status from bookings where tenant_id = $1 and id = $2
"""

# A payment and its booking; whether what a fact tells ($3, about $4) was recorded, and its operation ($5) as
# money taken.
HEARD = """
select p.provider, p.account, p.amount_minor, p.currency, p.captured_minor, p.to_capture_minor,
       exists (select from payment_operations
                where tenant_id = $1 and payment_id = $2 and kind = $3 and operation = $4) as known,
       exists (select from payment_operations
                where tenant_id = $1 and payment_id = $2 and kind = 'captured' and operation = $5) as counted,
       b.id, b.reference, b.offer_id, b.summary, b.terms, b.status
  from payments p join bookings b on b.tenant_id = p.tenant_id and b.id = p.booking_id
 where p.tenant_id = $1 and p.id = $2
"""

# How long what has been due for longest waits already; each looks at the first row of an index. An event that
# waits for a person stands at infinity, from which PostgreSQL 15 and 16 subtract nothing.
LAG = """
select kind, extract(epoch from now() - next_at)::float as seconds
  from (select 'booking' as kind, (select next_at from bookings
                                    where saga_started_at is null and next_at < now()
                                    order by next_at limit 1) as next_at
        union all
        select 'refund', (select next_at from refunds where told_at is null and next_at < now()
                           order by next_at limit 1)
        union all
        select 'fact', (select next_at from webhook_events where told_at is null and next_at < now()
                           and status in ('received', 'parked', 'failed') order by next_at limit 1)
        union all
        select 'notice', (select next_at from notices where told_at is null and next_at < now()
                           order by next_at limit 1)
        union all
        select 'hold', (select kept_until from holds where status = 'active' and kept_until < now()
                         order by kept_until limit 1)) due
"""

# Who pays at once begins the booking's run by that; the relay begins those that nobody has begun by then.
HEAD_START = timedelta(seconds=0.5)

WAKE = "select pg_notify('holdfast_relay', work) from unnest($1::text[]) as work"
# What the relay may be woken for: kinds of what is due; for all of them by the empty text.
BEGIN_BOOKINGS, TELL_FACTS = "booking", "fact"


class Event(NamedTuple):
    """A leased event of the inbox; `attempts` counts this lease; `tried` says that it was read before."""

    id: UUID
    provider: str
    account: str
    event_id: str
    kind: str
    body: bytes
    attempts: int
    received_at: datetime
    tried: bool


class Overdue(NamedTuple):
    """A counter of which places are claimed by holds that are over."""

    tenant_id: TenantId
    counter_id: CounterId


class Owner(NamedTuple):
    """Whom a fact is told: the booking, and the state it is in."""

    request: BookingRequest
    status: BookingStatus


class Heard(NamedTuple):
    """What is recorded of the payment that a fact is about: who is to be told, where it is made, whether what
    the fact tells is `known`, whether its operation is `counted` as money taken, and whether a charge or
    capture moved what was asked for.
    """

    owner: Owner
    provider: str
    account: str
    captured_minor: int
    known: bool
    counted: bool
    as_asked: bool


async def wake(connection: Connection, works: Collection[str] = ("",)) -> None:
    """Tell the relays that something has become due, of these kinds or of any."""
    await connection.execute(WAKE, works)


async def lease_bookings(
    connection: Connection, *, limit: int, lease: timedelta, grace: timedelta
) -> list[BookingRequest]:
    """Lease bookings that Temporal has not heard of; `grace` goes into their requests."""
    rows = await connection.fetch(LEASE_BOOKINGS, limit, lease)
    return [_request(row["tenant_id"], row, grace) for row in rows]


async def lease_notices(connection: Connection, *, limit: int, lease: timedelta) -> list[SendNotice]:
    """Lease notices whose sending has not begun."""
    rows = await connection.fetch(LEASE_NOTICES, limit, lease)
    return [SendNotice(tenant_id=row["tenant_id"], notice_id=row["id"]) for row in rows]


async def notices_told(connection: Connection, notices: Sequence[SendNotice]) -> None:
    """Note that the sending of these notices has begun."""
    tenants, ids = [notice.tenant_id for notice in notices], [notice.notice_id for notice in notices]
    await connection.execute(NOTICES_TOLD, tenants, ids)


async def lease_events(connection: Connection, *, limit: int, lease: timedelta) -> list[Event]:
    """Lease events of the inbox that are untold: received, parked or failed before."""
    return [Event(**row) for row in await connection.fetch(LEASE_EVENTS, limit, lease)]


async def event_told(
    connection: Connection,
    event_id: UUID,
    *,
    status: str,
    cause: str = "",
    tenant_id: TenantId | None = None,
    payment_id: PaymentId | None = None,
) -> None:
    """Close an event: `processed` or `ignored`, and whose payment it was about."""
    await connection.execute(EVENT_TOLD, event_id, status, cause, tenant_id, payment_id)


async def event_put_off(
    connection: Connection, event_id: UUID, *, status: str, cause: str, again_in: timedelta | None
) -> None:
    """Put an event aside: `parked` or `failed` until tried again, or `dead` until a person replays it."""
    await connection.execute(EVENT_PUT_OFF, event_id, status, cause, again_in)


async def put_back(
    connection: Connection,
    soon: timedelta,
    *,
    bookings: Sequence[BookingId] = (),
    notices: Sequence[NoticeId] = (),
    events: Sequence[UUID] = (),
) -> None:
    """Give leases back that were of no use, because nobody could be told: due again `soon`, as if untried."""
    for statement, ids in ((BOOKINGS_BACK, bookings), (NOTICES_BACK, notices), (EVENTS_BACK, events)):
        if ids:
            await connection.execute(statement, ids, soon)


async def overdue(connection: Connection, *, limit: int) -> list[Overdue]:
    """List counters with places to take back; `db.inventory.hold.take_back` frees them, tenant by tenant."""
    return [Overdue(**row) for row in await connection.fetch(OVERDUE, limit)]


async def lag(connection: Connection) -> dict[str, float]:
    """Tell of each kind how many seconds the oldest that is due has waited: booking, refund, fact, notice,
    and hold that is over; 0 when none is.
    """
    return {row["kind"]: row["seconds"] or 0.0 for row in await connection.fetch(LAG)}


async def owner(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, *, grace: timedelta
) -> Owner | None:
    """Find whom to tell a fact about a payment of this booking, with the tenant set."""
    row = await connection.fetchrow(BOOKING, tenant_id, booking_id)
    return _owner(tenant_id, row, grace) if row else None


async def heard(
    connection: Connection, tenant_id: TenantId, fact: PaymentFact, *, grace: timedelta
) -> Heard | None:
    """Tell what is recorded of the payment that a fact is about, if it is one of the tenant's."""
    told, taken = fold.about(fact), fact.operation or fact.provider_ref
    row = await connection.fetchrow(HEARD, tenant_id, fact.payment_id, fact.kind.value, told, taken)
    if row is None:
        return None
    known = row["known"]
    if fold.is_of_all_refunds(fact):
        known = await fold.is_known(connection, tenant_id, fact)
    return Heard(
        owner=_owner(tenant_id, row, grace),
        provider=row["provider"],
        account=row["account"],
        captured_minor=row["captured_minor"],
        known=known,
        counted=row["counted"],
        as_asked=is_as_asked(fact, *fold.asked(row)),
    )


def _owner(tenant_id: TenantId, row: Record, grace: timedelta) -> Owner:
    return Owner(_request(tenant_id, row, grace), BookingStatus(row["status"]))


def _request(tenant_id: TenantId, row: Record, grace: timedelta) -> BookingRequest:
    terms = SalesTerms.model_validate(row["terms"])
    return BookingRequest(
        tenant_id=tenant_id,
        booking_id=row["id"],
        reference=row["reference"],
        offer_id=row["offer_id"],
        summary=row["summary"],
        grace=grace,
        attempts=terms.payment_attempts,
        partner_within=terms.partner_within,
    )
