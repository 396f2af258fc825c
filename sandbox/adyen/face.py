"""Adyen as the neutral core knows it: references, notifications, their packing and their retry ladder."""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from sandbox.adyen import money, notification, payment, session, transfer
from sandbox.adyen.error import AdyenError
from sandbox.adyen.text import failed
from sandbox.answer import Answer
from sandbox.checkout import Checkout
from sandbox.event import Endpoint
from sandbox.payment import Payment
from sandbox.payout import Payout
from sandbox.record import Json, Record
from sandbox.work import Work

KEY = re.compile(r"AQE[A-Za-z0-9+/=_.^*-]{6,400}")
ACCEPTED = b"[accepted]"


class AdyenFace:
    """What the core asks of Adyen."""

    provider = "adyen"
    # Three quick ones, then ever later; Adyen goes on for thirty days, every eight hours in the end.
    retry_seconds: tuple[float, ...] = (
        1, 2, 4, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 28_800, 28_800,
    )  # fmt: skip
    most_at_once = 6
    company_seconds = 0.0

    def spelled(self, kind: str, letters: str, /) -> str:
        """Return a pspReference, or a session's or webhook's id."""
        if kind == "checkout":
            return "CS" + letters[:16].upper()
        if kind == "link":
            return "PL" + letters[:16].upper()
        if kind == "payee":
            return "BA" + letters[:22].upper()
        return ("WBHK" if kind == "endpoint" else "") + letters[: 16 if kind != "endpoint" else 24].upper()

    def account_key(self, key: str) -> str | None:
        """Return the API key of a company."""
        return key if KEY.fullmatch(key) else None

    def events(self, work: Work, happening: str, record: Record, _before: Json) -> Iterable[tuple[str, Json]]:
        """Return eventCode and item of each notification for a happening, or what a platform is told."""
        if isinstance(record, Payout):
            yield from transfer.events(work, happening, record)
            return
        for item in notification.items(work, happening, record):
            yield item["eventCode"], item

    def event_body(self, _work: Work, _event_id: str, _event_type: str, payload: Json, _wanting: int) -> str:
        """Return the text of one item, which is packed and signed when it is sent."""
        return json.dumps(payload)

    def packed(self, bodies: Sequence[bytes], /, *, secret: str) -> bytes:
        """Return one delivery of several notifications, or of the one thing that a platform is told."""
        return bodies[0] if transfer.is_one(bodies[0]) else notification.packed(bodies, secret)

    def packs(self, event_type: str, /) -> bool:
        """Return whether it is an item of notifications."""
        return not transfer.is_told(event_type)

    def signed(self, endpoint: Endpoint, body: bytes, /, *, secret: str, stamp: int) -> Mapping[str, str]:  # noqa: ARG002 - nothing is stamped
        """Return the headers of an attempt: basic authentication, where it was asked for; what a platform is
        told is signed as it stands, items of notifications are signed themselves.
        """
        sent = endpoint.about.get("sent", {})
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Adyen HttpClient (sandbox)",
        }
        if transfer.is_one(body):
            headers["HmacSignature"] = notification.signed(body, secret)
        if not sent.get("username"):
            return headers
        shown = base64.b64encode(f"{sent['username']}:{sent.get('password', '')}".encode()).decode()
        return {**headers, "Authorization": f"Basic {shown}"}

    def accepted(self, status: int, body: bytes, /) -> bool:
        """Return whether the receiver took it and said so."""
        return 200 <= status < 300 and body.strip() == ACCEPTED

    def shown(self, amount: int, currency: str) -> str:
        """Return an amount for people."""
        return money.shown(amount, currency)

    def after_checkout(self, work: Work, checkout: Checkout, /) -> str:
        """Return the address the shopper goes back to, with the result of a session."""
        return checkout.success_url if "link" in checkout.about["payment"] else session.back(work, checkout)

    def after_cancel(self, _work: Work, checkout: Checkout, /) -> str | None:
        """Return the same address: what became of it is not said there."""
        return checkout.cancel_url

    def after_challenge(self, work: Work, paid: Payment) -> str | None:
        """Return the address the shopper goes back to from their bank."""
        address = paid.about.get("return_url")
        if address is None:
            return None
        query = urlencode({"redirectResult": payment.result_of(work, paid)})
        return f"{address}{'&' if '?' in address else '?'}{query}"

    def failure(self, status: int) -> Answer:
        """Return Adyen's own failure, or its throttling."""
        if status == 429:
            return failed(AdyenError(429, "15_429", "Too many requests.", "internal", transient=True))
        return failed(AdyenError(status, "905", "An error has occurred.", "internal"))
