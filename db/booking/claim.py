"""Taking over what was booked without an account."""

from db.session import Connection
from domain.ids import BookingId, TenantId

# A booking that has an owner keeps it: only guests' bookings are taken over, and each once.
CLAIM = """
update bookings set user_id = $2
 where tenant_id = $1 and user_id is null and lower(contact_email) = lower($3)
returning id
"""


async def claim(connection: Connection, tenant_id: TenantId, *, user_id: str, email: str) -> list[BookingId]:
    """Give the guests' bookings of a verified address to its user; a repeat finds none. Lists their ids."""
    return [BookingId(row["id"]) for row in await connection.fetch(CLAIM, tenant_id, user_id, email)]
