"""The schema: from nothing by the migrations, and no other than the tables say."""

import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from db.roles import make_roles
from db.schema.metadata import metadata
from devtools.paths import ROOT
from tests.support.database import Cluster, Urls, migrate, superuser

# What the schema consists of, as PostgreSQL itself writes it.
COLUMNS = """
select table_name || '.' || column_name as name,
       data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') || is_identity as is
  from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version'
"""
CONSTRAINTS = """
select conname as name, pg_get_constraintdef(c.oid) as is
  from pg_constraint c
 where connamespace = 'public'::regnamespace and contype <> 't' and conname not like 'alembic%'
"""
INDEXES = """
select indexname as name, indexdef as is from pg_indexes
 where schemaname = 'public' and tablename <> 'alembic_version'
"""
STORAGE = """
select relname as name, reloptions::text as is from pg_class
 where relnamespace = 'public'::regnamespace and relkind = 'r' and reloptions is not null
"""


@pytest.fixture
async def empty(cluster: Cluster) -> AsyncIterator[Urls]:
    """Give a database without a table."""
    made = await cluster.create(migrated=False)
    yield made
    await cluster.drop(made)


async def described(urls: Urls) -> dict[str, str]:
    async with superuser(urls) as judge:
        return {
            row["name"]: row["is"]
            for question in (COLUMNS, CONSTRAINTS, INDEXES, STORAGE)
            for row in await judge.fetch(question)
        }


async def index(urls: Urls, name: str) -> str:
    return (await described(urls))[name].split(" USING btree ")[1]


@pytest.mark.row("DEP-01", partly="there is no previous release yet")
async def test_an_empty_database_is_brought_up_to_date_and_a_second_time_nothing_happens(
    cluster: Cluster, empty: Urls, urls: Urls
) -> None:
    migrate(empty)
    first = await described(empty)

    migrate(empty)

    assert await described(empty) == first == await described(urls)


async def test_the_tables_in_the_code_are_the_tables_in_the_database(urls: Urls, empty: Urls) -> None:
    engine = create_async_engine(empty.admin.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.execute(text("drop table if exists alembic_version"))
        await connection.run_sync(metadata.create_all)
    await engine.dispose()

    assert await described(empty) == await described(urls)


async def test_alembic_sees_nothing_to_do(urls: Urls) -> None:
    command = [sys.executable, "-m", "alembic", "check"]
    done = subprocess.run(  # noqa: ASYNC221, S603
        command, cwd=ROOT, env=urls.environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


async def test_making_the_roles_again_changes_nothing(cluster: Cluster, urls: Urls) -> None:
    name = urls.app.rsplit("/", 1)[1]
    question = "select rolname, rolconfig from pg_roles where rolname like 'holdfast%' order by rolname"
    async with superuser(urls) as judge:
        before = await judge.fetch(question)

        await make_roles(cluster.server.url(), cluster.roles(name))

        assert await judge.fetch(question) == before


async def test_nobody_but_the_roles_enters_the_database_that_was_made_for_them(cluster: Cluster) -> None:
    name = "made_by_roles"
    await make_roles(cluster.server.url(), cluster.roles(name))
    urls = cluster.urls(name)
    async with superuser(urls) as judge:
        await judge.execute("drop role if exists holdfast_stranger")
        await judge.execute("create role holdfast_stranger login password 'x'")
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(cluster.server.url("holdfast_stranger", "x", name))
        finally:
            await judge.execute("drop role holdfast_stranger")
    await cluster.drop(urls)


# --- what must be found quickly

INDEXED = {
    "ix_bookings_travel": "(tenant_id, starts_at, status) WHERE (status = ANY",
    "ix_bookings_buyer": "(tenant_id, lower(contact_email), offer_id)",
    "ix_bookings_offer_status": "(tenant_id, offer_id, status, created_at)",
    "ix_tickets_slot_status": "(tenant_id, slot_id, status)",
    "ix_tickets_offer_variant": "(tenant_id, offer_id, variant_id)",
    "uq_tickets_position": '(tenant_id, booking_id, "position")',
    "ix_payments_provider_status": "(tenant_id, provider, status)",
    "ix_payments_tenant_id_status": "(tenant_id, status)",
    "ix_payments_tenant_id_booking_reference": "(tenant_id, booking_reference)",
    "ix_payments_newest": "(tenant_id, created_at, id)",
    "ix_payments_user": "(tenant_id, user_id, created_at DESC)",
    "ix_refunds_tenant_id_status": "(tenant_id, status)",
    "uq_refunds_n": "(tenant_id, payment_id, n)",
    "ix_holds_active_of_counter": "(tenant_id, counter_id, kept_until) WHERE (status = 'active'::text)",
    "ix_holds_overdue": "(kept_until) WHERE (status = 'active'::text)",
}
UNIQUE = {
    "uq_bookings_reference": "(tenant_id, reference)",
    "uq_tickets_number": "(tenant_id, number)",
    "uq_payments_transaction_reference": "(tenant_id, transaction_reference)",
    "uq_payments_provider_ref": "(provider, account, provider_ref) WHERE",
    "uq_payment_operations_operation": "(provider, account, kind, operation) WHERE",
    "uq_ledger_transactions_source": "(tenant_id, source, external_ref)",
    "uq_webhook_events_event_id": "(provider, account, event_id)",
    "uq_notices_key": "(tenant_id, booking_id, kind, version, sending)",
    "uq_events_n": "(tenant_id, subject, n)",
    "pk_idempotency_keys": "(tenant_id, caller, route, key)",
}


@pytest.mark.row("DEP-02", partly="tours by words, users, stored methods, events come with their tables")
@pytest.mark.row("INV-21", partly="the calendar's index comes with the calendar")
async def test_what_is_looked_for_has_its_index(urls: Urls) -> None:
    for name, columns in (INDEXED | UNIQUE).items():
        assert (await index(urls, name)).startswith(columns), name
    found = await described(urls)
    for name in UNIQUE:
        assert found[name].startswith(("CREATE UNIQUE INDEX", "PRIMARY KEY")), name


RECORD = {
    "id": "uuid NO",
    "transaction_reference": "text NO",
    "amount_minor": "bigint NO",
    "currency": "character NO",
    "method": "text YES",
    "status": "text NO",
    "provider": "text NO",
    "provider_ref": "text YES",
    "merchant_reference": "text YES",
    "user_id": "text YES",
    "booking_reference": "text YES",
    "resource_type": "text YES",
    "resource_id": "uuid YES",
    "authorized_minor": "bigint NO 0",
    "captured_minor": "bigint NO 0",
    "refunded_minor": "bigint NO 0",
    "metadata": "jsonb NO",
    "ip_address": "text YES",
    "user_agent": "text YES",
    "risk_score": "numeric YES",
    "risk_result": "text YES",
    "card_brand": "text YES",
    "card_last4": "text YES",
    "created_at": "timestamp with time zone NO now()",
    "authorized_at": "timestamp with time zone YES",
    "captured_at": "timestamp with time zone YES",
    "changed_at": "timestamp with time zone NO now()",
}


@pytest.mark.row("PAY-14")
async def test_the_record_of_a_payment_has_its_columns_and_its_limits(urls: Urls) -> None:
    found = await described(urls)

    for column, is_ in RECORD.items():
        assert found[f"payments.{column}"].startswith(is_), column
    assert "(risk_score >= (0)::numeric) AND (risk_score <= 9.99)" in found["ck_payments_risk_in_range"]
    assert "length(ip_address) <= 45" in found["ck_payments_address_fits"]
    assert all(word in found["ck_payments_risk_result_known"] for word in ("passed", "review", "blocked"))


async def test_a_counters_update_touches_no_index(urls: Urls) -> None:
    """Whatever changes at each sale lies in no index, and the pages have room for the next version."""
    found = await described(urls)

    assert found["counters"] == "{fillfactor=20}"
    on_counters = [text for text in found.values() if " ON public.counters " in text]
    assert on_counters == ["CREATE UNIQUE INDEX pk_counters ON public.counters USING btree (tenant_id, id)"]


async def test_the_keys_of_a_tenants_rows_begin_with_the_tenant(urls: Urls) -> None:
    async with superuser(urls) as judge:
        strangers = await judge.fetch(
            """
            select t.relname from pg_class t
              join pg_attribute a on a.attrelid = t.oid and a.attname = 'tenant_id'
             where t.relnamespace = 'public'::regnamespace and t.relkind = 'r'
               and t.relname not in ('webhook_events')
               and not exists (select from pg_index i where i.indrelid = t.oid and i.indkey[0] = a.attnum
                                                        and i.indisunique)
            """
        )
    assert strangers == []
