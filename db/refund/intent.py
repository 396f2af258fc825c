"""Money that is to go back, written before the provider hears of it."""

from db import split
from db.refund import owe, read, run
from db.session import Connection
from domain import event as types
from domain.ids import RefundId, TenantId
from domain.refund import RefundPayment
from domain.refusal import ExceedsCaptured, Unknown

# Never more than was taken and has not been given back, or taken from us by a dispute.
ASK = """
insert into refunds (tenant_id, id, booking_id, payment_id, n, reference, original_ref, amount_minor,
                     currency, status, cause, reason, initiated_by, retry_of)
select $1, $2, p.booking_id, p.id, rest.refunds + 1,
       'RF-' || lpad(nextval('refund_numbers')::text, 10, '0'), p.provider_ref,
       coalesce($4::bigint, rest.minor), taken.currency, 'pending', $6, coalesce(failed.reason, $7), $8,
       failed.id
  from payments p
  cross join lateral (select coalesce(p.captured_currency, p.currency) as currency) taken
  cross join lateral (
      select p.captured_minor - coalesce(sum(r.amount_minor) filter (where r.status <> 'failed'), 0)
           - (select coalesce(sum(d.taken_minor), 0)
                from disputes d where d.tenant_id = $1 and d.payment_id = $3) as minor,
             coalesce(max(r.n), 0) as refunds
        from refunds r where r.tenant_id = $1 and r.payment_id = $3
  ) rest
  left join refunds failed on failed.tenant_id = $1 and failed.id = $9
 where p.tenant_id = $1 and p.id = $3 and p.booking_id = $10 and taken.currency = coalesce($5, taken.currency)
   and coalesce($4::bigint, rest.minor) between 1 and rest.minor
   and not exists (select from refunds where tenant_id = $1 and id = $2)
"""

LOCK_PAYMENT = "select id from payments where tenant_id = $1 and id = $2 for no key update"

# A key is used twice, so that a lost answer is replayed and a slow request is met; a provider forgets it
# after a day (Stripe), and gives what it has stored under it, its own failures too.
NEXT_KEY = """
update refunds
   set calls = calls + 1,
       key_n = case when fresh.key then key_n + 1 else key_n end,
       key_calls = case when fresh.key then 1 else key_calls + 1 end,
       keyed_at = case when fresh.key then now() else keyed_at end
  from (select r.key_n = 0 or r.key_calls >= 2 or r.keyed_at < now() - interval '23 hours' as key
          from refunds r where r.tenant_id = $1 and r.id = $2) fresh
 where tenant_id = $1 and id = $2
returning key_n
"""


async def ask(
    connection: Connection, request: RefundPayment, *, reason: str = "", initiated_by: str = "holdfast"
) -> read.Refund:
    """Write that money goes back, before the provider hears of it; a repeat gives the same refund.

    From here on it is owed in the books, and the relay begins its run. `reason` is a person's words, which a
    retry takes over from what it replaces. Refuses ExceedsCaptured when more would go back than is left.
    """
    await connection.execute(LOCK_PAYMENT, request.tenant_id, request.payment_id)
    written = await connection.execute(
        ASK,
        request.tenant_id,
        request.refund_id,
        request.payment_id,
        None if request.amount is None else request.amount.minor,
        None if request.amount is None else request.amount.currency,
        request.cause,
        reason,
        initiated_by,
        request.retry_of,
        request.booking_id,
    )
    if written == "INSERT 0 0":
        return await _asked_before(connection, request)
    await split.give(connection, request.tenant_id, request.refund_id)
    refund = await read.find(connection, request.tenant_id, request.refund_id)
    await owe.decide(connection, request.tenant_id, refund)
    await owe.tell(connection, request.tenant_id, refund, types.REFUND_INITIATED)
    await run.wake(connection)
    return refund


async def _asked_before(connection: Connection, request: RefundPayment) -> read.Refund:
    try:
        return await read.find(connection, request.tenant_id, request.refund_id)
    except Unknown:
        left = await read.left(connection, request.tenant_id, request.payment_id)
        raise ExceedsCaptured("More would go back than is left.", left=left) from None


async def next_key(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> int:
    """Count, before the call, that the provider is asked for this refund; gives the number of the key to ask
    with: each is used twice, and no longer than a provider surely remembers it.
    """
    n: int = await connection.fetchval(NEXT_KEY, tenant_id, refund_id)
    return n
