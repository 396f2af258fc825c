"""References: in the tenant's pattern, never twice."""

import asyncio
import re

import pytest

from db import tenant
from db.reference import BLOCK, next_reference
from db.session import Database
from domain.ids import reference
from tests.support.database import Databases, Urls
from tests.support.shop import open_shop


@pytest.mark.row("SAG-11")
@pytest.mark.parametrize(
    ("pattern", "looks"),
    [("BK-{year}-{number:6}", r"BK-2026-\d{6,7}"), ("FLY2A-{code:6}", "FLY2A-[2-9A-HJKMNP-Z]{6}")],
)
def test_a_million_references_are_a_million(pattern: str, looks: str) -> None:
    made = {reference(pattern, year=2026, number=number) for number in range(1_000_000)}

    assert len(made) == 1_000_000
    assert all(re.fullmatch(looks, one) for one in list(made)[:1_000])


@pytest.mark.row("SAG-11")
async def test_two_processes_at_once_draw_different_references(databases: Databases, urls: Urls) -> None:
    shop = await open_shop(databases.app)
    other = await Database.connect(urls.app, size=1)
    try:
        drawn = await asyncio.gather(
            *(
                next_reference(database, shop.tenant_id)
                for database in (databases.app, other)
                for _ in range(2 * BLOCK)
            )
        )
    finally:
        await other.close()

    assert len(set(drawn)) == 4 * BLOCK
    assert all(re.fullmatch(r"BK-\d{4}-\d{6}", one) for one in drawn)


async def test_a_changed_pattern_holds_from_the_next_block_on(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    await next_reference(databases.app, shop.tenant_id)
    async with databases.app.tenant(shop.tenant_id) as connection:
        slug = shop.tenant_id.hex
        await tenant.put(
            connection, shop.tenant_id, name="Fly", slug=slug, reference_pattern="FLY2A-{code:6}"
        )

    drawn = [await next_reference(databases.app, shop.tenant_id) for _ in range(BLOCK)]

    assert drawn[0].startswith("BK-")
    assert drawn[-1].startswith("FLY2A-")
