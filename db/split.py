"""Whom a payment is divided among at its provider, and by whom a refund is given: written before the provider
hears of it, so that a repeat says the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from db.session import Connection
from domain.ids import PaymentId, RefundId, TenantId
from domain.money import Money
from domain.split import Portion, Share, in_proportion, left, portions

PAYEES = """
select vendor, payee from vendor_payees where tenant_id = $1 and provider = $2 and account = $3
"""

PUT_PAYEE = """
insert into vendor_payees (tenant_id, vendor, provider, account, payee) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, vendor, provider, account) do update set payee = $5
"""

# The first word stays.
DIVIDE = """
update payments set portions = coalesce(portions, $3)
 where tenant_id = $1 and id = $2 returning portions
"""

TO_GIVE = """
select r.amount_minor, r.currency, p.portions,
       (select coalesce(jsonb_agg(other.portions), '[]') from refunds other
         where other.tenant_id = $1 and other.payment_id = p.id and other.id <> $2
           and other.status <> 'failed' and other.portions is not null) as given
  from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
 where r.tenant_id = $1 and r.id = $2 and p.portions is not null
"""

GIVE = "update refunds set portions = $3 where tenant_id = $1 and id = $2"


async def put_payee(
    connection: Connection, tenant_id: TenantId, vendor: str, *, provider: str, account: str, payee: str
) -> None:
    """Write which balance a vendor has at a provider; payments that are divided already keep theirs."""
    await connection.execute(PUT_PAYEE, tenant_id, vendor, provider, account, payee)


async def divide(
    connection: Connection,
    tenant_id: TenantId,
    payment_id: PaymentId,
    amount: Money,
    shares: Sequence[Share],
    *,
    provider: str,
    account: str,
) -> tuple[Portion, ...]:
    """Divide a payment among the vendors that have a balance with this account; a repeat gives the same."""
    rows = await connection.fetch(PAYEES, tenant_id, provider, account)
    payees: dict[str, str] = {row["vendor"]: row["payee"] for row in rows}
    divided = written(portions(amount, shares, payees))
    return read(await connection.fetchval(DIVIDE, tenant_id, payment_id, divided)) or ()


async def give(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> None:
    """Have each who got a portion of a payment give of it in proportion to what is left of theirs.

    Whoever calls holds the payment's row, so that nobody gives more than they got.
    """
    row = await connection.fetchrow(TO_GIVE, tenant_id, refund_id)
    if row is None:
        return
    amount = Money(minor=row["amount_minor"], currency=row["currency"])
    rest = left(read(row["portions"]) or (), [read(each) or () for each in row["given"]])
    await connection.execute(GIVE, tenant_id, refund_id, written(in_proportion(amount, rest)))


def read(column: Sequence[Mapping[str, Any]] | None) -> tuple[Portion, ...] | None:
    """Read portions as they are stored; nothing of what was never divided."""
    return None if column is None else tuple(Portion.model_validate(each) for each in column)


def written(portions: Sequence[Portion]) -> list[dict[str, Any]]:
    """Write portions as they are stored."""
    return [portion.model_dump(mode="json") for portion in portions]
