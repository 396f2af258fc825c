"""What no role may do, whatever it is asked to."""

import asyncpg
import pytest

from db import event, ledger
from db.booking.place import place
from db.booking.read import Booking, find
from db.session import Database
from domain.ledger import Entry, Posting
from domain.money import Money
from domain.refusal import Unknown
from tests.support.database import Databases, superuser
from tests.support.shop import Shop, open_shop, pay

TENANT_TABLES = """
select relname from pg_class
 where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version'
 order by relname
"""


async def shop_with_booking(databases: Databases) -> tuple[Shop, Booking]:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement(key="k"))).booking
    await pay(databases.payment, booking)
    return shop, booking


async def tables(databases: Databases) -> list[str]:
    async with superuser(databases.urls) as judge:
        return [row["relname"] for row in await judge.fetch(TENANT_TABLES)]


async def attempt(database: Database, shop: Shop, statement: str) -> str:
    """Give what became of a statement under the shop's tenant."""
    async with database.tenant(shop.tenant_id) as connection:
        done: str = await connection.execute(statement)
        return done


# --- tenants


async def test_every_table_is_under_forced_row_level_security(databases: Databases) -> None:
    async with superuser(databases.urls) as judge:
        open_tables = await judge.fetch(
            """
            select relname from pg_class
             where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version'
               and not (relrowsecurity and relforcerowsecurity)
            """
        )
    assert open_tables == []


@pytest.mark.parametrize("role", ["app", "payment", "relay"])
async def test_without_a_tenant_there_are_no_rows(databases: Databases, role: str) -> None:
    await shop_with_booking(databases)
    async with superuser(databases.urls) as judge:
        await judge.execute("update bookings set saga_started_at = now()")
    database: Database = getattr(databases, role)
    public_to_the_relay = {"events", "webhook_events"} if role == "relay" else set()

    for table in set(await tables(databases)) - public_to_the_relay:
        async with database.across() as connection:
            try:
                count = await connection.fetchval(f"select count(*) from {table}")  # noqa: S608
            except asyncpg.InsufficientPrivilegeError:
                continue
            assert count == 0, table


@pytest.mark.parametrize("role", ["app", "payment"])
async def test_a_tenant_sees_its_own_rows_only(databases: Databases, role: str) -> None:
    mine, theirs = await shop_with_booking(databases), await shop_with_booking(databases)
    database: Database = getattr(databases, role)

    async with database.tenant(mine[0].tenant_id) as connection:
        found = await connection.fetch("select id from bookings union select id from payments")
        seen = {row["id"] for row in found}
        with pytest.raises(Unknown):
            await find(connection, mine[0].tenant_id, theirs[1].id)
        with pytest.raises(Unknown):
            await find(connection, theirs[0].tenant_id, theirs[1].id)

    assert mine[1].id in seen
    assert theirs[1].id not in seen


async def test_nobody_writes_into_another_tenant(databases: Databases) -> None:
    mine, _ = await shop_with_booking(databases)
    theirs, booking = await shop_with_booking(databases)

    async with databases.app.tenant(mine.tenant_id) as connection:
        assert await connection.execute("update counters set capacity = capacity + 1") == "UPDATE 1"
        told = event.Told(booking.id, "booking.confirmed", {})
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await event.append(connection, theirs.tenant_id, told)


async def test_no_row_refers_to_another_tenants_row(databases: Databases) -> None:
    mine, _ = await shop_with_booking(databases)
    _, booking = await shop_with_booking(databases)

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with databases.app.tenant(mine.tenant_id) as connection:
            await connection.execute(
                "insert into booking_payments values ($1, $2, $2, 1)", mine.tenant_id, booking.id
            )


# --- roles


FORBIDDEN: dict[str, list[str]] = {
    "app": [
        "insert into payments select * from payments",
        "update payments set captured_minor = 1",
        "update payment_operations set amount_minor = 1",
        "update refunds set status = 'completed'",
        "delete from bookings",
        "delete from tickets",
        "delete from holds",
        "update webhook_events set body = ''",
        "delete from webhook_events",
        "delete from cases",
        "update cases set cause = ''",
        "truncate bookings",
        "alter table bookings disable row level security",
        "create table mine (id int)",
        "set role holdfast_owner",
    ],
    "payment": [
        "update bookings set status = 'confirmed'",
        "update holds set status = 'purchased'",
        "update counters set sold = 1",
        "insert into tickets select * from tickets",
        "select * from tickets",
        "select * from passengers",
        "select * from billings",
        "delete from payments",
        "delete from cases",
        "update cases set cause = ''",
    ],
    "relay": [
        "update bookings set status = 'confirmed'",
        "update payments set status = 'captured'",
        "insert into tickets select * from tickets",
        "select * from tickets",
        "update counters set capacity = 1",
        "update notices set data = '{}'",
        "delete from bookings",
    ],
    "readonly": [
        "update bookings set status = 'confirmed'",
        "insert into events (tenant_id) values (null)",
        "select answer from idempotency_keys",
        "select body from webhook_events",
        "select passport from passengers",
        "select given_name from passengers",
        "select address from consents",
        "select * from billings",
        "delete from payments",
    ],
}
APPEND_ONLY = (
    "ledger_transactions",
    "ledger_entries",
    "events",
    "audit_entries",
    "consents",
    "billings",
    "step_answers",
)


@pytest.mark.row("SEC-09")
@pytest.mark.parametrize("role", FORBIDDEN)
async def test_a_role_may_not(databases: Databases, role: str) -> None:
    shop, _ = await shop_with_booking(databases)

    for statement in FORBIDDEN[role]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await attempt(getattr(databases, role), shop, statement)


@pytest.mark.parametrize("role", ["app", "payment", "relay", "readonly"])
async def test_what_was_appended_stays(databases: Databases, role: str) -> None:
    shop, _ = await shop_with_booking(databases)

    for table in APPEND_ONLY:
        for statement in (f"delete from {table}", f"update {table} set tenant_id = tenant_id"):  # noqa: S608
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await attempt(getattr(databases, role), shop, statement)


async def test_no_role_of_the_product_owns_anything_or_passes_by_the_policies(databases: Databases) -> None:
    async with superuser(databases.urls) as judge:
        strong = await judge.fetch(
            """
            select rolname from pg_roles
             where rolname like 'holdfast\\_%' and rolname <> 'holdfast_admin'
               and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)
            """
        )
        owners = await judge.fetch("select distinct tableowner from pg_tables where schemaname = 'public'")
    assert strong == []
    assert [row["tableowner"] for row in owners] == ["holdfast_owner"]


async def test_reports_read_across_tenants(databases: Databases) -> None:
    for _ in range(2):
        await shop_with_booking(databases)

    async with databases.readonly.across() as connection:
        assert await connection.fetchval("select count(*) from bookings") == 2


@pytest.mark.parametrize("role", ["app", "payment", "relay"])
async def test_a_statement_may_not_run_as_long_as_a_step(databases: Databases, role: str) -> None:
    connection = await asyncpg.connect(getattr(databases.urls, role))
    try:
        limits = {
            name: await connection.fetchval("select setting::int from pg_settings where name = $1", name)
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
    finally:
        await connection.close()
    assert 0 < limits["lock_timeout"] < limits["statement_timeout"] < 2000
    assert limits["idle_in_transaction_session_timeout"] > 0


# --- books

EUR_5 = Money(minor=500, currency="EUR")
JPY_5 = Money(minor=500, currency="JPY")


def posting(*entries: Entry) -> Posting:
    return Posting(source="test", external_ref="1", entries=entries)


async def post(databases: Databases, shop: Shop, *entries: Entry, leaving_as: Shop | None = None) -> None:
    async with databases.app.tenant(shop.tenant_id) as connection:
        await ledger.post(connection, shop.tenant_id, posting(*entries))
        if leaving_as:
            await connection.execute(
                "select set_config('app.tenant_id', $1, true)", str(leaving_as.tenant_id)
            )


@pytest.mark.parametrize(
    "entries",
    [
        (Entry(account="a", amount=EUR_5), Entry(account="b", amount=-EUR_5 - EUR_5)),
        (Entry(account="a", amount=EUR_5), Entry(account="b", amount=-JPY_5)),
        (Entry(account="a", amount=EUR_5),),
    ],
    ids=["uneven", "two currencies", "one side"],
)
async def test_books_that_do_not_balance_are_refused_at_commit(
    databases: Databases, entries: tuple[Entry, ...]
) -> None:
    shop = await open_shop(databases.app)

    with pytest.raises(asyncpg.CheckViolationError) as no:
        await post(databases, shop, *entries)

    assert no.value.constraint_name == "ledger_balances"


async def test_another_tenant_set_before_the_commit_does_not_hide_what_does_not_balance(
    databases: Databases,
) -> None:
    shop, other = await open_shop(databases.app), await open_shop(databases.app)

    with pytest.raises(asyncpg.CheckViolationError):
        await post(databases, shop, Entry(account="a", amount=EUR_5), leaving_as=other)


async def test_without_the_trigger_uneven_books_are_taken(databases: Databases) -> None:
    """The twin of the guard."""
    shop = await open_shop(databases.app)
    async with superuser(databases.urls) as judge:
        await judge.execute("drop trigger guard_ledger on ledger_entries")

    async with databases.app.tenant(shop.tenant_id) as connection:
        await ledger.post(connection, shop.tenant_id, posting(Entry(account="a", amount=EUR_5)))
        assert await ledger.balances(connection, shop.tenant_id) == {("a", "EUR"): 500}


async def test_posting_again_changes_nothing(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    even = posting(Entry(account="a", amount=EUR_5), Entry(account="b", amount=-EUR_5))

    for _ in range(2):
        async with databases.app.tenant(shop.tenant_id) as connection:
            await ledger.post(connection, shop.tenant_id, even)
            await ledger.post(connection, shop.tenant_id, posting())

    async with databases.app.tenant(shop.tenant_id) as connection:
        assert await ledger.balances(connection, shop.tenant_id) == {("a", "EUR"): 500, ("b", "EUR"): -500}
