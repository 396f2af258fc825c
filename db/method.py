"""Stored payment methods, and whom a provider keeps them for. Only the payment role comes here: it alone
reads a token.

A user's rows are locked by their customer's, so that two wishes for a default cannot both be granted.
"""

from datetime import datetime
from typing import NamedTuple

import asyncpg
from pydantic import JsonValue
from uuid_utils.compat import uuid7

from db.session import Connection
from domain.ids import MethodId, PaymentId, TenantId
from domain.refusal import InvalidRequest, MethodDeactivated, Unknown
from domain.route import AccountName

PUT_CUSTOMER = """
insert into payment_customers (tenant_id, id, user_id, provider, account) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, user_id, provider, account) do nothing
"""

PUT_PAYER = """
insert into payment_customers (tenant_id, id, user_id, provider, account)
select tenant_id, $3, user_id, provider, account from payments
 where tenant_id = $1 and id = $2 and user_id is not null
on conflict (tenant_id, user_id, provider, account) do nothing
"""

PAYER = """
select c.id from payment_customers c
  join payments p on p.tenant_id = c.tenant_id and p.user_id = c.user_id
                 and p.provider = c.provider and p.account = c.account
 where p.tenant_id = $1 and p.id = $2
"""

PAID_THROUGH = "select provider, account from payments where tenant_id = $1 and user_id = $2 and id = $3"

CUSTOMER = """
select id, provider_ref from payment_customers
 where tenant_id = $1 and user_id = $2 and provider = $3 and account = $4
"""

NAME_CUSTOMER = """
update payment_customers set provider_ref = coalesce(provider_ref, $3)
 where tenant_id = $1 and id = (select customer_id from payment_methods where tenant_id = $1 and id = $2)
returning provider_ref
"""

COUNT_CUSTOMER = """
update payment_customers set calls = calls + 1
 where tenant_id = $1 and id = (select customer_id from payment_methods where tenant_id = $1 and id = $2)
returning calls
"""

WISH = """
insert into payment_methods (tenant_id, id, customer_id, user_id, provider, account, token, wants_default)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id, id) do nothing
"""

OF_USER = """
select id, user_id, provider, account, kind, brand, last4, is_default, is_active, created_at, last_used_at,
       deactivated_at
  from payment_methods where tenant_id = $1 and user_id = $2 and is_active order by is_default desc, id desc
"""

OWNED = """
select id, user_id, provider, account, kind, brand, last4, is_default, is_active, created_at, last_used_at,
       deactivated_at
  from payment_methods where tenant_id = $1 and user_id = $2 and id = $3
"""

TOKENS = "select id, token from payment_methods where tenant_id = $1 and id = any($2)"

CUSTOMERS = """
select provider, account, provider_ref from payment_customers
 where tenant_id = $1 and user_id = $2 and provider_ref is not null
"""

KEPT = """
select m.token, m.customer_id, m.is_active, m.provider, m.account, m.deactivated_at,
       c.provider_ref as customer
  from payment_methods m
  join payment_customers c on c.tenant_id = m.tenant_id and c.id = m.customer_id
 where m.tenant_id = $1 and m.id = $2
"""

LOCK_CUSTOMERS = """
select from payment_customers
 where tenant_id = $1 and user_id = (select user_id from payment_methods where tenant_id = $1 and id = $2)
 order by id for update
"""

STORED = """
update payment_methods
   set token = $3, kind = $4, brand = $5, last4 = $6, is_active = true, stored_at = now()
 where tenant_id = $1 and id = $2 and stored_at is null and deactivated_at is null
returning wants_default
"""

NO_DEFAULT = """
update payment_methods set is_default = false
 where tenant_id = $1 and is_default
   and user_id = (select user_id from payment_methods where tenant_id = $1 and id = $2)
"""

DEFAULT = """
update payment_methods set is_default = true where tenant_id = $1 and id = $2 and is_active returning id
"""

DEACTIVATE = """
update payment_methods
   set is_active = false, is_default = false, deactivated_at = coalesce(deactivated_at, now())
 where tenant_id = $1 and id = $2
"""

DROP = "delete from payment_methods where tenant_id = $1 and id = $2 and stored_at is null"

USED = """
update payment_methods set last_used_at = now() where tenant_id = $1 and id = $2 and is_active returning id
"""


class Method(NamedTuple):
    """A stored method as its user sees it, but for what is read from the provider to be shown."""

    id: MethodId
    user_id: str
    provider: str
    account: str
    kind: str | None
    brand: str | None
    last4: str | None
    is_default: bool
    is_active: bool
    created_at: datetime
    last_used_at: datetime | None
    deactivated_at: datetime | None


class Kept(NamedTuple):
    """A method as the provider's gateway needs it; `owner` labels its customer there, who may have no name
    (`customer`) yet.
    """

    token: str
    provider: str
    account: str
    owner: str
    customer: str | None
    is_active: bool
    is_given_up: bool


async def wish(
    connection: Connection,
    tenant_id: TenantId,
    method_id: MethodId,
    *,
    user_id: str,
    provider: str,
    account: str,
    token: str,
    is_default: bool,
) -> None:
    """Write a method down before the provider is asked to keep it; a repeat changes nothing.

    Refuses InvalidRequest for a token that stands for another method already.
    """
    await connection.execute(PUT_CUSTOMER, tenant_id, uuid7(), user_id, provider, account)
    row = await connection.fetchrow(CUSTOMER, tenant_id, user_id, provider, account)
    assert row is not None  # noqa: S101 - written a line ago
    try:
        await connection.execute(
            WISH, tenant_id, method_id, row["id"], user_id, provider, account, token, is_default
        )
    except asyncpg.UniqueViolationError:
        error: JsonValue = {
            "pointer": "/payment_token",
            "code": "not_allowed",
            "detail": "This token was used before.",
        }
        raise InvalidRequest("This token was used before.", errors=[error]) from None


async def payer(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> str | None:
    """Label whom a provider keeps what is paid with for: the user who pays; nothing for a guest."""
    await connection.execute(PUT_PAYER, tenant_id, payment_id, uuid7())
    found = await connection.fetchval(PAYER, tenant_id, payment_id)
    return None if found is None else str(found)


async def paid_through(
    connection: Connection, tenant_id: TenantId, user_id: str, payment_id: PaymentId
) -> AccountName:
    """Tell through which account a user paid. Refuses Unknown, also for somebody else's payment."""
    row = await connection.fetchrow(PAID_THROUGH, tenant_id, user_id, payment_id)
    if row is None:
        raise Unknown("There is no such payment.")
    return AccountName(provider=row["provider"], name=row["account"])


async def of_user(connection: Connection, tenant_id: TenantId, user_id: str) -> list[Method]:
    """List the active methods of a user, the default first, then the newest."""
    return [Method(**row) for row in await connection.fetch(OF_USER, tenant_id, user_id)]


async def owned(connection: Connection, tenant_id: TenantId, user_id: str, method_id: MethodId) -> Method:
    """Find a method of this user, active or not. Refuses Unknown, also for somebody else's."""
    row = await connection.fetchrow(OWNED, tenant_id, user_id, method_id)
    if row is None:
        raise Unknown("There is no such method.")
    return Method(**row)


async def kept(connection: Connection, tenant_id: TenantId, method_id: MethodId) -> Kept:
    """Find what the provider's gateway needs to know. Refuses Unknown."""
    row = await connection.fetchrow(KEPT, tenant_id, method_id)
    if row is None:
        raise Unknown("There is no such method.")
    return Kept(
        token=row["token"],
        provider=row["provider"],
        account=row["account"],
        owner=str(row["customer_id"]),
        customer=row["customer"],
        is_active=row["is_active"],
        is_given_up=row["deactivated_at"] is not None,
    )


async def customers(connection: Connection, tenant_id: TenantId, user_id: str) -> list[tuple[str, str, str]]:
    """List (provider, account, the provider's id) of whom methods of a user are kept for."""
    return [tuple(row) for row in await connection.fetch(CUSTOMERS, tenant_id, user_id)]


async def tokens(
    connection: Connection, tenant_id: TenantId, method_ids: list[MethodId]
) -> dict[MethodId, str]:
    """Read what names these methods at their provider."""
    rows = await connection.fetch(TOKENS, tenant_id, method_ids)
    return {MethodId(row["id"]): row["token"] for row in rows}


async def count_customer(connection: Connection, tenant_id: TenantId, method_id: MethodId) -> int:
    """Count, before the call, that the provider is asked to make a customer; gives how often."""
    calls: int = await connection.fetchval(COUNT_CUSTOMER, tenant_id, method_id)
    return calls


async def name_customer(
    connection: Connection, tenant_id: TenantId, method_id: MethodId, provider_ref: str
) -> str:
    """Write what the provider calls whom it keeps this method for; gives the first name that was written."""
    first: str = await connection.fetchval(NAME_CUSTOMER, tenant_id, method_id, provider_ref)
    return first


async def stored(
    connection: Connection,
    tenant_id: TenantId,
    method_id: MethodId,
    *,
    token: str,
    kind: str,
    brand: str | None,
    last4: str | None,
) -> None:
    """Make a method that the provider keeps one to pay with; a repeat changes nothing."""
    await connection.fetch(LOCK_CUSTOMERS, tenant_id, method_id)
    wants_default = await connection.fetchval(STORED, tenant_id, method_id, token, kind, brand, last4)
    if wants_default:
        await make_default(connection, tenant_id, method_id)


async def make_default(connection: Connection, tenant_id: TenantId, method_id: MethodId) -> None:
    """Make an active method its user's default, in place of the one before. Refuses MethodDeactivated."""
    await connection.fetch(LOCK_CUSTOMERS, tenant_id, method_id)
    await connection.execute(NO_DEFAULT, tenant_id, method_id)
    if await connection.fetchval(DEFAULT, tenant_id, method_id) is None:
        raise MethodDeactivated("This method cannot be paid with.")


async def deactivate(connection: Connection, tenant_id: TenantId, method_id: MethodId) -> None:
    """Let nobody pay with a method any more; a repeat changes nothing."""
    await connection.execute(DEACTIVATE, tenant_id, method_id)


async def drop(connection: Connection, tenant_id: TenantId, method_id: MethodId) -> None:
    """Forget a method that the provider has refused to keep."""
    await connection.execute(DROP, tenant_id, method_id)


async def use(connection: Connection, tenant_id: TenantId, method_id: MethodId) -> Kept:
    """Take a method to pay with, and note when. Refuses Unknown, MethodDeactivated."""
    found = await kept(connection, tenant_id, method_id)
    if await connection.fetchval(USED, tenant_id, method_id) is None:
        raise MethodDeactivated("This method cannot be paid with.")
    return found
