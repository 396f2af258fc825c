"""Stored methods in the database: one default, one token, nothing of the card, and only the payment role."""

import asyncio

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db import method as methods
from db.booking.place import place
from domain.ids import MethodId, TenantId
from domain.refusal import InvalidRequest, MethodDeactivated, Unknown
from tests.support.database import Databases
from tests.support.shop import open_shop, pay


async def tenant_of(databases: Databases) -> TenantId:
    return (await open_shop(databases.app)).tenant_id


async def wish(
    databases: Databases, tenant_id: TenantId, token: str, *, user: str = "ada", is_default: bool = False
) -> MethodId:
    method_id = MethodId(uuid7())
    async with databases.payment.tenant(tenant_id) as connection:
        await methods.wish(
            connection,
            tenant_id,
            method_id,
            user_id=user,
            provider="stripe",
            account="default",
            token=token,
            is_default=is_default,
        )
    return method_id


async def store(databases: Databases, tenant_id: TenantId, method_id: MethodId, token: str) -> None:
    async with databases.payment.tenant(tenant_id) as connection:
        await methods.stored(
            connection, tenant_id, method_id, token=token, kind="card", brand="visa", last4="4242"
        )


async def kept(
    databases: Databases, tenant_id: TenantId, token: str, *, user: str = "ada", is_default: bool = False
) -> MethodId:
    method_id = await wish(databases, tenant_id, token, user=user, is_default=is_default)
    await store(databases, tenant_id, method_id, token)
    return method_id


async def defaults(databases: Databases, tenant_id: TenantId, user: str = "ada") -> list[MethodId]:
    async with databases.payment.tenant(tenant_id) as connection:
        return [each.id for each in await methods.of_user(connection, tenant_id, user) if each.is_default]


async def make_default(databases: Databases, tenant_id: TenantId, method_id: MethodId) -> None:
    async with databases.payment.tenant(tenant_id) as connection:
        await methods.make_default(connection, tenant_id, method_id)


async def test_a_method_can_be_paid_with_from_when_the_provider_keeps_it_until_it_is_given_up(
    databases: Databases,
) -> None:
    tenant_id = await tenant_of(databases)
    method_id = await wish(databases, tenant_id, "pm_1")

    for ready in (False, True, False):
        async with databases.payment.tenant(tenant_id) as connection:
            if ready:
                assert (await methods.use(connection, tenant_id, method_id)).token == "pm_1"  # noqa: S105
                await methods.deactivate(connection, tenant_id, method_id)
            else:
                with pytest.raises(MethodDeactivated):
                    await methods.use(connection, tenant_id, method_id)
        await store(databases, tenant_id, method_id, "pm_1")

    async with databases.payment.tenant(tenant_id) as connection:
        row = await methods.owned(connection, tenant_id, "ada", method_id)
        assert row.last_used_at is not None
        with pytest.raises(Unknown):
            await methods.owned(connection, tenant_id, "bob", method_id)


@pytest.mark.row("PAY-17")
async def test_a_new_default_takes_the_place_of_the_one_before(databases: Databases) -> None:
    tenant_id = await tenant_of(databases)
    first = await kept(databases, tenant_id, "pm_1", is_default=True)
    others = [await kept(databases, tenant_id, f"pm_{n}") for n in range(2, 6)]
    assert await defaults(databases, tenant_id) == [first]

    await asyncio.gather(*(make_default(databases, tenant_id, each) for each in (first, *others)))

    assert len(await defaults(databases, tenant_id)) == 1


@pytest.mark.row("PAY-17")
async def test_no_statement_gives_a_user_two_defaults(databases: Databases) -> None:
    tenant_id = await tenant_of(databases)
    for n in range(2):
        await kept(databases, tenant_id, f"pm_{n}")

    with pytest.raises(asyncpg.UniqueViolationError):
        async with databases.payment.tenant(tenant_id) as connection:
            await connection.execute("update payment_methods set is_default = true")


async def test_what_is_given_up_is_no_default(databases: Databases) -> None:
    tenant_id = await tenant_of(databases)
    method_id = await kept(databases, tenant_id, "pm_1", is_default=True)

    async with databases.payment.tenant(tenant_id) as connection:
        await methods.deactivate(connection, tenant_id, method_id)

    assert await defaults(databases, tenant_id) == []
    with pytest.raises(MethodDeactivated):
        await make_default(databases, tenant_id, method_id)


@pytest.mark.row("PAY-16", partly="the list is shown at the door")
async def test_a_token_stands_for_one_method(databases: Databases) -> None:
    tenant_id = await tenant_of(databases)
    await kept(databases, tenant_id, "pm_1")

    with pytest.raises(InvalidRequest):
        await wish(databases, tenant_id, "pm_1", user="bob")


@pytest.mark.row("PAY-16", partly="the list is shown at the door")
async def test_nothing_of_a_card_but_its_brand_and_last_digits_has_a_column(databases: Databases) -> None:
    async with databases.payment.across() as connection:
        columns = await connection.fetch(
            "select table_name || '.' || column_name as name from information_schema.columns"
            " where table_schema = 'public'"
        )

    named = {row["name"] for row in columns}
    forbidden = ("pan", "card_number", "cvc", "cvv", "expiry", "exp_month", "exp_year", "holder_name")
    assert [name for name in named if name.partition(".")[2] in forbidden] == []
    assert {"payment_methods.brand", "payment_methods.last4", "payment_methods.token"} <= named


ROLES = ("app", "relay")
SECRETS = (
    "select token from payment_methods",
    "select * from payment_customers",
    "update payment_methods set is_default = true",
    "insert into payment_methods select * from payment_methods",
    "insert into payment_wishes (tenant_id, payment_id) values (gen_random_uuid(), gen_random_uuid())",
    "update payments set captured_minor = 1",
    "insert into payments select * from payments",
    "update payment_operations set amount_minor = 1",
    "insert into payment_links select * from payment_links",
)


@pytest.mark.row("PAY-01", partly="the tables; what imports what and who runs alone are shown elsewhere")
@pytest.mark.row("SEC-09")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("statement", SECRETS)
async def test_only_the_payment_role_writes_payments_and_reads_tokens(
    databases: Databases, role: str, statement: str
) -> None:
    tenant_id = await tenant_of(databases)
    database = getattr(databases, role)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(tenant_id) as connection:
            await connection.execute(statement)


@pytest.mark.row("PAY-01", partly="the tables; what imports what and who runs alone are shown elsewhere")
@pytest.mark.parametrize(
    "statement", ["update bookings set status = 'confirmed'", "update holds set status = 'released'"]
)
async def test_the_payment_role_writes_no_booking(databases: Databases, statement: str) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await pay(databases.payment, booking)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with databases.payment.tenant(shop.tenant_id) as connection:
            await connection.execute(statement)
