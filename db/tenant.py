"""Who sells: channels by their keys, accounts at payment providers."""

from db.session import Connection
from domain.ids import ChannelId, TenantId
from domain.value import Value


class Channel(Value):
    """A shop front of a tenant; `source` (web, mobile, api) is what its bookings are counted under."""

    id: ChannelId
    tenant_id: TenantId
    name: str
    source: str


class Account(Value):
    """An account at a payment provider, by our name for it."""

    provider: str
    name: str
    mode: str


CHANNEL_BY_KEY = "select id, tenant_id, name, source from channels where publishable_key = $1"

CHANNEL = "select id, tenant_id, name, source from channels where tenant_id = $1 and id = $2"

ACCOUNTS = """
select provider, name, mode from provider_accounts
 where tenant_id = $1 order by preferred desc, provider, name
"""


async def channel(connection: Connection, key: str) -> Channel | None:
    """Find the channel of a publishable key, in a transaction `across(shown=key)`."""
    row = await connection.fetchrow(CHANNEL_BY_KEY, key)
    return Channel(**row) if row else None


async def channel_by_id(connection: Connection, tenant_id: TenantId, channel_id: ChannelId) -> Channel | None:
    """Find a channel of the tenant."""
    row = await connection.fetchrow(CHANNEL, tenant_id, channel_id)
    return Channel(**row) if row else None


async def accounts(connection: Connection, tenant_id: TenantId) -> list[Account]:
    """List the tenant's accounts at payment providers, the preferred one first."""
    return [Account(**row) for row in await connection.fetch(ACCOUNTS, tenant_id)]
