"""Where a booking, its latest hold and its payments stand."""

from db.session import Connection, Record
from domain.ids import BookingId, TenantId
from domain.refusal import Unknown

STANDING = """
select b.status, b.slot_id, b.due_minor, b.total_minor, b.currency, b.expires_at, b.terms, now() as at,
       hold.rows, hold.active, hold.bought, hold.kept_until,
       (select jsonb_agg(to_jsonb(p) order by p.created_at, p.id)
          from (select id, amount_minor, currency, provider, account, manual, review, settles_seconds, status,
                       declines, created_at
                  from payments where tenant_id = b.tenant_id and booking_id = b.id) p) as payments
  from bookings b
  cross join lateral (
      select count(*) as rows, count(*) filter (where h.status = 'active') as active,
             count(*) filter (where h.status = 'purchased') as bought, min(h.kept_until) as kept_until
        from holds h
       where h.tenant_id = b.tenant_id and h.booking_id = b.id
         and h.n = (select max(n) from holds where tenant_id = b.tenant_id and booking_id = b.id)
  ) hold
 where b.tenant_id = $1 and b.id = $2
"""


async def where_it_stands(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> Record:
    """Read where a booking, its latest hold and its payments stand, `at` the database's time.

    Refuses Unknown.
    """
    row = await connection.fetchrow(STANDING, tenant_id, booking_id)
    if row is None:
        raise Unknown("There is no such booking.")
    return row
