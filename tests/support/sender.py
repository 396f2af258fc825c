"""Whoever signs as a provider does: authentic deliveries of our own making, for each of the three."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from aiohttp import web

from sandbox.adyen import notification as adyen
from sandbox.clock import Clock
from sandbox.paypal import notification
from sandbox.paypal.call import instant
from sandbox.paypal.certificate import PATH, Certificates
from sandbox.store import Store

Event = dict[str, Any]
Sent = tuple[bytes, dict[str, str]]
JSON = {"content-type": "application/json"}
SIGNED_BY_PAYPAL = tuple(
    f"paypal-{name}"
    for name in ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")
)


class Sender(Protocol):
    """A provider, as somebody who knows its secrets."""

    @property
    def secret(self) -> str:
        """Name the right secret."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Name the headers that its deliveries are signed in; none where the body is."""

    @property
    def items(self) -> int:
        """Count what is told in one delivery."""

    def event(self, payment_id: str, minor: int = 2_500, currency: str = "EUR") -> Event:
        """Write an event of a new id that says a payment was taken."""

    def sealed(self, event: Event, at: datetime, secret: str) -> Sent:
        """Write it as it is delivered: signed with a secret at an instant, where its signature has one."""


@dataclass(frozen=True)
class StripeSender:
    """Stripe: a stamp and an HMAC over it and the bytes, in a header."""

    secret: str
    headers: tuple[str, ...] = ("stripe-signature",)
    items: int = 1

    def event(self, payment_id: str, minor: int = 2_500, currency: str = "EUR") -> Event:
        """Write a succeeded intent."""
        intent = {
            "id": f"pi_{uuid4().hex}",
            "object": "payment_intent",
            "status": "succeeded",
            "amount": minor,
            "amount_received": minor,
            "currency": currency.lower(),
            "latest_charge": f"ch_{uuid4().hex}",
            "metadata": {"tenant": str(uuid4()), "booking_id": str(uuid4()), "payment_id": payment_id},
        }
        return {
            "id": f"evt_{uuid4().hex}",
            "object": "event",
            "type": "payment_intent.succeeded",
            "created": 1_760_000_000,
            "livemode": False,
            "data": {"object": intent},
        }

    def sealed(self, event: Event, at: datetime, secret: str) -> Sent:
        """Sign the bytes and the instant."""
        raw, stamp = json.dumps(event).encode(), int(at.timestamp())
        mark = hmac.new(secret.encode(), b"%d.%s" % (stamp, raw), hashlib.sha256).hexdigest()
        return raw, {**JSON, "stripe-signature": f"t={stamp},v1={mark}"}


@dataclass(frozen=True)
class AdyenSender:
    """Adyen: an HMAC in each item over what counts in it, without a stamp."""

    secret: str
    merchant: str
    headers: tuple[str, ...] = ()
    items: int = 3

    def event(self, payment_id: str, minor: int = 2_500, currency: str = "EUR") -> Event:
        """Write an authorisation that has taken the money."""
        return {
            "pspReference": uuid4().hex[:16].upper(),
            "originalReference": "",
            "merchantAccountCode": self.merchant,
            "merchantReference": payment_id,
            "amount": {"value": minor, "currency": currency},
            "eventCode": "AUTHORISATION",
            "eventDate": "2026-11-21T20:15:00+01:00",
            "success": "true",
            "reason": "",
        }

    def sealed(self, event: Event, at: datetime, secret: str) -> Sent:  # noqa: ARG002 - the protocol's
        """Sign the item, and put it between two others as authentic as it."""
        others = [json.dumps(self.event(str(uuid4()))).encode() for _ in range(2)]
        good = json.loads(adyen.packed(others, self.secret))
        mine = json.loads(adyen.packed([json.dumps(event).encode()], secret))
        first, last = good["notificationItems"]
        good["notificationItems"] = [first, *mine["notificationItems"], last]
        return json.dumps(good).encode(), dict(JSON)


@dataclass(frozen=True)
class PayPalSender:
    """PayPal: an RSA signature over an id, a stamp, the webhook's id and a sum of the bytes, in headers."""

    secret: str
    address: str
    certificates: Certificates
    headers: tuple[str, ...] = SIGNED_BY_PAYPAL
    items: int = 1

    def event(self, payment_id: str, minor: int = 2_500, currency: str = "EUR") -> Event:
        """Write a completed capture."""
        value = f"{minor // 100}.{minor % 100:02}"
        return {
            "id": f"WH-{uuid4().hex}",
            "event_type": "PAYMENT.CAPTURE.COMPLETED",
            "create_time": "2026-11-21T12:00:00Z",
            "resource_type": "capture",
            "resource": {
                "id": uuid4().hex[:17].upper(),
                "status": "COMPLETED",
                "amount": {"currency_code": currency, "value": value},
                "custom_id": f"{uuid4()}:{uuid4()}:{payment_id}",
                "supplementary_data": {"related_ids": {"order_id": uuid4().hex[:17].upper()}},
                "create_time": "2026-11-21T12:00:00Z",
            },
        }

    def sealed(self, event: Event, at: datetime, secret: str) -> Sent:
        """Sign for the webhook whose id is the secret."""
        raw, stamp, transmission = json.dumps(event).encode(), instant(int(at.timestamp())), str(uuid4())
        text = notification.signed_text(transmission, stamp, secret, raw)
        values = (
            transmission,
            stamp,
            self.certificates.sign(text),
            f"{self.address}{PATH}/{self.certificates.id}",
            "SHA256withRSA",
        )
        return raw, {**JSON, **dict(zip(self.headers, values, strict=True))}


@asynccontextmanager
async def paypal_sender(webhook_id: str, folder: Path) -> AsyncIterator[tuple[PayPalSender, Path]]:
    """Be PayPal for those who trust the root in the file that is given beside the sender."""
    certificates = Certificates(Store(":memory:"), Clock())

    async def serve(request: web.Request) -> web.Response:
        return web.Response(text=certificates.pem(request.match_info["name"]) or "", status=200)

    app = web.Application()
    app.router.add_get(f"{PATH}/{{name}}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    roots = folder / "roots.pem"
    roots.write_text(certificates.pem("ROOT") or "")
    try:
        yield PayPalSender(webhook_id, f"http://127.0.0.1:{runner.addresses[0][1]}", certificates), roots
    finally:
        await runner.cleanup()
