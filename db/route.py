"""Which account takes a payment, as an organizer has ruled."""

from collections.abc import Sequence

from db.session import Connection
from domain.ids import TenantId
from domain.route import AccountName, RouteRule

RULES = """
select accounts, offer_id, method, country, currency from payment_routes
 where tenant_id = $1 order by position
"""

# Who writes the rules anew waits for whoever does so now.
IN_TURN = "select from tenants where id = $1 for no key update"
CLEAR = "delete from payment_routes where tenant_id = $1"
PUT = """
insert into payment_routes (tenant_id, position, accounts, offer_id, method, country, currency)
values ($1, $2, $3, $4, $5, $6, $7)
"""


async def rules(connection: Connection, tenant_id: TenantId) -> list[RouteRule]:
    """List the rules of a tenant, in the order they were written."""
    return [
        RouteRule(**{**row, "accounts": tuple(map(AccountName.parse, row["accounts"]))})
        for row in await connection.fetch(RULES, tenant_id)
    ]


async def put(connection: Connection, tenant_id: TenantId, rules: Sequence[RouteRule]) -> None:
    """Write all rules of a tenant, in place of those before; no two are for the same purchases."""
    await connection.execute(IN_TURN, tenant_id)
    await connection.execute(CLEAR, tenant_id)
    for position, rule in enumerate(rules):
        await connection.execute(
            PUT,
            tenant_id,
            position,
            [*map(str, rule.accounts)],
            rule.offer_id,
            rule.method,
            rule.country,
            rule.currency,
        )
