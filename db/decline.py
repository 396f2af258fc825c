"""Why attempts to pay did not go through, as their providers told it."""

from datetime import datetime
from typing import NamedTuple

from db.session import Connection
from domain.decline import Decline, decline_of
from domain.ids import BookingId, PaymentId, TenantId

OF_BOOKING = """
select o.payment_id, o.decline_code, o.decline_reason, o.occurred_at
  from payment_operations o
  join payments p on p.tenant_id = o.tenant_id and p.id = o.payment_id
 where o.tenant_id = $1 and p.booking_id = $2 and o.kind = 'declined'
 order by o.occurred_at, o.recorded_at, o.operation
"""


class Declined(NamedTuple):
    """One try to pay that a bank declined: our word for why, and the provider's own, for operators."""

    payment_id: PaymentId
    decline: Decline
    reason: str | None
    at: datetime


async def of_booking(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> list[Declined]:
    """List every declined try to pay a booking, the first first."""
    return [
        Declined(
            row["payment_id"], decline_of(row["decline_code"]), row["decline_reason"], row["occurred_at"]
        )
        for row in await connection.fetch(OF_BOOKING, tenant_id, booking_id)
    ]
