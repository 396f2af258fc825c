"""What buyers agreed to: written once, never changed."""

from collections.abc import Iterable

from db.session import Connection
from domain.consent import Agreement, ConsentText
from domain.ids import BookingId, TenantId

WRITE = """
insert into consents (tenant_id, booking_id, code, version, address)
select $1, $2, said.code, said.version, $5 from unnest($3::text[], $4::text[]) as said (code, version)
on conflict (tenant_id, booking_id, code) do nothing
"""

OF_BOOKING = """
select code, version, agreed_at, address from consents
 where tenant_id = $1 and booking_id = $2 order by agreed_at, code
"""


async def write(
    connection: Connection,
    tenant_id: TenantId,
    booking_id: BookingId,
    texts: Iterable[ConsentText],
    *,
    address: str,
) -> None:
    """Write that the buyer agrees to these texts, by the database's clock; what was agreed before stays."""
    said = [(text.code, text.version) for text in texts]
    if said:
        codes, versions = zip(*said, strict=True)
        await connection.execute(WRITE, tenant_id, booking_id, list(codes), list(versions), address)


async def of_booking(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> list[Agreement]:
    """List what was agreed to for a booking, the first first."""
    return [Agreement(**row) for row in await connection.fetch(OF_BOOKING, tenant_id, booking_id)]
