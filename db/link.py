"""Payment links: what a buyer is sent to pay a booking by. One of a booking is in force, the last.

Written by the payment role. Links of one booking are made one after the other, under a lock of the booking's
id alone, for this role changes no booking.
"""

from datetime import datetime
from typing import NamedTuple

from db import notice
from db.session import Connection
from domain.ids import BookingId, LinkId, TenantId
from domain.notice import NoticeKind
from domain.refusal import Unknown

LOCK = "select pg_advisory_xact_lock(hashtextextended('payment link:' || $1::uuid::text, 0))"

REVOKE_OTHERS = """
update payment_links set revoked_at = now()
 where tenant_id = $1 and booking_id = $2 and id <> $3 and revoked_at is null
"""

ACTIVE = """
select id from payment_links
 where tenant_id = $1 and booking_id = $2 and revoked_at is null and expires_at > now()
"""

# Until when there is time to pay again, and how often it was declined: nothing where no attempt is left.
LEFT = """
select b.expires_at, tried.declines
  from bookings b
  cross join lateral (
      select sum(p.declines)::int as declines from payments p where p.tenant_id = $1 and p.booking_id = $2
  ) tried
 where b.tenant_id = $1 and b.id = $2 and b.status in ('held', 'awaiting_payment') and b.expires_at > now()
   and tried.declines < (b.terms ->> 'payment_attempts')::int
"""

CREATE = """
insert into payment_links (tenant_id, id, booking_id, n, created_by, expires_at)
select $1, $2, $3, coalesce(max(n), 0) + 1, $4, $5 from payment_links where tenant_id = $1 and booking_id = $3
"""

LINK = """
select id, booking_id, n, expires_at, revoked_at, revoked_at is null and expires_at > now() as is_active
  from payment_links where tenant_id = $1 and id = $2
"""

REVOKE = """
update payment_links set revoked_at = coalesce(revoked_at, now()) where tenant_id = $1 and id = $2
returning id
"""


class Link(NamedTuple):
    """A link; `is_active` says by the database's clock that it is neither revoked nor over."""

    id: LinkId
    booking_id: BookingId
    n: int
    expires_at: datetime
    revoked_at: datetime | None
    is_active: bool


async def create(
    connection: Connection,
    tenant_id: TenantId,
    link_id: LinkId,
    booking_id: BookingId,
    *,
    created_by: str,
    expires_at: datetime,
) -> Link:
    """Make a link in place of the booking's earlier ones, and owe its buyer the mail that brings it.

    A repeat gives the first, as it stands.
    """
    await connection.execute(LOCK, booking_id)
    made_before = await connection.fetchrow(LINK, tenant_id, link_id)
    if made_before is not None:
        return Link(**made_before)
    await connection.execute(REVOKE_OTHERS, tenant_id, booking_id, link_id)
    await connection.execute(CREATE, tenant_id, link_id, booking_id, created_by, expires_at)
    link = await find(connection, tenant_id, link_id)
    data = {"link_id": str(link_id)}
    await notice.owe(connection, tenant_id, booking_id, NoticeKind.PAYMENT_LINK, version=link.n, data=data)
    return link


async def offer_again(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, link_id: LinkId
) -> None:
    """Owe the buyer a mail about a decline, with the link in force or else a new one, while there is time and
    an attempt left to pay again.
    """
    left = await connection.fetchrow(LEFT, tenant_id, booking_id)
    if left is None:
        return
    await connection.execute(LOCK, booking_id)
    active = await connection.fetchval(ACTIVE, tenant_id, booking_id)
    if active is None:
        await connection.execute(REVOKE_OTHERS, tenant_id, booking_id, link_id)
        await connection.execute(CREATE, tenant_id, link_id, booking_id, "holdfast", left["expires_at"])
    kind, data = NoticeKind.PAYMENT_DECLINED, {"link_id": str(active or link_id)}
    await notice.owe(connection, tenant_id, booking_id, kind, version=left["declines"], data=data)


async def find(connection: Connection, tenant_id: TenantId, link_id: LinkId) -> Link:
    """Find a link. Refuses Unknown."""
    row = await connection.fetchrow(LINK, tenant_id, link_id)
    if row is None:
        raise Unknown("There is no such link.")
    return Link(**row)


async def revoke(connection: Connection, tenant_id: TenantId, link_id: LinkId) -> None:
    """Let nobody open a link any more; a repeat changes nothing. Refuses Unknown."""
    if await connection.fetchval(REVOKE, tenant_id, link_id) is None:
        raise Unknown("There is no such link.")
