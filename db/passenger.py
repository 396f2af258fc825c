"""Passengers of a booking, kept as the door has sealed them."""

from collections.abc import Sequence

from db.session import Connection
from domain.ids import BookingId, TenantId
from domain.passenger import Passenger

FORGET = "delete from passengers where tenant_id = $1 and booking_id = $2"

WRITE = """
insert into passengers
    (tenant_id, booking_id, position, type, given_name, family_name, nationality, birth_date, passport)
select $1, $2, each.position, each.type, each.given_name, each.family_name, each.nationality, each.birth_date,
       each.passport
  from jsonb_to_recordset($3) as each (position int, type text, given_name text, family_name text,
                                       nationality text, birth_date text, passport text)
"""

OF_BOOKING = """
select position, type, given_name, family_name, nationality, birth_date, passport from passengers
 where tenant_id = $1 and booking_id = $2 order by position
"""


async def write(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, passengers: Sequence[Passenger]
) -> None:
    """Write the passengers of a booking that has none."""
    if passengers:
        rows = [passenger.model_dump(mode="json") for passenger in passengers]
        await connection.execute(WRITE, tenant_id, booking_id, rows)


async def replace(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, passengers: Sequence[Passenger]
) -> None:
    """Write these passengers in place of those a booking has, under the lock of its row."""
    await connection.execute(FORGET, tenant_id, booking_id)
    await write(connection, tenant_id, booking_id, passengers)


async def of_booking(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> list[Passenger]:
    """List the passengers of a booking by their position."""
    return [Passenger(**row) for row in await connection.fetch(OF_BOOKING, tenant_id, booking_id)]
