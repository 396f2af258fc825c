"""The sandbox as benchmarks of providers use it: a process of its own, and what our adapters really send."""

import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
from aiohttp import web
from uuid_utils.compat import uuid7

from bench.stack import ROOT
from devtools.health import is_well
from devtools.ports import any_free
from devtools.process import Process, Program
from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from providers.adyen_gateway.gateway import AdyenGateway
from providers.gateway import Gateway, Order
from providers.paypal_gateway.gateway import PayPalGateway
from providers.stripe_gateway.gateway import StripeGateway

PROVIDERS = ("stripe", "adyen", "paypal")
KEYS = ("idempotency-key", "paypal-request-id")
LENGTH_AND_HOST = ("content-length", "host", "accept-encoding")


@contextmanager
def sandbox() -> Iterator[str]:
    """Run a sandbox with an empty file on a free port; gives its address."""
    port = any_free()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        command = [sys.executable, "-m", "sandbox", "--port", str(port)]
        process = Process(
            Program(
                name="sandbox",
                command=[*command, "--database", str(Path(folder) / "books.sqlite3")],
                log=Path(folder) / "sandbox.log",
                ready=lambda _pid: is_well(f"{url}/_sandbox/health"),
                cwd=ROOT,
            )
        )
        process.start()
        process.wait_ready()
        try:
            yield url
        finally:
            process.stop()


class NothingTold:
    """What was told of payments that nobody has paid yet."""

    async def told(self, _payment_id: PaymentId) -> list[bytes]:
        """Remember nothing."""
        return []

    async def reports(self) -> tuple[bytes, ...]:
        """Remember no report."""
        return ()

    async def payable_until(self, _payment_id: PaymentId) -> datetime | None:
        """Remember nothing."""
        return None


async def gateway(provider: str, url: str, http: aiohttp.ClientSession) -> Gateway:
    """Make an adapter as the entry points do, for a sandbox at `url` and an account nobody has used."""
    name = uuid4().hex
    if provider == "stripe":
        return StripeGateway(
            account="bench", api_key=f"sk_test_{name}", secrets=(), http=http, api=f"{url}/stripe"
        )
    if provider == "adyen":
        return AdyenGateway(
            account="bench",
            merchant="BenchECOM",
            api_key=f"AQE{name}",
            keys=(),
            memory=NothingTold(),
            api=f"{url}/adyen/checkout",
        )
    async with http.get(f"{url}/paypal/v1/notifications/certs/ROOT") as answer:
        roots = await answer.read()
    return PayPalGateway(
        account="bench",
        client_id=f"Ab{name}",
        secret=name,
        webhook_ids=(),
        roots=roots,
        http=http,
        api=f"{url}/paypal",
    )


def order() -> Order:
    """Make an order for a hosted page, as a shop does."""
    return Order(
        tenant_id=TenantId(uuid7()),
        booking_id=BookingId(uuid7()),
        payment_id=PaymentId(uuid7()),
        reference="BK-2026-000042",
        amount=Money(minor=5_999, currency="EUR"),
        description="Harbour cruise, 2 places",
        hosted=True,
        return_url="https://shop.example/back",
        expires_at=datetime.now(UTC) + timedelta(minutes=15),
    )


@dataclass(frozen=True)
class Asked:
    """One request of an adapter's, to be made again by others."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def anew(self) -> dict[str, str]:
        """Write the headers again under a fresh idempotency key."""
        return {name: uuid4().hex if name.lower() in KEYS else value for name, value in self.headers.items()}

    def on_the_wire(self) -> bytes:
        """Write the whole request under a fresh idempotency key."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.anew().items())
        length = f"Content-Length: {len(self.body)}\r\n" if self.body else ""
        return f"{self.method} {self.path} HTTP/1.1\r\nHost: bench\r\n{head}{length}\r\n".encode() + self.body


@asynccontextmanager
async def listener(url: str, http: aiohttp.ClientSession) -> AsyncIterator[tuple[str, list[Asked]]]:
    """Stand between an adapter and the sandbox at `url`, pass everything on, and note what was asked."""
    noted: list[Asked] = []

    async def pass_on(request: web.Request) -> web.Response:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in LENGTH_AND_HOST
        }
        asked = Asked(request.method, request.path_qs, headers, await request.read())
        noted.append(asked)
        async with http.request(asked.method, url + asked.path, headers=headers, data=asked.body) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type=answer.content_type
            )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", pass_on)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", noted
    finally:
        await runner.cleanup()


async def opening(provider: str, url: str, http: aiohttp.ClientSession) -> Asked:
    """Listen to an adapter that opens a checkout, and give the request that did."""
    async with listener(url, http) as (between, noted):
        await (await gateway(provider, between, http)).open_checkout(order(), op_key=uuid4().hex)
    return noted[-1]
