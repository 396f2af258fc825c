"""Tickets: issued once per admission unit, read by their holders."""

from collections.abc import Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from db import event
from db.event import Told
from db.session import Connection, Record
from domain import event as types, ids
from domain.ids import BookingId, TenantId, TicketId
from domain.refusal import Unknown
from domain.ticket import Ticket

ISSUE = """
insert into tickets (tenant_id, id, booking_id, position, offer_id, slot_id, variant_id, number, version,
                     status, valid_from, valid_until)
select $1, unit.id, $2, unit.position, s.offer_id, s.id, unit.variant_id, unit.number, 1, 'active',
       s.starts_at, s.ends_at
  from bookings b
  join slots s on s.tenant_id = b.tenant_id and s.id = b.slot_id
  cross join unnest($3::uuid[], $4::uuid[], $5::text[]) with ordinality
       as unit (id, variant_id, number, position)
 where b.tenant_id = $1 and b.id = $2
"""

TICKET = """
select id, tenant_id, booking_id, offer_id, slot_id, variant_id, number, version, status, valid_from,
       valid_until
  from tickets where tenant_id = $1 and id = $2
"""

OF_BOOKING = """
select id, tenant_id, booking_id, offer_id, slot_id, variant_id, number, version, status, valid_from,
       valid_until
  from tickets where tenant_id = $1 and booking_id = $2 order by position
"""

VOID = """
update tickets set status = 'refunded' where tenant_id = $1 and booking_id = $2 and status = 'active'
returning id
"""

COUNT = "select count(*) from tickets where tenant_id = $1 and booking_id = $2"


async def issue(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, units: Sequence[Record]
) -> list[TicketId]:
    """Issue a ticket for each admission unit, in their order: of its `variant_id`, under its `number` of the
    `year`, written in the tenant's `ticket_pattern`.

    A booking that has its tickets already makes the transaction fail: positions are unique.
    """
    tickets: list[UUID] = [uuid7() for _ in units]
    numbers = [ids.reference(u["ticket_pattern"], year=u["year"], number=u["number"]) for u in units]
    variants = [unit["variant_id"] for unit in units]
    await connection.execute(ISSUE, tenant_id, booking_id, tickets, variants, numbers)
    return [TicketId(ticket) for ticket in tickets]


async def count(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> int:
    """Count the tickets a booking has, in whatever state."""
    found: int = await connection.fetchval(COUNT, tenant_id, booking_id)
    return found


async def void(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> None:
    """Let the tickets of a booking admit nobody any more, because their money goes back."""
    data = {"booking_id": str(booking_id)}
    voided = await connection.fetch(VOID, tenant_id, booking_id)
    told = [Told(row["id"], types.TICKET_CANCELLED, data) for row in voided]
    await event.append(connection, tenant_id, *told)


async def find(connection: Connection, tenant_id: TenantId, ticket_id: TicketId) -> Ticket:
    """Find a ticket. Refuses Unknown."""
    row = await connection.fetchrow(TICKET, tenant_id, ticket_id)
    if row is None:
        raise Unknown("There is no such ticket.")
    return Ticket(**row)


async def of_booking(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> list[Ticket]:
    """List the tickets of a booking, in the order of its lines."""
    return [Ticket(**row) for row in await connection.fetch(OF_BOOKING, tenant_id, booking_id)]
