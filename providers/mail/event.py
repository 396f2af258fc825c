"""SendGrid's events: whether they are authentic, and what they say of our letters (Event Webhook reference;
its security features).

One delivery is a list of events of any number of letters. Of each only what is used is kept: its address, its
reader's address and the receiving server's words are not.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field

from domain.ids import NoticeId, TenantId
from domain.notice import DeliveryFact, DeliveryState
from domain.value import Value
from observability.metrics import WEBHOOK_SECRETS
from providers.gateway import NAME, BadSignature

SENDGRID = "sendgrid"
SIGNATURE, STAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
# SendGrid tries for a day.
OLDEST, AHEAD = timedelta(hours=25), timedelta(minutes=5)
LONGEST_HEADER = 200

STATES: Mapping[str, DeliveryState] = {
    "deferred": DeliveryState.DEFERRED,
    "delivered": DeliveryState.DELIVERED,
    "bounce": DeliveryState.BOUNCED,
    "blocked": DeliveryState.BLOCKED,
    "dropped": DeliveryState.DROPPED,
    "spamreport": DeliveryState.SPAM,
}
KEPT = ("event", "type", "status", "bounce_classification", "timestamp", "sg_event_id", "notice_id", "tenant")


class MailEvent(Value):
    """One authentic event; `kind` is SendGrid's own word, `body` what is kept of it. `fact` is missing where
    it tells nothing of a letter of ours; an `unreadable` one is known by its bytes.
    """

    event_id: Annotated[str, Field(pattern=NAME)]
    kind: Annotated[str, Field(pattern=NAME)]
    occurred_at: datetime | None = None
    body: bytes
    fact: DeliveryFact | None = None
    unreadable: bool = False


class MailEvents:
    """Verifies what one account is told; made with any of `keys`, as SendGrid shows them (base64 DER)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [load_der_public_key(base64.b64decode(key)) for key in keys]

    def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check that a delivery is authentic and fresh; names of headers are in lower case.

        Raises BadSignature, whatever the bytes.
        """
        stamp = headers.get(STAMP, "")[:LONGEST_HEADER]
        if not now - OLDEST <= _instant(stamp) <= now + AHEAD:
            raise BadSignature("too long ago, or of the future")
        signature = _decoded(headers.get(SIGNATURE, "")[:LONGEST_HEADER])
        for place, key in enumerate(self._keys):
            if _is_signed(key, signature, stamp.encode() + raw):
                WEBHOOK_SECRETS.labels(SENDGRID, place).inc()
                return
        raise BadSignature("signed by nobody we know")


def parse(raw: bytes) -> Sequence[MailEvent]:
    """Read a delivery's events; nothing for bytes that are no list of objects."""
    try:
        items = json.loads(raw)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return ()
    return [_read(item) for item in items]


def _read(item: dict[str, Any]) -> MailEvent:
    body = json.dumps([{name: item[name] for name in KEPT if name in item}]).encode()
    try:
        at = datetime.fromtimestamp(item["timestamp"], UTC)
        return MailEvent(
            event_id=item["sg_event_id"], kind=item["event"], occurred_at=at, body=body, fact=_fact(item, at)
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        mark = sha256(json.dumps(item).encode()).hexdigest()
        return MailEvent(event_id=mark, kind="unreadable", body=body, unreadable=True)


def _fact(item: dict[str, Any], at: datetime) -> DeliveryFact | None:
    """Say what an event tells of a letter of ours, which bears the ids that it was sent with."""
    word = "blocked" if (item["event"], item.get("type")) == ("bounce", "blocked") else item["event"]
    tenant_id, notice_id = _id(item.get("tenant")), _id(item.get("notice_id"))
    if word not in STATES or tenant_id is None or notice_id is None:
        return None
    return DeliveryFact(
        tenant_id=TenantId(tenant_id), notice_id=NoticeId(notice_id), state=STATES[word], occurred_at=at
    )


def _id(text: object) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _instant(stamp: str) -> datetime:
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 11):
        raise BadSignature("not a signature")
    return datetime.fromtimestamp(int(stamp), UTC)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise BadSignature("not a signature") from None


def _is_signed(key: object, signature: bytes, text: bytes) -> bool:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
