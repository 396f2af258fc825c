"""Where a booking and its latest hold stand."""

from db.session import Connection, Record
from domain.ids import BookingId, TenantId
from domain.refusal import Unknown

# Where a booking and its latest hold stand, by the database's clock.
STANDING = """
select b.status, b.slot_id, b.due_minor, b.total_minor, b.currency, b.expires_at, b.terms, now() as at,
       hold.rows, hold.active, hold.bought, hold.kept_until
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
    """Read where a booking and its latest hold stand, by the database's clock. Refuses Unknown."""
    row = await connection.fetchrow(STANDING, tenant_id, booking_id)
    if row is None:
        raise Unknown("There is no such booking.")
    return row
