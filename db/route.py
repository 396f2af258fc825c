"""Which account takes a payment, as an organizer has ruled."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from db.session import Connection
from db.tenant import Account
from domain.ids import ChannelId, TenantId
from domain.route import AccountName, RouteRule

RULES = """
select accounts, offer_id, method, country, currency from payment_routes
 where tenant_id = $1 order by position
"""

# Of a channel that is not there: no address of return.
RULED = """
select coalesce((select return_origins from channels where tenant_id = $1 and id = $2), '{}') as origins,
       (select coalesce(jsonb_agg(to_jsonb(a) order by a.preferred desc, a.provider, a.name), '[]')
          from provider_accounts a where a.tenant_id = $1) as accounts,
       (select coalesce(jsonb_agg(to_jsonb(r) order by r.position), '[]')
          from payment_routes r where r.tenant_id = $1) as rules
"""

# Who writes the rules anew waits for whoever does so now.
IN_TURN = "select from tenants where id = $1 for no key update"
CLEAR = "delete from payment_routes where tenant_id = $1"
PUT = """
insert into payment_routes (tenant_id, position, accounts, offer_id, method, country, currency)
values ($1, $2, $3, $4, $5, $6, $7)
"""


class Ruled(NamedTuple):
    """What an organizer has ruled on payments: where the buyers of a channel may come back to, the accounts
    there are, the preferred one first, and the rules, in the order they were written.
    """

    origins: tuple[str, ...]
    accounts: tuple[Account, ...]
    rules: tuple[RouteRule, ...]


async def ruled(connection: Connection, tenant_id: TenantId, channel_id: ChannelId) -> Ruled:
    """Tell all that a wish to pay is judged by, of what was sold at this channel."""
    row = await connection.fetchrow(RULED, tenant_id, channel_id)
    assert row is not None  # noqa: S101 - it is made of aggregates
    return Ruled(
        origins=tuple(row["origins"]),
        accounts=tuple(Account(**account) for account in row["accounts"]),
        rules=tuple(map(_rule, row["rules"])),
    )


async def rules(connection: Connection, tenant_id: TenantId) -> list[RouteRule]:
    """List the rules of a tenant, in the order they were written."""
    return [_rule(dict(row)) for row in await connection.fetch(RULES, tenant_id)]


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


def _rule(row: Mapping[str, Any]) -> RouteRule:
    return RouteRule(**{**row, "accounts": tuple(map(AccountName.parse, row["accounts"]))})
