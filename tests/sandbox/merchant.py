"""A merchant at the sandbox's Adyen, as its programs see it: Adyen's own package, unmodified."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

import Adyen
import aiohttp

MERCHANT, REFERENCE = "HoldfastECOM", "ticket-42"
VISA = "4111111145551142"
EUR = {"value": 2_500, "currency": "EUR"}


@dataclass
class Merchant:
    """A company with an API key of its own, its SDK and its webhook endpoint."""

    url: str
    http: aiohttp.ClientSession
    hook: str = ""
    key: str = field(default_factory=lambda: f"AQE{secrets.token_hex(12)}")
    received: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def sdk(self, key: str | None = None) -> Any:
        client = Adyen.Adyen(
            xapikey=key or self.key,
            merchant_account=MERCHANT,
            platform="test",
            http_timeout=120,
            http_force="requests",
        )
        for service in vars(client.checkout).values():
            if hasattr(service, "baseUrl"):
                service.baseUrl = f"{self.url}/adyen/checkout/v72"
        client.disputes.disputes_api.baseUrl = f"{self.url}/adyen/ca/services/DisputeService/v30"
        client.balancePlatform.balance_accounts_api.baseUrl = f"{self.url}/adyen/bcl/v2"
        client.transfers.transfers_api.baseUrl = f"{self.url}/adyen/btl/v4"
        client.management.webhooks_merchant_level_api.baseUrl = f"{self.url}/adyen/management/v3"
        return client

    async def call(self, name: str, *arguments: Any, key: str | None = None, **more: Any) -> Any:
        """Call the SDK, such as `payments_api.sessions`, in a thread; gives its result."""
        service, _, method = name.partition(".")
        api = self.sdk(key)
        return await asyncio.to_thread(getattr(getattr(api.checkout, service), method), *arguments, **more)

    async def answer(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call the Disputes API; gives its result."""
        api = self.sdk().disputes.disputes_api
        done = await asyncio.to_thread(getattr(api, name), body)
        told: dict[str, Any] = done.message
        return told

    async def balances(self, name: str, *arguments: Any) -> dict[str, Any]:
        """Call the API of balance accounts; gives its result."""
        api = self.sdk().balancePlatform.balance_accounts_api
        done = await asyncio.to_thread(getattr(api, name), *arguments)
        told: dict[str, Any] = done.message
        return told

    async def transfers(self, name: str, *arguments: Any, **more: Any) -> Any:
        """Call the Transfers API; gives its result."""
        api = self.sdk().transfers.transfers_api
        return await asyncio.to_thread(getattr(api, name), *arguments, **more)

    async def session(self, **more: Any) -> dict[str, Any]:
        done = await self.call("payments_api.sessions", wish(**more))
        assert done.status_code == 201
        told: dict[str, Any] = done.message
        return told

    async def pay(self, session: str, card: str = VISA, **more: Any) -> dict[str, Any]:
        done: dict[str, Any] = await self.control("POST", f"/checkout/{session}/pay", card=card, **more)
        return done

    async def paid(self, **more: Any) -> str:
        """Pay a session; gives the payment's pspReference."""
        session = await self.session(**more)
        await self.pay(session["id"])
        return str((await self.told("AUTHORISATION"))[-1]["pspReference"])

    async def hmac(self) -> str:
        """Open a webhook at our endpoint by the Management API; gives its key."""
        api = self.sdk().management.webhooks_merchant_level_api
        wish = {"type": "standard", "url": self.hook, "active": True, "communicationFormat": "json",
                "username": "adyen", "password": "open sesame"}  # fmt: skip
        made = await asyncio.to_thread(api.set_up_webhook, wish, MERCHANT)
        key = await asyncio.to_thread(api.generate_hmac_key, MERCHANT, made.message["id"])
        return str(key.message["hmacKey"])

    async def control(self, method: str, path: str, **body: Any) -> Any:
        async with self.http.request(
            method, f"{self.url}/_sandbox{path}", json=None if method == "GET" else body
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def told(self, *codes: str) -> list[dict[str, Any]]:
        """Wait for all notifications that are due; gives their items, as the sandbox told them."""
        await self.control("POST", "/deliveries/drain")
        events = await self.control("GET", f"/accounts/{self.key}/events")
        return [each for each in events if not codes or each["eventCode"] in codes]

    async def payment(self) -> dict[str, Any]:
        listed = await self.control("GET", f"/accounts/{self.key}/payments")
        newest: dict[str, Any] = listed[-1]
        return newest


def wish(**more: Any) -> dict[str, Any]:
    """Write the body of a session; None leaves a field out."""
    body = {
        "merchantAccount": MERCHANT,
        "amount": EUR,
        "reference": REFERENCE,
        "returnUrl": "https://shop.example/back?lang=nl",
        **more,
    }
    return {name: value for name, value in body.items() if value is not None}


def card(**more: str) -> dict[str, str]:
    return {
        "type": "scheme",
        "encryptedCardNumber": f"test_{VISA}",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_737",
        **more,
    }


MANUAL = {"additionalData": {"manualCapture": "true"}}
