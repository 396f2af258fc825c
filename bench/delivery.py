"""Webhooks as each provider sends them: each an authentic event of its own, of a kind that moves nothing."""

import hashlib
import hmac
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.stack import Stack
from sandbox.adyen import notification as adyen
from sandbox.clock import Clock
from sandbox.paypal import notification as paypal
from sandbox.paypal.call import instant
from sandbox.paypal.certificate import PATH, Certificates
from sandbox.store import Store

# More than are taken in one round: signing while the clock runs would be the load maker's limit.
PREPARED = 8_000

Headers = Mapping[str, str]
Write = Callable[[Stack, str], tuple[bytes, Headers]]


@dataclass(frozen=True)
class Sender:
    """Somebody whose deliveries a stack believes that was `told` these settings."""

    provider: str
    write: Write
    told: Mapping[str, str] = field(default_factory=dict)

    def prepared(self, stack: Stack) -> Callable[[], bytes]:
        """Prepare the deliveries of a round; what is asked for beyond them is written when it is."""
        host = stack.api.removeprefix("http://")
        ready = [self._request(stack, host) for _ in range(PREPARED)]
        return lambda: ready.pop() if ready else self._request(stack, host)

    def _request(self, stack: Stack, host: str) -> bytes:
        body, headers = self.write(stack, uuid4().hex)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return (
            f"POST /api/v1/webhooks/{self.provider} HTTP/1.1\r\nHost: {host}\r\n"
            f"Content-Type: application/json\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


@contextmanager
def sender(provider: str) -> Iterator[Sender]:
    """Give a provider's deliveries; what is needed for them is gone afterwards."""
    if provider != "paypal":
        yield Sender(provider, {"stripe": from_stripe, "adyen": from_adyen}[provider])
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        file = Path(folder) / "sandbox.db"
        store = Store(file)
        certificates = Certificates(store, Clock())
        named = certificates.id  # made now, and served by the stack's own sandbox from this file
        store.close()
        yield Sender(provider, _from_paypal(certificates, named), {"SANDBOX_DATABASE": str(file)})


def from_stripe(stack: Stack, event_id: str) -> tuple[bytes, Headers]:
    """Write an event of Stripe's."""
    intent = {"id": f"pi_{event_id}", "object": "payment_intent", "metadata": {}}
    event = {
        "id": f"evt_{event_id}",
        "object": "event",
        "type": "payment_intent.created",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": intent},
    }
    body, at = json.dumps(event).encode(), int(time.time())
    secret = stack.settings["STRIPE_WEBHOOK_SECRET"].encode()
    mark = hmac.new(secret, b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={at},v1={mark}"}


def from_adyen(stack: Stack, event_id: str) -> tuple[bytes, Headers]:
    """Write a notification of Adyen's with one item."""
    item: dict[str, Any] = {
        "pspReference": event_id[:16].upper(),
        "originalReference": "",
        "merchantAccountCode": stack.settings["ADYEN_MERCHANT_ACCOUNT"],
        "merchantReference": event_id,
        "amount": {"value": 2_500, "currency": "EUR"},
        "eventCode": "OFFER_CLOSED",
        "eventDate": "2026-11-21T20:15:00+01:00",
        "success": "true",
        "reason": "",
    }
    return adyen.packed([json.dumps(item).encode()], stack.settings["ADYEN_HMAC_KEY"]), {}


def _from_paypal(certificates: Certificates, named: str) -> Write:
    def write(stack: Stack, event_id: str) -> tuple[bytes, Headers]:
        at, transmission = instant(int(time.time())), str(UUID(event_id))
        event = {
            "id": f"WH-{event_id}",
            "event_type": "CHECKOUT.ORDER.SAVED",
            "create_time": at,
            "resource_type": "checkout-order",
            "resource": {"id": event_id[:17].upper(), "purchase_units": []},
        }
        body = json.dumps(event).encode()
        text = paypal.signed_text(transmission, at, stack.settings["PAYPAL_WEBHOOK_ID"], body)
        return body, {
            "PAYPAL-TRANSMISSION-ID": transmission,
            "PAYPAL-TRANSMISSION-TIME": at,
            "PAYPAL-TRANSMISSION-SIG": certificates.sign(text),
            "PAYPAL-CERT-URL": f"{stack.settings['PAYPAL_API_BASE']}{PATH}/{named}",
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        }

    return write
