"""PayPal's events: whether they are authentic, and what they say."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from domain.payment import PaymentFact
from observability.metrics import WEBHOOK_SECRETS
from providers.gateway import BadSignature, WebhookEvent
from providers.paypal_gateway.certificate import Certificates
from providers.paypal_gateway.client import Json
from providers.paypal_gateway.fact import TELLS, Heard, instant
from providers.paypal_gateway.order import PAYPAL, labels
from providers.paypal_gateway.transfer import TELLS as TELLS_OF_TRANSFERS

ALGORITHM = "SHA256withRSA"
# PayPal tries for three days, under the stamp of its first try.
OLDEST, AHEAD = timedelta(days=4), timedelta(minutes=5)
# Whatever is told of a dispute, where it stands is asked for.
DISPUTES = frozenset(f"CUSTOMER.DISPUTE.{what}" for what in ("CREATED", "UPDATED", "RESOLVED"))
# What an event has to be about for somebody to be told.
TOLD = DISPUTES | TELLS.keys()
LONGEST_HEADER = 2000


async def verify(
    raw: bytes,
    headers: Mapping[str, str],
    webhook_ids: Sequence[str],
    now: datetime,
    certificates: Certificates,
) -> None:
    """Check stamp, certificate and signature; made for any of `webhook_ids`, our registrations at PayPal.

    Raises BadSignature, whatever the bytes, and OutcomeUnknown when the certificate cannot be had.
    """
    said = {name: headers.get(f"paypal-{name}", "")[:LONGEST_HEADER] for name in _HEADERS}
    if not all(said.values()) or said["auth-algo"] != ALGORITHM:
        raise BadSignature("not a signature")
    if not now - OLDEST <= _stamp(said["transmission-time"]) <= now + AHEAD:
        raise BadSignature("too long ago, or of the future")
    signature = _signature(said["transmission-sig"])
    key = (await certificates.at(said["cert-url"], now)).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadSignature("a key of another kind")
    for place, webhook_id in enumerate(filter(None, webhook_ids)):
        text = "|".join(
            (said["transmission-id"], said["transmission-time"], webhook_id, str(zlib.crc32(raw)))
        )
        try:
            key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        WEBHOOK_SECRETS.labels(PAYPAL, place).inc()
        return
    raise BadSignature("signed by nobody we know")


_HEADERS = ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")


def _stamp(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError:
        raise BadSignature("not a signature") from None


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise BadSignature("not a signature") from None


def parse(raw: bytes, account: str, *, live: bool) -> Sequence[WebhookEvent]:
    """Read one authentic delivery: nothing for bytes that are no event, no facts for what we do not know.

    PayPal's events do not say of which mode they are: whoever has verified them knows.
    """
    try:
        event = json.loads(raw)
        kind, about = event["event_type"], event["resource"]
        whose = labels(_label(about))
        read = WebhookEvent(
            event_id=event["id"],
            kind=kind,
            occurred_at=instant(event["create_time"]),
            live=live,
            tenant_id=whose.tenant_id if whose else None,
            booking_id=whose.booking_id if whose else None,
            payment_id=whose.payment_id if whose else None,
            disputed=_disputed(about) if kind in DISPUTES else None,
            dispute=str(about["dispute_id"]) if kind in DISPUTES else None,
            transfer=TELLS_OF_TRANSFERS[kind](about) if kind in TELLS_OF_TRANSFERS else None,
        )
        facts = tuple(_facts(read, about, account))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError):
        return _unread(raw, live=live)
    return (read.model_copy(update={"facts": facts}),)


def _facts(read: WebhookEvent, about: Json, account: str) -> Iterator[PaymentFact]:
    tell = TELLS.get(read.kind)
    if tell is not None and read.payment_id is not None:
        heard = Heard(account, read.payment_id, _order_id(about), event=read.event_id, at=read.occurred_at)
        yield from tell(heard, about)


def _unread(raw: bytes, *, live: bool) -> Sequence[WebhookEvent]:
    """Read of an event whose object is of another shape than we know at least what it is called."""
    try:
        event = json.loads(raw)
        return (
            WebhookEvent(
                event_id=event["id"],
                kind=event["event_type"],
                occurred_at=instant(event["create_time"]),
                live=live,
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return ()


def _label(about: Json) -> object:
    """Give the labels of an order or a dispute, or of an authorization, capture or refund."""
    if "disputed_transactions" in about:
        return about["disputed_transactions"][0].get("custom")
    return (
        about["purchase_units"][0].get("custom_id") if "purchase_units" in about else about.get("custom_id")
    )


def _order_id(about: Json) -> str:
    """Name the order: the object itself, or what it is related to; a refund has it in its labels."""
    if "purchase_units" in about:
        return str(about["id"])
    related = (about.get("supplementary_data") or {}).get("related_ids") or {}
    whose = labels(about.get("custom_id"))
    return str(related.get("order_id") or (whose.order_id if whose else ""))


def _disputed(about: Json) -> str:
    """Name the capture that the payer wants back."""
    return str(about["disputed_transactions"][0]["seller_transaction_id"])
