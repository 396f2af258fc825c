"""Places sold, and given back after that."""

from collections.abc import Mapping

from db.inventory.hold import LOCK_OF_BOOKING
from db.session import Connection
from domain.ids import BookingId, CounterId, TenantId

# Only a hold that is whole is bought; says whether it is, or was before.
PURCHASE = """
with latest as (
    select count(*) as claims, count(*) filter (where status = 'purchased') as bought_before,
           bool_and(status in ('active', 'purchased')) as whole
      from holds
     where tenant_id = $1 and booking_id = $2
       and n = (select max(n) from holds where tenant_id = $1 and booking_id = $2)
),
bought as (
    update holds set status = 'purchased'
     where tenant_id = $1 and booking_id = $2 and status = 'active' and (select whole from latest)
    returning counter_id, places
),
sold as (
    update counters c set held = c.held - bought.places, sold = c.sold + bought.places
      from bought
     where c.tenant_id = $1 and c.id = bought.counter_id
    returning c.id
)
select claims > 0 and claims = bought_before + (select count(*) from sold) from latest
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
    whole: bool = await connection.fetchval(PURCHASE, tenant_id, booking_id)
    return whole


async def lock_sold(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId
) -> dict[CounterId, int]:
    """Lock the counters a booking has bought places of, and tell how many it has of each."""
    rows = await connection.fetch(LOCK_SOLD, tenant_id, booking_id)
    return {row["id"]: row["places"] for row in rows}


async def return_sold(connection: Connection, tenant_id: TenantId, places: Mapping[CounterId, int]) -> None:
    """Free places that were sold; who asks has locked their counters and makes sure that it is done once."""
    await connection.execute(RETURN, tenant_id, list(places), list(places.values()))
