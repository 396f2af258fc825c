"""The sandbox as its users have it: a process of its own, the unmodified SDKs, a receiver of webhooks."""

import asyncio
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stripe
from aiohttp import web

from tests.sandbox.merchant import Merchant
from tests.sandbox.paypal_merchant import PayPalMerchant

stripe.enable_telemetry = False

ROOT = Path(__file__).resolve().parents[2]
CARD = "4242424242424242"


@dataclass
class Process:
    """A running sandbox."""

    popen: subprocess.Popen[str]
    url: str


@contextmanager
def started(database: Path, *options: str) -> Iterator[Process]:
    """Run a sandbox on a free port; it is killed, not asked, which must be harmless."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--database", str(database), *options]
    with subprocess.Popen(  # noqa: S603 (our own program)
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as popen:
        try:
            assert popen.stdout is not None
            line = popen.stdout.readline()
            found = re.search(r"listening on (http://\S+),", line)
            assert found is not None, line
            yield Process(popen, found[1])
        finally:
            popen.kill()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Run one sandbox for all tests; each has accounts of its own in it."""
    with started(tmp_path_factory.mktemp("sandbox") / "books.sqlite3", "--seed", "42") as process:
        yield process


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Share one client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(scope="session")
async def transport() -> AsyncIterator[stripe.AIOHTTPClient]:
    """Share the SDK's own connections."""
    client = stripe.AIOHTTPClient(timeout=120)
    yield client
    await client.close_async()  # type: ignore[no-untyped-call]


@dataclass
class Shop:
    """A merchant with an account of its own: Stripe's SDK, raw HTTP and the control API."""

    url: str
    http: aiohttp.ClientSession
    transport: stripe.AIOHTTPClient
    key: str = field(default_factory=lambda: f"sk_test_{secrets.token_hex(12)}")

    def __post_init__(self) -> None:
        self.stripe = self.with_key(self.key)

    def with_key(self, key: str) -> Any:
        """Return the SDK with another key; untyped, for tests also send what its types forbid."""
        addresses: Any = {"api": f"{self.url}/stripe"}
        return stripe.StripeClient(key, base_addresses=addresses, http_client=self.transport)

    async def raw(self, method: str, path: str, **options: Any) -> tuple[int, Any, Any]:
        """Call Stripe's face without the SDK; return status, JSON and headers."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        async with self.http.request(method, self.url + path, headers=headers, **options) as answer:
            text = await answer.text()
            return answer.status, (await answer.json() if text else None), answer.headers

    async def control(self, method: str, path: str, **body: Any) -> Any:
        """Call the control API; anything but success fails the test."""
        async with self.http.request(
            method, f"{self.url}/_sandbox{path}", json=body if method != "GET" else None
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def fault(self, kind: str, route: str = "*", **detail: Any) -> None:
        """Order a fault for this account."""
        await self.control(
            "POST", "/faults", provider="stripe", account=self.key, kind=kind, route=route, **detail
        )

    async def advance(self, seconds: float) -> None:
        """Move this account's clock and wait for what that causes."""
        done = await self.control("POST", "/clock/advance", seconds=seconds, account=self.key)
        assert done["delivered"]

    async def drain(self) -> None:
        """Wait for all deliveries that are due."""
        assert (await self.control("POST", "/deliveries/drain"))["delivered"]

    async def payments(self) -> list[dict[str, Any]]:
        """Return what the sandbox's books say of this account; reading them makes it check itself."""
        found: list[dict[str, Any]] = await self.control("GET", f"/accounts/{self.key}/payments")
        return found

    async def event_types(self, *, with_fees: bool = False) -> list[str]:
        """Return the types of all events, oldest first; that the fee of a charge is known is told a second
        later by itself, and listed only `with_fees`.
        """
        told = [event["type"] for event in await self.control("GET", f"/accounts/{self.key}/events")]
        return [kind for kind in told if with_fees or kind != "charge.updated"]

    async def paid(self, amount: int = 5000, card: str = "pm_card_visa", **more: Any) -> Any:
        """Return a payment intent that was confirmed with a card."""
        return await self.stripe.v1.payment_intents.create_async(
            {
                "amount": amount,
                "currency": "eur",
                "confirm": True,
                "payment_method": card,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                **more,
            }
        )

    async def session(self, amount: int = 5000, **more: Any) -> Any:
        """Return an open checkout session."""
        price: Any = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Boat trip"}}
        return await self.stripe.v1.checkout.sessions.create_async(
            {
                "mode": "payment",
                "line_items": [{"price_data": price, "quantity": 1}],
                "success_url": "http://127.0.0.1/paid?session={CHECKOUT_SESSION_ID}",
                "cancel_url": "http://127.0.0.1/given-up",
                **more,
            }
        )

    async def pay(self, session_id: str, card: str = CARD) -> Any:
        """Pay a session as its page would."""
        return await self.control("POST", f"/checkout/{session_id}/pay", card=card)


@pytest.fixture
async def shop(sandbox: Process, http: aiohttp.ClientSession, transport: stripe.AIOHTTPClient) -> Shop:
    """Open an account nobody has used."""
    return Shop(sandbox.url, http, transport)


@pytest.fixture
async def paypal(sandbox: Process, http: aiohttp.ClientSession) -> PayPalMerchant:
    """Open an account at PayPal that nobody has used, logged in."""
    new = PayPalMerchant(sandbox.url, http)
    await new.log_in()
    return new


@dataclass
class Receiver:
    """Somebody's webhook endpoint: keeps what comes and answers with the statuses it was given, then 200.

    While it is `down` it answers 503 and keeps nothing.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    down: bool = False
    deliveries: list[tuple[bytes, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take one delivery."""
        if self.down:
            return web.Response(status=503)
        self.deliveries.append((await request.read(), request.headers.get("Stripe-Signature", "")))
        self.headers.append(request.headers)
        self.came.set()
        status = self.answers.pop(0) if self.answers else 200
        elsewhere = {"Location": self.url} if 300 <= status < 400 else {}
        return web.Response(status=status, text="[accepted]", headers=elsewhere)

    def verified(self, secret: str) -> list[Any]:
        """Return the events, each checked by Stripe's own verifier."""
        return [stripe.Webhook.construct_event(body, sign, secret) for body, sign in self.deliveries]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Listen for webhooks."""
    receiving, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiving.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiving.url = f"http://127.0.0.1:{port}/hook"
    yield receiving
    await runner.cleanup()


@pytest.fixture
async def merchant(sandbox: Process, http: aiohttp.ClientSession) -> AsyncIterator[Merchant]:
    """Open a company nobody has used, which listens for notifications."""
    mine, app = Merchant(sandbox.url, http), web.Application()

    async def take(request: web.Request) -> web.Response:
        mine.received.append((await request.json(), request.headers.get("Authorization", "")))
        return web.Response(text=mine.answers.pop(0) if mine.answers else "[accepted]")

    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mine.hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield mine
    await runner.cleanup()
