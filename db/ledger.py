"""The books. Postings are made once; the database balances every transaction at commit."""

from db.session import Connection
from domain.ids import TenantId
from domain.ledger import Posting

POST = """
with posted as (
    insert into ledger_transactions (tenant_id, source, external_ref) values ($1, $2, $3)
    on conflict (tenant_id, source, external_ref) do nothing
    returning id
)
insert into ledger_entries (tenant_id, transaction_id, position, account, amount_minor, currency)
select $1, posted.id, side.position, side.account, side.amount_minor, side.currency
  from posted,
       unnest($4::text[], $5::bigint[], $6::text[]) with ordinality
           as side (account, amount_minor, currency, position)
"""

BALANCES = """
select account, currency, sum(amount_minor)::bigint as minor
  from ledger_entries where tenant_id = $1 group by account, currency order by account, currency
"""


async def post(connection: Connection, tenant_id: TenantId, posting: Posting) -> None:
    """Post a transaction; a repeat of its (source, external_ref) changes nothing, nor does an empty one."""
    if not posting.entries:
        return
    await connection.execute(
        POST,
        tenant_id,
        posting.source,
        posting.external_ref,
        [entry.account for entry in posting.entries],
        [entry.amount.minor for entry in posting.entries],
        [entry.amount.currency for entry in posting.entries],
    )


async def balances(connection: Connection, tenant_id: TenantId) -> dict[tuple[str, str], int]:
    """Add up the accounts by (account, currency), in minor units, debit positive."""
    rows = await connection.fetch(BALANCES, tenant_id)
    return {(row["account"], row["currency"]): row["minor"] for row in rows}
