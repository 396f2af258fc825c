"""What payment providers tell us: verified over the raw bytes, stored once, answered. That is all.

The path names the account and so the secrets; nothing unverified does. Reading serves the inbox's key; what
an event means is found out later, by the relay and by asking the provider.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from api import problem
from api.deps import BASE, OPEN, Now, Parts
from api.flat import FlatRoute
from api.shape import Answer
from db.relay import TELL_FACTS
from db.webhook import Delivery
from domain.refusal import Unknown
from observability.metrics import WEBHOOKS
from providers.gateway import BadSignature, Gateway, OutcomeUnknown, WebhookEvent

log = structlog.get_logger(__name__)

MAIN_ACCOUNT = "default"
WRONG_MODE, WRONG_MERCHANT, UNREADABLE = "wrong_mode", "wrong_merchant", "unreadable"
# Adyen wants its own words, in plain text.
ADYEN, ACCEPTED, INVALID = "adyen", "[accepted]", "[invalid]"

# Not strict: a provider adds to its requests what it likes.
router = APIRouter(route_class=FlatRoute, prefix=f"{BASE}/webhooks", tags=["webhooks"], dependencies=[OPEN])
NOS = problem.answers(Unknown, also=(400, 413))
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class Received(Answer):
    """The delivery is stored; it need not be sent again."""

    received: bool = True


RECEIVED = Received().model_dump_json().encode()


@router.post("/adyen", responses=NOS, response_class=PlainTextResponse)
async def receive_from_adyen(request: Request, parts: Parts, now: Now) -> PlainTextResponse:
    """Take Adyen's notifications for the main account: `[accepted]` once all of them are stored."""
    return await receive_from_adyen_for_account(request, parts, now, MAIN_ACCOUNT)


@router.post("/adyen/{account}", responses=NOS, response_class=PlainTextResponse)
async def receive_from_adyen_for_account(
    request: Request, parts: Parts, now: Now, account: Name
) -> PlainTextResponse:
    """Take Adyen's notifications: `[accepted]` once all of them are stored, also when they are known already.

    401 `[invalid]`: not logged in, or one of them is not signed by Adyen; nothing is stored then.
    """
    try:
        await _take(request, parts, now, ADYEN, account)
    except BadSignature:
        return PlainTextResponse(INVALID, 401)
    return PlainTextResponse(ACCEPTED)


@router.post("/{provider}", responses=NOS, response_model=Received)
async def receive(request: Request, parts: Parts, now: Now, provider: Name) -> Response:
    """Take a delivery for the main account: 200 once it is stored, also when it is known already."""
    return await receive_for_account(request, parts, now, provider, MAIN_ACCOUNT)


@router.post("/{provider}/{account}", responses=NOS, response_model=Received)
async def receive_for_account(
    request: Request, parts: Parts, now: Now, provider: Name, account: Name
) -> Response:
    """Take a delivery: 200 once it is stored, also when it is known already.

    400: not signed by the provider, or too long ago. 503: it could not be stored; send it again.
    """
    try:
        await _take(request, parts, now, provider, account)
    except BadSignature:
        raise HTTPException(400, "The signature does not hold.") from None
    return Response(RECEIVED, media_type="application/json")


async def _take(request: Request, parts: Parts, now: Now, provider: str, account: str) -> None:
    """Verify a delivery and store its events. Raises BadSignature; refuses Unknown."""
    gateway = parts.gateways.of(provider, account)
    if gateway is None:
        raise Unknown
    raw = await request.body()
    try:
        await gateway.verify(raw, combined(request.headers), now)
    except BadSignature as no:
        WEBHOOKS.labels(provider, "refused").inc()
        log.warning("webhook refused", provider=provider, account=account, why=str(no))
        raise
    except OutcomeUnknown:  # the provider's certificate cannot be had; it sends again
        WEBHOOKS.labels(provider, "unverified").inc()
        raise HTTPException(503, "It cannot be verified now; send it again.", {"Retry-After": "5"}) from None
    deliveries = _deliveries(gateway, raw, live=parts.rules.live)
    await parts.intake.store(provider, deliveries)
    if not all(delivery.ignored for delivery in deliveries):
        parts.waker.wake(TELL_FACTS)
    _note(provider, deliveries)


def _note(provider: str, deliveries: Sequence[Delivery]) -> None:
    """Have the request's own line in the log say what was told: a second one costs as much as storing it."""
    told = {
        "provider": provider,
        "kind": " ".join(each.kind for each in deliveries),
        "event_id": " ".join(each.event_id for each in deliveries),
        "why": " ".join(filter(None, (each.parked or each.ignored for each in deliveries))),
    }
    structlog.contextvars.bind_contextvars(**{name: value for name, value in told.items() if value})


def combined(headers: Headers) -> Mapping[str, str]:
    """Write a header that came twice as one (RFC 9110, 5.2), so that no second one is passed over."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _deliveries(gateway: Gateway, raw: bytes, *, live: bool) -> list[Delivery]:
    """Write a delivery's events for the inbox; one that says nothing we can read is known by its bytes."""
    events = gateway.parse(raw)
    if not events:
        mark = sha256(raw).hexdigest()
        return [Delivery(gateway.provider, gateway.account, mark, "", None, raw, parked=UNREADABLE)]
    return [
        Delivery(
            gateway.provider,
            gateway.account,
            event.event_id,
            event.kind,
            event.occurred_at,
            raw,
            ignored=_why_not_told(event, live=live),
            parked=_misdirected(event, live=live),
            about=event.payment_id,
        )
        for event in events
    ]


def _misdirected(event: WebhookEvent, *, live: bool) -> str:
    if event.live != live and not event.connected:
        return WRONG_MODE
    return WRONG_MERCHANT if event.foreign else ""


def _why_not_told(event: WebhookEvent, *, live: bool) -> str:
    """Say why an event is only kept: it moves no booking; what it says of a transfer stands in the cause."""
    if event.live != live:
        return WRONG_MODE
    if event.facts or event.disputed:
        return ""
    return f"transfer_{event.transfer.status}" if event.transfer else "moves_nothing"
