"""What a provider says of refunds, asked for by us or not."""

from collections.abc import Sequence

from uuid_utils.compat import uuid7

from db import case, ledger, split
from db.refund import intent, owe, read, run
from db.session import Connection
from domain import event as types, ledger as books
from domain.case import CaseKind
from domain.ids import BookingId, RefundId, TenantId
from domain.money import Money
from domain.payment import FactKind, PaymentFact
from domain.refund import SOURCES, Hindrance, RefundStatus
from domain.settlement import Consequence, News, may_mean

# Who was clearly told no has used its key up.
HINDERED = """
update refunds set hindrance = $3, key_calls = 2, changed_at = now()
 where tenant_id = $1 and id = $2 and status = 'pending'
"""

ANSWERED = """
update refunds
   set provider_ref = coalesce(provider_ref, $3), status = $4, hindrance = null, failure_code = $6,
       changed_at = now(), processed_at = case when $4 in ('completed', 'failed') then now() end,
       recorded_at = null
 where tenant_id = $1 and id = $2 and status = any($5)
"""

# Only what it was when it was recorded: a bank may send it back meanwhile.
RECORDED = """
update refunds r set recorded_at = now()
  from unnest($2::uuid[], $3::text[]) as seen (id, status)
 where r.tenant_id = $1 and r.id = seen.id and r.status = seen.status
"""

ADD_UP = """
update payments
   set refunded_minor = (select coalesce(sum(amount_minor), 0) from refunds
                          where tenant_id = $1 and payment_id = $2 and status = 'completed')
 where tenant_id = $1 and id = $2
"""

# A provider's refund is ours when it carries the label we gave it, or a reference we know; else somebody gave
# money back at the provider's own desk.
OURS = """
select id from refunds where tenant_id = $1 and payment_id = $2 and (provider_ref = $3 or id = $4)
 order by provider_ref nulls last limit 1
"""

FOREIGN = """
insert into refunds (tenant_id, id, booking_id, payment_id, n, reference, original_ref, amount_minor,
                     currency, status, cause, provider_ref, initiated_by, told_at)
select $1, $2, $3, $4, null, 'RF-' || lpad(nextval('refund_numbers')::text, 10, '0'), p.provider_ref, $5, $6,
       'pending', 'provider', $7, 'provider', now()
  from payments p where p.tenant_id = $1 and p.id = $4
"""


async def hindered(connection: Connection, tenant_id: TenantId, refund_id: RefundId, why: Hindrance) -> None:
    """Write why the provider does not take a refund now; it stays as it is."""
    await connection.execute(HINDERED, tenant_id, refund_id, why.value)


async def needs_person(
    connection: Connection, tenant_id: TenantId, refund: read.Refund, *, cause: str
) -> bool:
    """Open a case for a refund, unless one is open; says whether it is new."""
    return await case.open_case(
        connection, tenant_id, CaseKind.REFUND, refund.id, cause=cause, booking_id=refund.booking_id
    )


async def answered(
    connection: Connection,
    tenant_id: TenantId,
    refund_id: RefundId,
    *,
    status: RefundStatus,
    provider_ref: str | None = None,
    failure_code: str | None = None,
) -> bool:
    """Write what the provider says of a refund: `processing` (taken), `completed` or `failed`; says whether
    it was news.

    Failed is the last word, also after completed: the money is owed again, unless it went back otherwise.
    Books and events go along.
    """
    before = await read.find(connection, tenant_id, refund_id)
    await connection.execute(intent.LOCK_PAYMENT, tenant_id, before.payment_id)
    sources = [source.value for source in SOURCES[status]]
    moved = await connection.execute(
        ANSWERED, tenant_id, refund_id, provider_ref, status.value, sources, failure_code
    )
    if moved == "UPDATE 1" and status is RefundStatus.COMPLETED:
        clearing = books.provider_clearing(before.provider, before.account)
        posting = books.refund_completed(
            refund_id, provider_ref or "", clearing, before.amount, before.portions
        )
        await ledger.post(connection, tenant_id, posting)
        await owe.tell(connection, tenant_id, before, types.REFUND_COMPLETED)
    if moved == "UPDATE 1" and status is RefundStatus.FAILED:
        completed, failed = (books.refund_source(refund_id, what) for what in ("completed", "failed"))
        await ledger.reverse(connection, tenant_id, completed, under=failed)
        await owe.tell(connection, tenant_id, before, types.REFUND_FAILED)
        if await read.left(connection, tenant_id, before.payment_id) < before.amount.minor:
            await owe.release(connection, tenant_id, before)
    await connection.execute(ADD_UP, tenant_id, before.payment_id)
    return moved == "UPDATE 1"


async def recorded(connection: Connection, tenant_id: TenantId, ended: Sequence[read.Ended]) -> None:
    """Note that the booking of these refunds knows how they ended, so that the sweep need not see to it."""
    ids, statuses = [each.id for each in ended], [each.status for each in ended]
    await connection.execute(RECORDED, tenant_id, ids, statuses)


async def record(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, facts: Sequence[PaymentFact]
) -> None:
    """Bring the refunds of a payment up to what its facts say, whatever their order.

    Of one that has failed the relay tells anew, for its run may be over since it was completed.
    """
    for fact in facts:
        if fact.kind is FactKind.REFUNDED and fact.operation and fact.amount:
            refund_id = await _ours(connection, tenant_id, fact) or await _foreign(
                connection, tenant_id, booking_id, fact, fact.amount
            )
            await answered(
                connection, tenant_id, refund_id, status=RefundStatus.COMPLETED, provider_ref=fact.operation
            )
    for fact in facts:
        failed = fact.kind is FactKind.REFUND_FAILED and await _ours(connection, tenant_id, fact)
        news = failed and await answered(
            connection, tenant_id, failed, status=RefundStatus.FAILED, provider_ref=fact.operation
        )
        if failed and news and may_mean(News.REFUND_RETURNED, Consequence.OWE):
            await run.tell_anew(connection, tenant_id, failed)


async def _ours(connection: Connection, tenant_id: TenantId, fact: PaymentFact) -> RefundId | None:
    found = await connection.fetchval(OURS, tenant_id, fact.payment_id, fact.operation, fact.refund_id)
    return RefundId(found) if found else None


async def _foreign(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, fact: PaymentFact, amount: Money
) -> RefundId:
    """Write down what somebody has given back without us."""
    refund_id = RefundId(uuid7())
    await connection.execute(
        FOREIGN,
        tenant_id,
        refund_id,
        booking_id,
        fact.payment_id,
        amount.minor,
        amount.currency,
        fact.operation,
    )
    await split.give(connection, tenant_id, refund_id)
    await owe.decide(connection, tenant_id, await read.find(connection, tenant_id, refund_id))
    return refund_id
