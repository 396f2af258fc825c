"""A merchant at the sandbox's PayPal, without an SDK: plain HTTP by PayPal's REST rules."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import aiohttp

HOUR = 3600


@dataclass
class PayPalMerchant:
    """A merchant with an account of its own."""

    url: str
    http: aiohttp.ClientSession
    client: str = field(default_factory=lambda: f"Ab{secrets.token_hex(20)}")
    secret: str = field(default_factory=lambda: secrets.token_hex(20))
    token: str = ""

    async def log_in(self) -> dict[str, Any]:
        """Exchange id and secret for a token."""
        form = {"grant_type": "client_credentials"}
        basic = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        async with self.http.post(
            f"{self.url}/paypal/v1/oauth2/token", data=form, headers={"Authorization": f"Basic {basic}"}
        ) as answer:
            told: dict[str, Any] = await answer.json()
            self.token = told.get("access_token", "")
            return told | {"status": answer.status}

    async def ask(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Call PayPal's API; returns status and JSON."""
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        async with self.http.request(method, f"{self.url}/paypal{path}", data=data, headers=sent) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def control(self, method: str, path: str, **body: Any) -> Any:
        """Call the control API; anything but success fails the test."""
        async with self.http.request(
            method, f"{self.url}/_sandbox{path}", json=body if method != "GET" else None
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def order(self, value: str = "50.00", currency: str = "EUR", **more: Any) -> str:
        """Make an order and return its id."""
        status, order = await self.ask("POST", "/v2/checkout/orders", wish(value, currency, **more))
        assert status == 201, order
        return str(order["id"])

    async def approve(self, order_id: str, **means: str) -> Any:
        """Approve an order as its buyer would."""
        return await self.control("POST", f"/checkout/{order_id}/pay", **means)

    async def captured(self, value: str = "50.00", **means: str) -> dict[str, Any]:
        """Return the capture of an order that was approved and captured."""
        order_id = await self.order(value)
        await self.approve(order_id, **means)
        path = f"/v2/checkout/orders/{order_id}/capture"
        status, order = await self.ask("POST", path, Prefer="return=representation")
        assert status == 201, order
        found: dict[str, Any] = order["purchase_units"][0]["payments"]["captures"][0]
        return found

    async def authorized(self, value: str = "50.00") -> dict[str, Any]:
        """Return the authorization of an order that was approved and authorized."""
        order_id = await self.order(value, intent="AUTHORIZE")
        await self.approve(order_id)
        path = f"/v2/checkout/orders/{order_id}/authorize"
        status, order = await self.ask("POST", path, Prefer="return=representation")
        assert status == 201, order
        found: dict[str, Any] = order["purchase_units"][0]["payments"]["authorizations"][0]
        return found

    async def advance(self, seconds: float) -> None:
        """Move this account's clock."""
        await self.control("POST", "/clock/advance", seconds=seconds, account=self.client)

    async def event_types(self) -> list[str]:
        """Return the types of all events, oldest first; looking makes the sandbox check its books."""
        await self.control("GET", f"/accounts/{self.client}/payments")
        told = await self.control("GET", f"/accounts/{self.client}/events")
        return [event["event_type"] for event in told]


def wish(value: str = "50.00", currency: str = "EUR", **more: Any) -> dict[str, Any]:
    """Write what an order is created with."""
    unit = {"amount": {"currency_code": currency, "value": value}, "custom_id": "mine"}
    context = {"return_url": "http://127.0.0.1/back?a=1", "cancel_url": "http://127.0.0.1/left"}
    return {
        "intent": more.pop("intent", "CAPTURE"),
        "purchase_units": [unit | more],
        "application_context": context,
    }


def issue_of(answer: Any) -> str:
    return str(answer["details"][0]["issue"])


def rels(links: list[dict[str, str]]) -> set[str]:
    return {link["rel"] for link in links}
