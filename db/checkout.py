"""The checkout before a payment: what a booking has so far, and the lock under which that may change."""

from pydantic import JsonValue

from db.session import Connection
from domain import checkout
from domain.booking import OPEN, BookingStatus
from domain.catalog import SalesTerms
from domain.checkout import Given
from domain.ids import BookingId, TenantId
from domain.refusal import BookingEnded, HoldEnded, IllegalMove, Refusal, Unknown

# The guard: while the row is locked no payment can start, and a payment that has started leaves no row.
STILL_OPEN = """
select id from bookings
 where tenant_id = $1 and id = $2 and status = 'held' and (expires_at is null or expires_at > now())
   for no key update
"""

STANDING = "select status, expires_at, confirmed_at from bookings where tenant_id = $1 and id = $2"

GIVEN = """
select b.terms, b.contact_phone is not null as phone,
       (select coalesce(sum(quantity), 0)::int from booking_lines
         where tenant_id = $1 and booking_id = $2) as places,
       (select count(*)::int from passengers where tenant_id = $1 and booking_id = $2) as passengers,
       (select coalesce(array_agg(code), '{}') from consents
         where tenant_id = $1 and booking_id = $2) as consents
  from bookings b where b.tenant_id = $1 and b.id = $2
"""


async def lock(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> None:
    """Lock a booking whose choice, passengers and consents may still change.

    Refuses Unknown, HoldEnded, BookingEnded, and IllegalMove once a payment has started.
    """
    if await connection.fetchval(STILL_OPEN, tenant_id, booking_id) is None:
        raise await closed(connection, tenant_id, booking_id)


async def closed(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> Refusal:
    """Say why nothing of a booking may change any more: see `lock`."""
    row = await connection.fetchrow(STANDING, tenant_id, booking_id)
    if row is None:
        return Unknown("There is no such booking.")
    status, expires_at = BookingStatus(row["status"]), row["expires_at"]
    if status in (BookingStatus.HELD, BookingStatus.EXPIRED):
        return HoldEnded("The time to pay is over.", ended_at=expires_at.isoformat() if expires_at else None)
    if status in OPEN or row["confirmed_at"] is not None:
        return IllegalMove("A payment has started.", status=status.value, trigger="changed")
    return BookingEnded("This booking has ended.", status=status.value)


async def given(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId
) -> tuple[SalesTerms, Given]:
    """Tell the terms of a booking and what it has of what they ask for. Refuses Unknown."""
    row = await connection.fetchrow(GIVEN, tenant_id, booking_id)
    if row is None:
        raise Unknown("There is no such booking.")
    has = Given(
        places=row["places"],
        passengers=row["passengers"],
        phone=row["phone"],
        consents=frozenset(row["consents"]),
    )
    return SalesTerms.model_validate(row["terms"]), has


async def missing(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> list[JsonValue]:
    """List what a booking lacks before a payment may start, with JSON pointers.

    For good under the lock of its row only. Refuses Unknown.
    """
    return checkout.missing(*await given(connection, tenant_id, booking_id))
