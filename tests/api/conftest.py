"""The front door in this process, over a database of the test's own; nobody is behind it: Temporal is away.

What needs sagas asks for `stack` instead.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from api.app import create_app
from devtools.ports import any_free
from domain.ids import TenantId
from providers.token import KeyRing, UserTokens
from settings import Settings
from tests.support.configuration import settings_of
from tests.support.database import Databases
from tests.support.sandbox import Account
from tests.support.shop import Shop, open_shop
from tests.support.stack import DOOR_SECONDS, Booked, bearer, publishable_key

WEBHOOK_SECRET = "whsec_of_the_tests"  # noqa: S105
ORIGIN = "http://door.test"
RETURN = f"{ORIGIN}/return"

TABLES = "select table_name from information_schema.tables where table_schema = 'public' order by 1"


@dataclass
class Door:
    """The application, what it sells, and who asks."""

    app: FastAPI
    http: httpx2.AsyncClient
    settings: Settings
    databases: Databases
    shop: Shop
    judge: "asyncpg.Connection[asyncpg.Record]"

    @property
    def key(self) -> dict[str, str]:
        """Show the shop's publishable key."""
        return bearer(publishable_key(self.shop))

    def body(self, **changes: Any) -> dict[str, Any]:
        """Write a good wish to book one place."""
        body = {
            "offer_id": str(self.shop.offer.id),
            "slot_id": str(self.shop.slot.id),
            "lines": [{"variant_id": str(self.shop.variant.id), "quantity": 1}],
            "contact": {"name": "Ada Lovelace", "email": "ada@example.com"},
        }
        return {name: value for name, value in {**body, **changes}.items() if value is not ...}

    async def ask(self, headers: dict[str, str] | None = None, **changes: Any) -> httpx2.Response:
        """Send a wish to book."""
        return await self.http.post(
            "/api/v1/bookings", json=self.body(**changes), headers={**self.key, **(headers or {})}
        )

    async def book(self, headers: dict[str, str] | None = None, **changes: Any) -> Booked:
        """Book."""
        return Booked.of(await self.ask(headers, **changes))

    def user(
        self,
        name: str = "ada",
        roles: Iterable[str] = ("user",),
        *,
        tenant_id: TenantId | None = None,
        ago: timedelta = timedelta(0),
        keys: KeyRing | None = None,
        issuer: str | None = None,
        email: str | None = None,
        verified: bool = True,
    ) -> dict[str, str]:
        """Show a token of a user in these roles, signed so long ago."""
        signer = UserTokens(
            keys or KeyRing(self.settings.jwt_private_key), issuer or self.settings.jwt_issuer
        )
        now = datetime.now(UTC) - ago
        token = signer.sign(
            name,
            tenant_id or self.shop.tenant_id,
            roles,
            token_id=uuid4().hex,
            now=now,
            email=email,
            email_verified=verified,
        )
        return bearer(token)

    def through(self, shop: Shop | None = None) -> dict[str, str]:
        """Say through which channel a user books."""
        return {"X-Channel-Key": publishable_key(shop or self.shop)}

    async def counts(self) -> dict[str, int]:
        """Count the rows of every table."""
        tables = [row["table_name"] for row in await self.judge.fetch(TABLES)]
        each = " union all ".join(f"select '{table}' as name, count(*) as n from {table}" for table in tables)  # noqa: S608
        return {row["name"]: row["n"] for row in await self.judge.fetch(each)}

    @asynccontextmanager
    async def without_database(self) -> AsyncIterator[None]:
        """Break every connection to the database, and let nobody make a new one meanwhile."""
        name = await self.judge.fetchval("select current_database()")
        await self.judge.execute(f"alter database {name} connection limit 0")
        await self.judge.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()
            """
        )
        try:
            yield
        finally:
            await self.judge.execute(f"alter database {name} connection limit -1")

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        """Ask for something below the API's base."""
        return await self.http.get(f"/api/v1{path}", headers=headers)


@pytest.fixture
async def door(quiet: None, databases: Databases) -> AsyncIterator[Door]:
    """Open the front door, with nobody behind it."""
    judge = await asyncpg.connect(databases.urls.admin)
    nowhere = Account(f"http://127.0.0.1:{any_free()}", httpx2.AsyncClient())
    settings = settings_of(databases.urls.patient, f"127.0.0.1:{any_free()}", nowhere, ORIGIN, WEBHOOK_SECRET)
    settings = settings.model_copy(update={"payment_answer_seconds": DOOR_SECONDS})
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as http,
    ):
        yield Door(app, http, settings, databases, await open_shop(databases.app), judge)
    await nowhere.http.aclose()
    await judge.close()
