"""What is open and was not looked at for a while, across tenants: leased by the look itself.

A look moves `next_at` on, further each time, and is committed before anybody is asked: who dies in between
has lost one look. Rows that are no longer open are found by nobody, whatever stands here.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from db.session import Connection, Record
from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from domain.refund import RefundRequest
from domain.sweep import gaps

# $1 is the sweep's interval: so long after it came about a thing is looked at first.
PAYMENTS = """
select p.tenant_id, p.booking_id, p.id as payment_id
  from payments p left join sweeps s on s.tenant_id = p.tenant_id and s.subject = p.id
 where p.status in ('pending', 'processing', 'requires_action', 'authorized')
   and p.provider_ref is not null and p.provider = $2 and p.account = $3
   and coalesce(s.next_at, p.created_at + $1::interval) <= now()
 order by coalesce(s.next_at, p.created_at) limit $4
"""

BOOKINGS = """
select b.tenant_id, b.id as booking_id
  from bookings b left join sweeps s on s.tenant_id = b.tenant_id and s.subject = b.id
 where b.status in ('held', 'awaiting_payment', 'payment_review', 'paid', 'awaiting_partner')
   and coalesce(b.expires_at, b.created_at) < now()
   and coalesce(s.next_at, coalesce(b.expires_at, b.created_at) + $1::interval) <= now()
 order by coalesce(b.expires_at, b.created_at) limit $2
"""

# What a provider has given back without us has no run to begin.
REFUNDS = """
select r.tenant_id, r.booking_id, r.payment_id, r.id as refund_id, r.reference, r.amount_minor, r.currency
  from refunds r left join sweeps s on s.tenant_id = r.tenant_id and s.subject = r.id
 where r.recorded_at is null and r.n is not null
   and coalesce(s.next_at, r.created_at + $1::interval) <= now()
 order by coalesce(s.next_at, r.created_at) limit $2
"""

# $3 is how long a thing rests after each look, the last one for ever.
LOOKED = """
insert into sweeps (tenant_id, subject, looks, next_at)
select seen.tenant_id, seen.subject, 1, now() + ($3::interval[])[1]
  from unnest($1::uuid[], $2::uuid[]) as seen (tenant_id, subject)
on conflict (tenant_id, subject) do update
   set looks = sweeps.looks + 1,
       next_at = now() + ($3::interval[])[least(sweeps.looks + 1, cardinality($3::interval[]))]
"""


class OpenPayment(NamedTuple):
    """A payment that may have gone on without our hearing of it."""

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId


class OverdueBooking(NamedTuple):
    """A booking whose run should have ended it."""

    tenant_id: TenantId
    booking_id: BookingId


async def payments(
    connection: Connection, provider: str, account: str, *, every: timedelta, limit: int
) -> list[OpenPayment]:
    """Take open payments of an account that are due to be asked about, the most overdue first."""
    rows = await connection.fetch(PAYMENTS, every, provider, account, limit)
    await _looked(connection, every, [(row["tenant_id"], row["payment_id"]) for row in rows])
    return [OpenPayment(**row) for row in rows]


async def bookings(connection: Connection, *, every: timedelta, limit: int) -> list[OverdueBooking]:
    """Take bookings that are open though their time is over, the most overdue first."""
    rows = await connection.fetch(BOOKINGS, every, limit)
    await _looked(connection, every, [(row["tenant_id"], row["booking_id"]) for row in rows])
    return [OverdueBooking(**row) for row in rows]


async def refunds(connection: Connection, *, every: timedelta, limit: int) -> list[RefundRequest]:
    """Take refunds of ours of which the provider has not said the last word, or the booking not heard it, the
    most overdue first.
    """
    rows = await connection.fetch(REFUNDS, every, limit)
    await _looked(connection, every, [(row["tenant_id"], row["refund_id"]) for row in rows])
    return [_request(row) for row in rows]


async def _looked(connection: Connection, every: timedelta, seen: Sequence[tuple[TenantId, UUID]]) -> None:
    tenants, subjects = [tenant_id for tenant_id, _ in seen], [subject for _, subject in seen]
    await connection.execute(LOOKED, tenants, subjects, gaps(every))


def _request(row: Record) -> RefundRequest:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    return RefundRequest(**columns, amount=amount)
