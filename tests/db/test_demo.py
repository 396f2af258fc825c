"""The demo catalogue."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta

import pytest

from db import catalog, demo, tenant
from devtools.paths import ROOT
from domain.ids import OfferId
from tests.support.database import Cluster, Databases

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


async def load(databases: Databases, now: datetime) -> dict[str, object]:
    async with databases.app.tenant(demo.TENANT) as connection:
        return await demo.load(connection, now)


async def test_loading_the_demo_twice_changes_nothing(databases: Databases) -> None:
    first = await load(databases, MONDAY)

    assert await load(databases, MONDAY) == first


async def test_every_offer_of_the_demo_has_slots_and_variants_to_sell(databases: Databases) -> None:
    await load(databases, MONDAY)

    async with databases.app.tenant(demo.TENANT) as connection:
        offers = await catalog.offers(connection, demo.TENANT)
        for offer in offers:
            slots = await catalog.slots(
                connection, demo.TENANT, offer.id, since=MONDAY, until=MONDAY + timedelta(days=60)
            )
            variants = await catalog.variants(connection, demo.TENANT, OfferId(offer.id))
            assert slots, offer.name
            assert all(found.left == found.capacity and found.slot.on_sale(MONDAY) for found in slots)
            assert variants
    assert {offer.currency for offer in offers} == {"EUR", "JPY"}


async def test_a_later_load_keeps_the_slots_that_are_there(databases: Databases) -> None:
    def slots(loaded: dict[str, object]) -> set[str]:
        offers = loaded["offers"]
        assert isinstance(offers, list)
        return {slot["slot_id"] for offer in offers for slot in offer["slots"]}

    monday, tuesday = await load(databases, MONDAY), await load(databases, MONDAY + timedelta(days=1))

    assert len(slots(monday) & slots(tuesday)) > len(slots(monday)) * 0.8


async def test_a_publishable_key_opens_its_own_channel_only(databases: Databases) -> None:
    await load(databases, MONDAY)

    async with databases.app.across(shown=demo.CHANNELS["api"]) as connection:
        found = await tenant.channel(connection, demo.CHANNELS["api"])
        other = await tenant.channel(connection, demo.CHANNELS["web"])

    assert found is not None
    assert (found.tenant_id, found.source) == (demo.TENANT, "api")
    assert other is None


@pytest.mark.row("DEP-01", partly="there is no previous release yet")
async def test_three_commands_lead_from_a_server_to_a_shop(cluster: Cluster) -> None:
    urls = cluster.urls("made_by_commands")
    environment = {**urls.environment, "DATABASE_ADMIN_URL": cluster.server.url()}

    async def run(*words: str) -> str:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *words, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
        )
        said, trouble = await program.communicate()
        assert program.returncode == 0, trouble.decode()
        return said.decode()

    await run("db.roles")
    await run("alembic", "upgrade", "head")
    shop = json.loads(await run("db.demo"))

    assert shop["publishable_key"].startswith("pk_")
    assert all(offer["slots"] and offer["variants"] for offer in shop["offers"])
    await cluster.drop(urls)
