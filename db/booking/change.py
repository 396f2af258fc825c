"""Changing what a booking holds, until a payment starts: the new places or the old ones, never none.

One transaction in the lock order of `db/inventory/`: all counters, of the old choice and of the new, by
id; then the holds; then the booking. Whatever is refused leaves the old hold as it was. The deadline stays.
"""

from datetime import datetime, timedelta

from pydantic import JsonValue

from db import checkout, event
from db.booking.read import Contact
from db.event import Told
from db.inventory import hold as holds
from db.session import Connection
from domain.event import BOOKING_CHANGED
from domain.ids import BookingId, CounterId, SlotId, TenantId
from domain.inventory import HoldPlaces
from domain.money import Money
from domain.pricing import Line
from domain.refusal import InvalidRequest
from domain.ticket import Delivery
from domain.value import Value

STANDING = """
select b.due_minor, b.expires_at - now() as left,
       b.status = 'held' and (b.expires_at is null or b.expires_at > now()) as open,
       array(select counter_id from holds
              where tenant_id = $1 and booking_id = $2 and status = 'active') as counters
  from bookings b where b.tenant_id = $1 and b.id = $2
"""

# Asked under the lock of its counters: whoever gives the places back meanwhile has been here before us.
STILL_HELD = """
select exists (select from holds where tenant_id = $1 and booking_id = $2 and status = 'active')
"""

# The deadline the buyer was told is not put off by choosing anew.
SAME_DEADLINE = """
update holds set expires_at = b.expires_at, kept_until = b.expires_at
  from bookings b
 where b.tenant_id = $1 and b.id = $2
   and holds.tenant_id = $1 and holds.booking_id = $2 and holds.status = 'active'
"""

CHOOSE = """
update bookings
   set slot_id = $3, starts_at = $4, total_minor = $5, due_minor = $6, summary = $7, quote_id = null
 where tenant_id = $1 and id = $2
"""

FORGET_LINES = "delete from booking_lines where tenant_id = $1 and booking_id = $2"

WRITE_LINES = """
insert into booking_lines
    (tenant_id, booking_id, position, variant_id, name, quantity, unit_minor, total_minor)
select $1, $2, line.position, line.variant_id, line.name, line.quantity, line.unit_minor,
       line.unit_minor * line.quantity
  from unnest($3::uuid[], $4::text[], $5::int[], $6::bigint[]) with ordinality
       as line (variant_id, name, quantity, unit_minor, position)
"""

REACH = """
update bookings set contact_name = $3, contact_email = $4, contact_phone = $5, delivery = $6, locale = $7
 where tenant_id = $1 and id = $2
"""


class Choice(Value):
    """What a booking is to hold instead, priced now; `wanted` are places by counter, in lock order."""

    slot_id: SlotId
    starts_at: datetime
    lines: tuple[Line, ...]
    wanted: dict[CounterId, int]
    total: Money
    due: Money
    summary: str


async def choose(connection: Connection, tenant_id: TenantId, booking_id: BookingId, choice: Choice) -> None:
    """Hold and price this choice instead of the one before, whole or not at all.

    What was free stays free and what was not stays so: only the first has no deadline. Refuses Unknown,
    SoldOut, SalesClosed, HoldEnded, BookingEnded, IllegalMove (a payment has started), InvalidRequest.
    """
    standing = await connection.fetchrow(STANDING, tenant_id, booking_id)
    if standing is None or not standing["open"] or not standing["counters"]:
        raise await checkout.closed(connection, tenant_id, booking_id)
    if bool(standing["due_minor"]) != bool(choice.due):
        raise _another_kind()
    counters = sorted({*choice.wanted, *standing["counters"]})
    await connection.execute(holds.LOCK, tenant_id, counters)
    if not await connection.fetchval(STILL_HELD, tenant_id, booking_id):
        raise await checkout.closed(connection, tenant_id, booking_id)
    await holds.check_on_sale(connection, tenant_id, choice.slot_id)
    await _hold_instead(connection, tenant_id, booking_id, choice, standing["left"])
    await checkout.lock(connection, tenant_id, booking_id)
    await connection.execute(SAME_DEADLINE, tenant_id, booking_id)
    await _write(connection, tenant_id, booking_id, choice)


async def reach(
    connection: Connection,
    tenant_id: TenantId,
    booking_id: BookingId,
    *,
    contact: Contact,
    delivery: Delivery,
    locale: str,
) -> None:
    """Write whom to reach about a booking, how and in which language.

    Refuses Unknown, HoldEnded, BookingEnded, IllegalMove (a payment has started).
    """
    await checkout.lock(connection, tenant_id, booking_id)
    await connection.execute(
        REACH, tenant_id, booking_id, contact.name, contact.email, contact.phone, delivery.value, locale
    )


async def _hold_instead(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, choice: Choice, left: timedelta | None
) -> None:
    await holds.release_places(connection, HoldPlaces(tenant_id=tenant_id, booking_id=booking_id))
    await holds.hold(
        connection,
        tenant_id=tenant_id,
        booking_id=booking_id,
        slot_id=choice.slot_id,
        wanted=choice.wanted,
        seconds=None if left is None else max(1, int(left.total_seconds())),
    )


async def _write(connection: Connection, tenant_id: TenantId, booking_id: BookingId, choice: Choice) -> None:
    await connection.execute(
        CHOOSE,
        tenant_id,
        booking_id,
        choice.slot_id,
        choice.starts_at,
        choice.total.minor,
        choice.due.minor,
        choice.summary,
    )
    await connection.execute(FORGET_LINES, tenant_id, booking_id)
    await connection.execute(
        WRITE_LINES,
        tenant_id,
        booking_id,
        [line.variant_id for line in choice.lines],
        [line.name for line in choice.lines],
        [line.quantity for line in choice.lines],
        [line.unit.minor for line in choice.lines],
    )
    data = {"slot_id": str(choice.slot_id), "total": choice.total.model_dump()}
    await event.append(connection, tenant_id, Told(booking_id, BOOKING_CHANGED, data))


def _another_kind() -> InvalidRequest:
    error: JsonValue = {
        "pointer": "/lines",
        "code": "not_allowed",
        "detail": "Free and to be paid: book these apart.",
    }
    return InvalidRequest("The choice breaks a rule.", errors=[error])
