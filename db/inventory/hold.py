"""Places taken and given back, by the rules of this folder."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from db.inventory.standing import where_it_stands
from db.session import Connection, Record
from domain.ids import BookingId, CounterId, SlotId, TenantId
from domain.inventory import HoldPlaces
from domain.refusal import SalesClosed, SoldOut, Unknown

# One counter: the update is its own lock. Several: they are locked first, in the order of their ids, and all
# judged before the first changes (a CASE is lazy, so one counter pays for no second look).
HOLD = """
with wanted as (
    select * from unnest($3::uuid[], $4::int[]) as wanted (counter_id, places)
),
locked as (
    select c.held + c.sold + w.places <= c.capacity as fits
      from counters c join wanted w on w.counter_id = c.id
     where c.tenant_id = $1
     order by c.id for no key update of c
),
taken as (
    update counters c set held = c.held + w.places
      from wanted w
     where c.tenant_id = $1 and c.id = w.counter_id
       and case when cardinality($3::uuid[]) = 1 then c.held + c.sold + w.places <= c.capacity
                else (select bool_and(fits) and count(*) = cardinality($3::uuid[]) from locked) end
       and not exists (select from holds where tenant_id = $1 and booking_id = $2
                                           and status in ('active', 'purchased'))
    returning c.id, w.places
)
insert into holds (tenant_id, booking_id, counter_id, n, places, status, expires_at, kept_until)
select $1, $2, taken.id,
       1 + coalesce((select max(n) from holds where tenant_id = $1 and booking_id = $2), 0),
       taken.places, 'active', now() + $5, now() + $5
  from taken
returning expires_at
"""

ROOM = """
select c.id, c.capacity - c.held - c.sold as free, coalesce(overdue.places, 0)::int as overdue
  from counters c
  left join lateral (
      select sum(places) as places from holds h
       where h.tenant_id = c.tenant_id and h.counter_id = c.id
         and h.status = 'active' and h.kept_until < now()
  ) overdue on true
 where c.tenant_id = $1 and c.id = any($2)
"""

LOCK = """
select id from counters where tenant_id = $1 and id = any($2) order by id for no key update
"""

LOCK_OF_BOOKING = """
select c.id from counters c
 where c.tenant_id = $1
   and c.id in (select counter_id from holds
                 where tenant_id = $1 and booking_id = $2 and status = 'active')
 order by c.id for no key update
"""

TAKE_BACK = """
with freed as (
    update holds set status = 'expired'
     where tenant_id = $1 and counter_id = any($2) and status = 'active' and kept_until < now()
    returning counter_id, places
)
update counters c set held = c.held - freed.places
  from (select counter_id, sum(places)::int as places from freed group by counter_id) freed
 where c.tenant_id = $1 and c.id = freed.counter_id
"""

RELEASE = """
with freed as (
    update holds set status = case when expires_at <= now() then 'expired' else 'released' end
     where tenant_id = $1 and booking_id = $2 and status = 'active'
    returning counter_id, places
)
update counters c set held = c.held - freed.places
  from (select counter_id, sum(places)::int as places from freed group by counter_id) freed
 where c.tenant_id = $1 and c.id = freed.counter_id
"""

WANTED = """
select wanted.counter_id, sum(wanted.quantity)::int as places
  from bookings b
  join booking_lines l on l.tenant_id = b.tenant_id and l.booking_id = b.id
  join variants v on v.tenant_id = l.tenant_id and v.id = l.variant_id
  cross join lateral (values (b.slot_id, l.quantity), (v.quota_id, l.quantity))
       as wanted (counter_id, quantity)
 where b.tenant_id = $1 and b.id = $2 and wanted.counter_id is not null
 group by wanted.counter_id order by wanted.counter_id
"""

ON_SALE = """
select status = 'live' and now() < sales_until and (sales_from is null or sales_from <= now())
  from slots where tenant_id = $1 and id = $2
"""


class Room(NamedTuple):
    """What is free of a counter, and what overdue holds would give back."""

    free: int
    overdue: int


async def hold(
    connection: Connection,
    *,
    tenant_id: TenantId,
    booking_id: BookingId,
    slot_id: SlotId,
    wanted: Mapping[CounterId, int],
    seconds: int | None,
) -> datetime | None:
    """Hold all the places that are wanted, for `seconds` (none: no deadline); gives the deadline (UTC).

    A booking that holds or bought places already is answered its own deadline. Refuses SoldOut.
    """
    length = None if seconds is None else timedelta(seconds=seconds)
    counters, places = list(wanted), list(wanted.values())
    held = await connection.fetch(HOLD, tenant_id, booking_id, counters, places, length)
    if not held:
        standing = await where_it_stands(connection, tenant_id, booking_id)
        if standing["active"] or standing["bought"]:
            return _deadline(standing)
        await make_room(connection, tenant_id, slot_id, wanted)
        held = await connection.fetch(HOLD, tenant_id, booking_id, counters, places, length)
    if not held:
        raise sold_out(slot_id, sum(places), 0)
    return _deadline(held[0])


async def make_room(
    connection: Connection, tenant_id: TenantId, slot_id: SlotId, wanted: Mapping[CounterId, int]
) -> None:
    """Take back overdue holds, so that one more try may succeed. Refuses SoldOut when that cannot help."""
    rows = await connection.fetch(ROOM, tenant_id, list(wanted))
    room = {row["id"]: Room(row["free"], row["overdue"]) for row in rows}
    for counter, places in wanted.items():
        left = sum(room.get(counter, Room(0, 0)))
        if left < places:
            raise sold_out(slot_id, places, left)
    await take_back(connection, tenant_id, list(wanted))


async def lock(connection: Connection, tenant_id: TenantId, counters: Collection[CounterId]) -> None:
    """Lock counters in the order of their ids, until the transaction ends."""
    await connection.execute(LOCK, tenant_id, counters)


async def take_back(connection: Connection, tenant_id: TenantId, counters: Sequence[CounterId]) -> None:
    """Free what overdue holds still claim of these counters. Nothing overdue: nothing done."""
    await lock(connection, tenant_id, counters)
    await connection.execute(TAKE_BACK, tenant_id, counters)


async def wanted_by(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId
) -> dict[CounterId, int]:
    """Reckon from a booking's lines how many places it wants of which counters, in lock order."""
    rows = await connection.fetch(WANTED, tenant_id, booking_id)
    return {row["counter_id"]: row["places"] for row in rows}


async def check_on_sale(connection: Connection, tenant_id: TenantId, slot_id: SlotId) -> None:
    """Make sure that the slot may be sold now, by the database's clock. Refuses Unknown, SalesClosed."""
    on_sale = await connection.fetchval(ON_SALE, tenant_id, slot_id)
    if on_sale is None:
        raise Unknown("There is no such slot.")
    if not on_sale:
        raise SalesClosed("This slot is not on sale.", slot_id=str(slot_id))


async def release_places(connection: Connection, request: HoldPlaces) -> None:
    """Give back what the booking still holds: expired when its time was over, else released.

    Nothing held, or bought: nothing done, so a second call frees nothing twice.
    """
    await connection.execute(LOCK_OF_BOOKING, request.tenant_id, request.booking_id)
    await connection.execute(RELEASE, request.tenant_id, request.booking_id)


async def hold_anew(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, slot_id: SlotId
) -> None:
    """Take the places of a booking again, as its next hold, to be bought at once. Refuses SoldOut."""
    await release_places(connection, HoldPlaces(tenant_id=tenant_id, booking_id=booking_id))
    wanted = await wanted_by(connection, tenant_id, booking_id)
    await hold(
        connection, tenant_id=tenant_id, booking_id=booking_id, slot_id=slot_id, wanted=wanted, seconds=None
    )


def sold_out(slot_id: SlotId, asked: int, left: int) -> SoldOut:
    """Say that fewer places are left than asked."""
    return SoldOut("There are not enough places left.", slot_id=str(slot_id), asked=asked, left=max(0, left))


def _deadline(row: Record) -> datetime | None:
    deadline: datetime | None = row["expires_at"]
    return deadline
