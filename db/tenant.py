"""Who sells: channels by their keys, accounts at payment providers."""

from db.session import Connection
from domain.ids import ChannelId, TenantId
from domain.value import Value


class Channel(Value):
    """A shop front of a tenant; `source` (web, mobile, api) is what its bookings are counted under.

    `return_origins` (such as `https://shop.example`, of an app `shop://booking`) are where its buyers may
    come back to from paying.
    """

    id: ChannelId
    tenant_id: TenantId
    name: str
    source: str
    return_origins: tuple[str, ...] = ()


class Account(Value):
    """An account at a payment provider, by our name for it."""

    provider: str
    name: str
    mode: str


CHANNEL_BY_KEY = """
select id, tenant_id, name, source, return_origins from channels where publishable_key = $1
"""

CHANNEL = """
select id, tenant_id, name, source, return_origins from channels where tenant_id = $1 and id = $2
"""

ACCOUNTS = """
select provider, name, mode from provider_accounts
 where tenant_id = $1 order by preferred desc, provider, name
"""

PUT_TENANT = """
insert into tenants (id, name, slug, reference_pattern, ticket_pattern, fee_basis_points, operators_email)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (id) do update
   set name = $2, slug = $3, reference_pattern = $4, ticket_pattern = $5, fee_basis_points = $6,
       operators_email = $7
"""

PUT_CHANNEL = """
insert into channels (tenant_id, id, name, source, publishable_key, return_origins)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, id) do update
   set name = $3, source = $4, publishable_key = $5, return_origins = $6
"""

PUT_ACCOUNT = """
insert into provider_accounts (tenant_id, provider, name, mode, preferred) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, provider, name) do update set mode = $4, preferred = $5
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


async def put(
    connection: Connection,
    tenant_id: TenantId,
    *,
    name: str,
    slug: str,
    reference_pattern: str = "BK-{year}-{number:6}",
    ticket_pattern: str = "HB-{year}-{number:6}",
    fee_basis_points: int = 500,
    operators_email: str | None = None,
) -> None:
    """Write a tenant, new or changed; the patterns are those of `domain.ids.reference`.

    Who is mailed at `operators_email` hears of every case of a booking.
    """
    await connection.execute(
        PUT_TENANT,
        tenant_id,
        name,
        slug,
        reference_pattern,
        ticket_pattern,
        fee_basis_points,
        operators_email,
    )


async def put_channel(connection: Connection, channel: Channel, publishable_key: str) -> None:
    """Write a channel with its key, new or changed."""
    await connection.execute(
        PUT_CHANNEL,
        channel.tenant_id,
        channel.id,
        channel.name,
        channel.source,
        publishable_key,
        channel.return_origins,
    )


async def put_account(
    connection: Connection, tenant_id: TenantId, account: Account, *, preferred: bool
) -> None:
    """Write an account at a payment provider, new or changed; one account of a tenant is preferred."""
    await connection.execute(PUT_ACCOUNT, tenant_id, account.provider, account.name, account.mode, preferred)
