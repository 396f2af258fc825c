"""Refunds: asked for once under their own id, and what providers say of them. Written by the payment role."""

from collections.abc import Sequence
from typing import NamedTuple

from uuid_utils.compat import uuid7

from db import event, ledger
from db.event import Told
from db.session import Connection, Record
from domain import event as types, ledger as books
from domain.ids import BookingId, PaymentId, RefundId, TenantId, derived
from domain.ledger import Entry, Posting
from domain.money import Money
from domain.payment import FactKind, PaymentFact, RefundPayment
from domain.refusal import ProviderRefused

# Never more than was taken and has not been given back.
ASK = """
insert into refunds (tenant_id, id, booking_id, payment_id, n, amount_minor, currency, status, cause)
select $1, $2, p.booking_id, p.id, $4, $5::bigint, p.currency, 'pending', $6
  from payments p
 where p.tenant_id = $1 and p.id = $3 and p.currency = $7
   and p.captured_minor - (select coalesce(sum(r.amount_minor), 0) from refunds r
                            where r.tenant_id = $1 and r.payment_id = $3 and r.status <> 'failed') >= $5
   and not exists (select from refunds where tenant_id = $1 and id = $2)
"""

LOCK_PAYMENT = "select id from payments where tenant_id = $1 and id = $2 for no key update"

REFUND = """
select r.id, r.booking_id, r.payment_id, r.amount_minor, r.currency, r.status, r.provider_ref,
       p.provider, p.account, p.provider_ref as payment_ref
  from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
 where r.tenant_id = $1 and r.id = $2
"""

COUNT_CALL = "update refunds set calls = calls + 1 where tenant_id = $1 and id = $2 returning calls"

ANSWERED = """
update refunds set provider_ref = coalesce(provider_ref, $3), status = $4,
       completed_at = case when $4 = 'completed' then now() end
 where tenant_id = $1 and id = $2 and status = any($5)
"""

# A provider's refund is ours when it bears a reference we know; else, when it is as large as one of which we
# have not heard; else somebody gave money back at the provider's own desk.
OURS = """
select id from refunds
 where tenant_id = $1 and payment_id = $2
   and (provider_ref = $3 or (provider_ref is null and status = 'pending' and amount_minor = $4))
 order by provider_ref nulls last, created_at limit 1
"""

FOREIGN = """
insert into refunds (tenant_id, id, booking_id, payment_id, n, amount_minor, currency, status, cause,
                     provider_ref)
values ($1, $2, $3, $4, null, $5, $6, 'pending', 'provider', $7)
"""

FROM = {
    "processing": ["pending"],
    "completed": ["pending", "processing"],
    "failed": ["pending", "processing", "completed"],
}


class Refund(NamedTuple):
    """A refund as it stands: `provider_ref` is the provider's reference, `payment_ref` its payment's."""

    id: RefundId
    booking_id: BookingId
    payment_id: PaymentId
    amount: Money
    status: str
    provider_ref: str | None
    provider: str
    account: str
    payment_ref: str | None


async def ask(connection: Connection, request: RefundPayment) -> Refund:
    """Write that a refund is asked for, before the provider hears of it; a repeat gives the same one.

    Refuses ProviderRefused when more would go back than is left.
    """
    refund_id = RefundId(derived(request.payment_id, f"refund:{request.n}"))
    await connection.execute(LOCK_PAYMENT, request.tenant_id, request.payment_id)
    written = await connection.execute(
        ASK,
        request.tenant_id,
        refund_id,
        request.payment_id,
        request.n,
        request.amount.minor,
        request.cause,
        request.amount.currency,
    )
    refund = await find(connection, request.tenant_id, refund_id)
    if refund is None:
        raise ProviderRefused("More would go back than is left.", reason="refund_exceeds_payment")
    if written == "INSERT 0 1":
        await _tell(connection, request.tenant_id, refund, types.REFUND_INITIATED)
    return refund


async def count_call(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> int:
    """Count, before the call, that the provider is asked for this refund; gives how often."""
    calls: int = await connection.fetchval(COUNT_CALL, tenant_id, refund_id)
    return calls


async def find(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> Refund | None:
    """Find a refund."""
    row = await connection.fetchrow(REFUND, tenant_id, refund_id)
    return _refund(row) if row else None


async def answered(
    connection: Connection, tenant_id: TenantId, refund_id: RefundId, *, provider_ref: str, status: str
) -> None:
    """Write what the provider says of a refund: `processing` (taken), `completed` or `failed`.

    Failed is the last word, also after completed. Known already: nothing done. Books and events go along.
    """
    before = await find(connection, tenant_id, refund_id)
    moved = await connection.execute(ANSWERED, tenant_id, refund_id, provider_ref, status, FROM[status])
    if before is None or moved == "UPDATE 0" or status == "processing":
        return
    clearing = books.provider_clearing(before.provider, before.account)
    posting = books.refund_completed(refund_id, provider_ref, clearing, before.amount)
    if status == "completed":
        await ledger.post(connection, tenant_id, posting)
        await _tell(connection, tenant_id, before, types.REFUND_COMPLETED)
        return
    if before.status == "completed":
        await ledger.post(connection, tenant_id, _reversed(posting))
    await _tell(connection, tenant_id, before, types.REFUND_FAILED)


async def record(
    connection: Connection,
    tenant_id: TenantId,
    booking_id: BookingId,
    payment_id: PaymentId,
    facts: Sequence[PaymentFact],
) -> None:
    """Bring the refunds of a payment up to what its facts say, whatever their order."""
    for fact in facts:
        if fact.kind is FactKind.REFUNDED and fact.amount:
            refund_id = await _matched(
                connection, tenant_id, booking_id, payment_id, fact.operation, fact.amount
            )
            await answered(connection, tenant_id, refund_id, provider_ref=fact.operation, status="completed")
    for fact in facts:
        if fact.kind is FactKind.REFUND_FAILED:
            minor = fact.amount.minor if fact.amount else None
            found = await connection.fetchval(OURS, tenant_id, payment_id, fact.operation, minor)
            if found:
                refund_id = RefundId(found)
                await answered(connection, tenant_id, refund_id, provider_ref=fact.operation, status="failed")


async def _matched(
    connection: Connection,
    tenant_id: TenantId,
    booking_id: BookingId,
    payment_id: PaymentId,
    operation: str,
    amount: Money,
) -> RefundId:
    found = await connection.fetchval(OURS, tenant_id, payment_id, operation, amount.minor)
    if found:
        return RefundId(found)
    refund_id = RefundId(uuid7())
    await connection.execute(
        FOREIGN, tenant_id, refund_id, booking_id, payment_id, amount.minor, amount.currency, operation
    )
    return refund_id


async def _tell(connection: Connection, tenant_id: TenantId, refund: Refund, what: str) -> None:
    data = {"payment_id": str(refund.payment_id), "amount": refund.amount.model_dump()}
    await event.append(connection, tenant_id, Told(refund.id, what, data))


def _reversed(posting: Posting) -> Posting:
    """Write the opposite of a posting, under a source of its own."""
    entries = tuple(Entry(account=entry.account, amount=-entry.amount) for entry in posting.entries)
    return Posting(
        source=posting.source.replace(":completed", ":failed"),
        external_ref=posting.external_ref,
        entries=entries,
    )


def _refund(row: Record) -> Refund:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    return Refund(**columns, amount=amount)
