"""The runs of refunds, begun by the relay."""

from collections.abc import Sequence
from datetime import timedelta

from db.session import Connection, Record
from domain.ids import RefundId, TenantId
from domain.money import Money
from domain.refund import RefundRequest

WAKE = "notify holdfast_relay"

LEASE = """
with due as (
    select tenant_id, id from refunds
     where told_at is null and next_at <= now()
     order by next_at limit $1 for update skip locked
)
update refunds r set next_at = now() + $2::interval * 2 ^ least(r.tellings, 6), tellings = r.tellings + 1
  from due where r.tenant_id = due.tenant_id and r.id = due.id
returning r.tenant_id, r.booking_id, r.payment_id, r.id as refund_id, r.reference, r.amount_minor, r.currency
"""

TOLD = """
update refunds r set told_at = now()
  from unnest($1::uuid[], $2::uuid[]) as told (tenant_id, id)
 where r.tenant_id = told.tenant_id and r.id = told.id and r.told_at is null
"""

TELL_ANEW = """
update refunds set told_at = null, next_at = now() where tenant_id = $1 and id = $2 and n is not null
"""

BACK = """
update refunds set next_at = now() + $2, tellings = greatest(tellings - 1, 0)
 where told_at is null and id = any($1)
"""


async def wake(connection: Connection) -> None:
    """Tell the relay, when this transaction is committed, that a refund is to be begun."""
    await connection.execute(WAKE)


async def tell_anew(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> None:
    """Have the relay begin the run of one of our refunds again."""
    await connection.execute(TELL_ANEW, tenant_id, refund_id)
    await wake(connection)


async def lease(connection: Connection, *, limit: int, lease: timedelta) -> list[RefundRequest]:
    """Lease refunds that Temporal has not heard of, across tenants, as the relay."""
    return [_request(row) for row in await connection.fetch(LEASE, limit, lease)]


async def told(connection: Connection, refunds: Sequence[RefundRequest]) -> None:
    """Note that Temporal knows of these refunds."""
    tenants, ids = [refund.tenant_id for refund in refunds], [refund.refund_id for refund in refunds]
    await connection.execute(TOLD, tenants, ids)


async def put_back(connection: Connection, soon: timedelta, refunds: Sequence[RefundId]) -> None:
    """Give leases back that were of no use, because nobody could be told."""
    await connection.execute(BACK, refunds, soon)


def _request(row: Record) -> RefundRequest:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    return RefundRequest(**columns, amount=amount)
