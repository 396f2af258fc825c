"""Whom attempts to pay are billed to."""

from db.session import Connection
from domain.billing import Address, Billing
from domain.ids import BookingId, PaymentId, TenantId

WRITE = """
insert into billings (tenant_id, payment_id, booking_id, holder_name, line1, line2, city, postal_code, region,
                      country)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id, payment_id) do nothing
"""

OF_PAYMENT = """
select holder_name, line1, line2, city, postal_code, region, country from billings
 where tenant_id = $1 and payment_id = $2
"""


async def write(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, payment_id: PaymentId, to: Billing
) -> None:
    """Write whom an attempt is billed to; what was written first stays."""
    at = to.address
    await connection.execute(
        WRITE,
        tenant_id,
        payment_id,
        booking_id,
        to.holder_name,
        *(
            (at.line1, at.line2, at.city, at.postal_code, at.region, at.country)
            if at
            else (None, None, None, None, None, None)
        ),
    )


async def of_payment(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> Billing | None:
    """Find whom an attempt is billed to, if that was asked for."""
    row = await connection.fetchrow(OF_PAYMENT, tenant_id, payment_id)
    if row is None:
        return None
    written = dict(row)
    holder = written.pop("holder_name")
    return Billing(holder_name=holder, address=Address(**written) if written["line1"] else None)
