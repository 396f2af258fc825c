"""The books. Postings are made once; the database balances every transaction at commit."""

from collections.abc import Sequence

from db import event
from db.event import Told
from db.session import Connection
from domain.ids import TenantId
from domain.ledger import Posting

# And tells what it makes true, as `event.APPEND` does.
POST = """
with posted as (
    insert into ledger_transactions (tenant_id, source, external_ref) values ($1, $2, $3)
    on conflict (tenant_id, source, external_ref) do nothing
    returning id
),
entered as (
    insert into ledger_entries (tenant_id, transaction_id, position, account, amount_minor, currency)
    select $1, posted.id, side.position, side.account, side.amount_minor, side.currency
      from posted,
           unnest($4::text[], $5::bigint[], $6::text[]) with ordinality
               as side (account, amount_minor, currency, position)
)
insert into events (tenant_id, subject, n, type, data)
select $1, told.subject,
       coalesce((select max(n) from events where tenant_id = $1 and subject = told.subject), 0)
           + row_number() over (partition by told.subject order by told.place),
       told.type, told.data
  from rows from (jsonb_to_recordset($7) as (subject uuid, type text, data jsonb))
       with ordinality as told (subject, type, data, place)
 order by told.place
"""

# The same transaction the other way round, under a source of its own.
REVERSE = """
with reversed as (
    select t.id, t.external_ref from ledger_transactions t where t.tenant_id = $1 and t.source = $2
),
posted as (
    insert into ledger_transactions (tenant_id, source, external_ref)
    select $1, $3, reversed.external_ref from reversed
    on conflict (tenant_id, source, external_ref) do nothing
    returning id, external_ref
)
insert into ledger_entries (tenant_id, transaction_id, position, account, amount_minor, currency)
select $1, posted.id, e.position, e.account, -e.amount_minor, e.currency
  from posted
  join reversed on reversed.external_ref = posted.external_ref
  join ledger_entries e on e.tenant_id = $1 and e.transaction_id = reversed.id
"""

CREDITS = """
select e.account, -sum(e.amount_minor)::bigint as minor
  from ledger_transactions t
  join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id
 where t.tenant_id = $1 and t.source = any($2)
 group by e.account having sum(e.amount_minor) < 0 order by e.account
"""

BALANCES = """
select account, currency, sum(amount_minor)::bigint as minor
  from ledger_entries where tenant_id = $1 group by account, currency order by account, currency
"""


async def post(connection: Connection, tenant_id: TenantId, posting: Posting, *events: Told) -> None:
    """Post a transaction, and append events in the same round trip. A repeat of its (source, external_ref)
    changes nothing in the books, nor does an empty one; the events are appended all the same.
    """
    if not posting.entries:
        await event.append(connection, tenant_id, *events)
        return
    await connection.execute(
        POST,
        tenant_id,
        posting.source,
        posting.external_ref,
        [entry.account for entry in posting.entries],
        [entry.amount.minor for entry in posting.entries],
        [entry.amount.currency for entry in posting.entries],
        event.rows(events),
    )
    event.tell(connection, events)


async def reverse(connection: Connection, tenant_id: TenantId, source: str, *, under: str) -> None:
    """Take a source's transaction back, `under` a source of its own; a repeat changes nothing, nor does a
    source that was never posted.
    """
    await connection.execute(REVERSE, tenant_id, source, under)


async def earnings(connection: Connection, tenant_id: TenantId, sources: Sequence[str]) -> dict[str, int]:
    """Add up what the transactions of these sources have left to whom: minor units by account, none of 0."""
    rows = await connection.fetch(CREDITS, tenant_id, sources)
    return {row["account"]: row["minor"] for row in rows}


async def balances(connection: Connection, tenant_id: TenantId) -> dict[tuple[str, str], int]:
    """Add up the accounts by (account, currency), in minor units, debit positive."""
    rows = await connection.fetch(BALANCES, tenant_id)
    return {(row["account"], row["currency"]): row["minor"] for row in rows}
