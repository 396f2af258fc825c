"""What the tests of providers run on: a real HTTP session, an account of one's own at the real sandbox, and a
listener that takes the webhooks it sends.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import httpx2
import pytest
from aiohttp import web
from uuid_utils.compat import uuid7

from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from providers.adyen_gateway.gateway import AdyenGateway
from providers.gateway import Declined, Gateway, Opened, Order
from providers.paypal_gateway.gateway import PayPalGateway
from providers.stripe_gateway.gateway import StripeGateway
from tests.support import paypal
from tests.support.sandbox import Account

MakeOrder = Callable[..., Order]


@dataclass(frozen=True)
class Delivery:
    """One webhook request, as it came."""

    raw: bytes
    headers: dict[str, str]


async def typed_at_stripe(_customer: str, card: str) -> str:
    return f"pm_card_{card}"


@dataclass
class Desk:
    """One account at one provider: our gateway to it, and the buyer's side of it."""

    gateway: Gateway
    account: Account
    webhook_secret: str
    received: list[Delivery] = field(default_factory=list)
    # Where the buyer's own client pays, when the checkout has no page; below the control API.
    client: Callable[[Opened], str] = lambda opened: f"payment_intents/{opened.provider_ref}/pay"
    # What the provider's own fields give for a test card that a buyer types.
    typed: Callable[[str, str], Awaitable[str]] = typed_at_stripe

    async def pay(self, opened: Opened, card: str = "visa") -> str:
        """Pay as the buyer would, on the page or with the secret; gives the outcome when it was told."""
        if opened.payment_url:
            outcome = await self.account.pay(opened.payment_url, card)
        else:
            outcome = str((await self._control(self.client(opened), {"card": card}))["outcome"])
        await self.account.drain()
        return outcome

    async def answer_challenge(self, *, rightly: bool) -> None:
        """Answer the bank's question on the newest payment."""
        payment = (await self.account.payments())[-1]
        await self._control(
            f"payments/{payment['id']}/challenge", {"code": "123456" if rightly else "000000"}
        )

    async def advance(self, time: timedelta) -> None:
        """Move the provider's clock for this account, and let happen what falls due."""
        await self._control("clock/advance", {"seconds": time.total_seconds(), "account": self.account.key})

    async def told(self) -> list[Delivery]:
        """Wait for every webhook that is due, and give all there were."""
        await self.account.drain()
        return self.received

    async def _control(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self.account.http.post(f"{self.account.url}/_sandbox/{path}", json=body)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def account(sandbox_url: str) -> AsyncIterator[Account]:
    async with httpx2.AsyncClient(timeout=120) as client:
        yield Account(sandbox_url, client)


@pytest.fixture
async def received() -> AsyncIterator[tuple[str, list[Delivery]]]:
    """Listen on a free port and keep what comes."""
    deliveries: list[Delivery] = []

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        deliveries.append(Delivery(await request.read(), headers))
        return web.Response(text="[accepted]")

    app = web.Application()
    app.router.add_post("/webhooks", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"{site.name}/webhooks".replace("0.0.0.0", "127.0.0.1"), deliveries  # noqa: S104 - taken out
    await runner.cleanup()


def stripe_gateway(
    account: Account, http: aiohttp.ClientSession, *secrets: str, api: str | None = None, **more: Any
) -> StripeGateway:
    """Make the gateway as the entry points do, at the sandbox."""
    return StripeGateway(
        account="main",
        api_key=account.key,
        secrets=secrets,
        http=http,
        api=api or f"{account.url}/stripe",
        **more,
    )


MERCHANT = "HoldfastECOM"
NUMBERS = {
    "visa": "4242424242424242",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequired": "4000002760003184",
}


@dataclass(frozen=True)
class Told:
    """What was delivered, as the inbox remembers it; `ends` is when a checkout can be paid no more."""

    deliveries: list[Delivery]
    ends: dict[PaymentId, datetime] = field(default_factory=dict)

    async def told(self, payment_id: PaymentId) -> list[bytes]:
        return [each.raw for each in self.deliveries if str(payment_id).encode() in each.raw]

    async def payable_until(self, payment_id: PaymentId) -> datetime | None:
        return self.ends.get(payment_id)

    async def reports(self) -> list[bytes]:
        return [each.raw for each in reversed(self.deliveries) if b"REPORT_AVAILABLE" in each.raw]


def adyen_gateway(
    account: Account, told: Told, *keys: str, api: str | None = None, **more: Any
) -> AdyenGateway:
    """Make the gateway as the entry points do, at the sandbox."""
    return AdyenGateway(
        account="main",
        merchant=MERCHANT,
        api_key=account.key,
        keys=keys,
        memory=told,
        api=api or f"{account.url}/adyen/checkout",
        **more,
    )


async def adyen_desk(
    account: Account, _http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]
) -> Desk:
    url, deliveries = received
    account = account.at("adyen")
    key = await account.register(url, MERCHANT)
    gateway = adyen_gateway(account, Told(deliveries), key)

    async def typed(customer: str, card: str) -> str:
        return await stored_at_adyen(account, customer, card)

    return Desk(gateway, account, key, deliveries, _session_of, typed)


async def stored_at_adyen(account: Account, shopper: str, card: str) -> str:
    """Have Adyen store a test card for a shopper, as it does while they pay; gives its token."""
    body = {
        "merchantAccount": MERCHANT,
        "shopperReference": shopper,
        "recurringProcessingModel": "CardOnFile",
        "paymentMethod": {"type": "scheme", "encryptedCardNumber": f"test_{NUMBERS[card]}"},
    }
    url = f"{account.url}/adyen/checkout/v72/storedPaymentMethods"
    answer = await account.http.post(url, json=body, headers={"X-API-Key": account.key})
    answer.raise_for_status()
    return str(answer.json()["id"])


def _session_of(opened: Opened) -> str:
    return f"checkout/{json.loads(opened.client_secret or '')['id']}/pay"


async def stripe_desk(
    account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]
) -> Desk:
    url, deliveries = received
    secret = await account.register(url)
    return Desk(stripe_gateway(account, http, secret), account, secret, deliveries)


def paypal_gateway(
    account: Account, http: aiohttp.ClientSession, roots: bytes, *webhook_ids: str, **more: Any
) -> PayPalGateway:
    """Make the gateway as the entry points do, at the sandbox."""
    given: dict[str, Any] = {"api": f"{account.url}/paypal", **more}
    return PayPalGateway(
        account="main",
        client_id=account.key,
        secret=paypal.SECRET,
        webhook_ids=webhook_ids,
        roots=roots,
        http=http,
        **given,
    )


class PayPalDesk(Desk):
    """A desk where the buyer only approves: what is not to be held is taken at once, as the saga does."""

    async def approve(self, opened: Opened, card: str = "visa") -> None:
        """Approve as the buyer would, with a means of this test card."""
        await self.account.pay(opened.provider_ref, card)

    async def pay(self, opened: Opened, card: str = "visa") -> str:
        """Approve, and have the money taken unless it is to be held."""
        await self.approve(opened, card)
        made = next(each for each in await self.account.checkouts() if each["id"] == opened.provider_ref)
        if made["capture"] == "manual":
            await paypal.authorize(self.account, opened.provider_ref)
            return "paid"
        amount = Money(minor=made["amount"], currency=made["currency"])
        try:
            await self.gateway.capture(opened.provider_ref, amount, op_key=f"{opened.provider_ref}:capture:1")
        except Declined:
            return "declined"
        return "paid"


async def paypal_desk(
    account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]
) -> PayPalDesk:
    url, deliveries = received
    account = account.at("paypal")
    webhook_id = await paypal.register(account, url)
    gateway = paypal_gateway(account, http, await paypal.roots(account), webhook_id)
    return PayPalDesk(gateway, account, webhook_id, deliveries)


DESKS: dict[str, Callable[..., Awaitable[Desk]]] = {
    "stripe": stripe_desk,
    "adyen": adyen_desk,
    "paypal": paypal_desk,
}


def desks(*providers: str) -> Any:
    """Make a module's fixture `desk`: an account of one's own at each of these providers in turn."""

    @pytest.fixture(params=providers)
    async def desk(
        request: pytest.FixtureRequest,
        account: Account,
        http: aiohttp.ClientSession,
        received: tuple[str, list[Delivery]],
    ) -> Desk:
        return await DESKS[request.param](account, http, received)

    return desk


@pytest.fixture
async def desk(account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]) -> Desk:
    """Give an account at Stripe."""
    return await stripe_desk(account, http, received)


@pytest.fixture
def order() -> MakeOrder:
    """Make an order; name what matters to the test."""

    def make(**given: Any) -> Order:
        defaults: dict[str, Any] = {
            "tenant_id": TenantId(uuid7()),
            "booking_id": BookingId(uuid7()),
            "payment_id": PaymentId(uuid7()),
            "reference": "BK-2026-000042",
            "amount": Money(minor=59_999, currency="USD"),
            "description": "Harbour cruise, 2 places",
            "hosted": True,
            "return_url": "https://shop.example/back?lang=de",
            "expires_at": datetime.now(UTC) + timedelta(minutes=15),
        }
        return Order(**{**defaults, **given})

    return make


def key_of(order: Order, operation: str = "create", n: int = 1) -> str:
    """Give the idempotency key of an operation, as the saga does."""
    assert re.fullmatch(r"[a-z]+", operation)
    return f"{order.payment_id}:{operation}:{n}"


@pytest.fixture
async def adyen(account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]) -> Desk:
    """Give an account at Adyen."""
    return await adyen_desk(account, http, received)


@pytest.fixture
async def stub() -> AsyncIterator[tuple[str, list[Any], list[web.Response]]]:
    """Listen as Adyen would, and answer as ordered; keeps headers and bodies."""
    came: list[Any] = []
    answers: list[web.Response] = []

    async def take(request: web.Request) -> web.Response:
        came.append((request.path, dict(request.headers), await request.json()))
        return answers.pop(0)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", came, answers
    await runner.cleanup()
