"""Places sold, and given back after that."""

from collections.abc import Mapping

from db.inventory.hold import LOCK_OF_BOOKING
from db.inventory.standing import where_it_stands
from db.session import Connection
from domain.ids import BookingId, CounterId, TenantId

PURCHASE = """
with bought as (
    update holds set status = 'purchased'
     where tenant_id = $1 and booking_id = $2 and status = 'active'
    returning counter_id, places
)
update counters c set held = c.held - bought.places, sold = c.sold + bought.places
  from bought
 where c.tenant_id = $1 and c.id = bought.counter_id
"""

LOCK_SOLD = """
select c.id, h.places from counters c
  join holds h on h.tenant_id = c.tenant_id and h.counter_id = c.id
 where c.tenant_id = $1 and h.booking_id = $2 and h.status = 'purchased'
 order by c.id for no key update of c
"""

RETURN = """
update counters c set sold = c.sold - back.places
  from unnest($2::uuid[], $3::int[]) as back (id, places)
 where c.tenant_id = $1 and c.id = back.id
"""


async def purchase(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> bool:
    """Sell what the booking holds; says no, and does nothing, when its hold is gone or no longer whole.

    Sold already: yes, and nothing done.
    """
    await connection.execute(LOCK_OF_BOOKING, tenant_id, booking_id)
    standing = await where_it_stands(connection, tenant_id, booking_id)
    if not standing["rows"] or standing["active"] + standing["bought"] < standing["rows"]:
        return False
    await connection.execute(PURCHASE, tenant_id, booking_id)
    return True


async def lock_sold(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId
) -> dict[CounterId, int]:
    """Lock the counters a booking has bought places of, and tell how many it has of each."""
    rows = await connection.fetch(LOCK_SOLD, tenant_id, booking_id)
    return {row["id"]: row["places"] for row in rows}


async def return_sold(connection: Connection, tenant_id: TenantId, places: Mapping[CounterId, int]) -> None:
    """Free places that were sold; who asks has locked their counters and makes sure that it is done once."""
    await connection.execute(RETURN, tenant_id, list(places), list(places.values()))
