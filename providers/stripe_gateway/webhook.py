"""Stripe's events: whether they are authentic, and what they say.

Stripe's own check raises TypeError, UnicodeDecodeError or KeyError on bytes that anybody can send, takes
stamps of the future, and knows one secret; ours raises BadSignature and nothing else.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from domain.ids import BookingId, PaymentId, TenantId
from observability.metrics import WEBHOOK_SECRETS
from providers.gateway import BadSignature, WebhookEvent
from providers.stripe_gateway.fact import PROVIDER, TELLS, Heard, Json, id_of, instant
from providers.stripe_gateway.transfer import TELLS as TELLS_OF_TRANSFERS, TELLS_CONNECTED

HEADER = "stripe-signature"
# Whatever is told of a dispute, where it stands is asked for.
DISPUTES = frozenset(
    f"charge.dispute.{what}"
    for what in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed")
)
# What an event has to be about for somebody to be told.
TOLD = DISPUTES | TELLS.keys()


def verify(
    raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime, tolerance: timedelta
) -> None:
    """Check stamp and signature; any of `secrets` may have signed, so that one can be rotated.

    Raises BadSignature and nothing else.
    """
    stamp, signatures = _read(headers.get(HEADER, ""))
    if abs(int(now.timestamp()) - int(stamp)) > tolerance.total_seconds():
        raise BadSignature("too long ago, or of the future")
    signed = stamp + b"." + raw
    for place, secret in enumerate(filter(None, secrets)):  # the whole "whsec_…" is the key
        wanted = hmac.digest(secret.encode(), signed, "sha256").hex().encode()
        if any(hmac.compare_digest(wanted, signature) for signature in signatures):
            WEBHOOK_SECRETS.labels(PROVIDER, place).inc()
            return
    raise BadSignature("signed by nobody we know")


def _read(header: str) -> tuple[bytes, list[bytes]]:
    """Take `t=…,v1=…[,v1=…]` apart: the stamp as it was signed, and the signatures."""
    try:
        parts = [part.partition("=") for part in header.encode("ascii").decode().split(",")]
    except UnicodeEncodeError:
        raise BadSignature("not a signature") from None
    stamps = [value for name, _, value in parts if name == "t"]
    # Twelve digits reach the year 33658; more would only feed the arithmetic.
    if len(stamps) != 1 or not stamps[0].isdecimal() or len(stamps[0]) > 12:
        raise BadSignature("not a signature")
    return stamps[0].encode(), [value.encode() for name, _, value in parts if name == "v1"]


def parse(raw: bytes, account: str) -> Sequence[WebhookEvent]:
    """Read one authentic delivery: nothing for bytes that are no event, no facts for what we do not know.

    Of an account that is connected to ours only payouts are heard: our payments are in our own, and whoever
    owns the other may write our labels on theirs.
    """
    try:
        event = from_json(raw)
        about = event["data"]["object"]
        disputed = event["type"] in DISPUTES and not _is_connected(event)
        named = {} if _is_connected(event) else about.get("metadata") or {}
        read = WebhookEvent(
            event_id=event["id"],
            kind=event["type"],
            occurred_at=instant(event["created"]),
            live=bool(event["livemode"]),
            connected=_is_connected(event),
            tenant_id=_uuid(TenantId, named.get("tenant")),
            booking_id=_uuid(BookingId, named.get("booking_id")),
            payment_id=_uuid(PaymentId, named.get("payment_id")),
            disputed=id_of(about["charge"]) if disputed else None,
            dispute=id_of(about) if disputed else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return ()
    try:
        told = _told(read, event, about, account)
        return (read.model_copy(update=told) if told else read,)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        return (read,)  # an object of another shape than we know


def _is_connected(event: Json) -> bool:
    """Say whether an event is of another account, which is connected to ours."""
    return bool(event.get("account"))


def _told(read: WebhookEvent, event: Json, about: Json, account: str) -> Json:
    """Give what an event says of a payment, or of a transfer."""
    transfers = TELLS_CONNECTED if _is_connected(event) else TELLS_OF_TRANSFERS
    if read.kind in transfers:
        return {"transfer": transfers[read.kind](about)}
    tell = TELLS.get(read.kind)
    if tell is None or read.payment_id is None:
        return {}
    fact = tell(Heard(account, read.payment_id, event=read.event_id, at=event["created"]), about)
    return {"facts": (fact,)} if fact else {}


def _uuid(kind: Any, text: Any) -> Any:
    if text is None:
        return None
    try:
        return kind(UUID(text))
    except (ValueError, TypeError, AttributeError):
        return None
