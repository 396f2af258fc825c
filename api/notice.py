"""What the mail service tells of our notices: verified over the raw bytes, each event stored once, answered.

What it means for a notice is found out later, by the relay.
"""

from collections.abc import Sequence
from hashlib import sha256

import structlog
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.deps import BASE, OPEN, Now, Parts
from api.flat import FlatRoute
from api.webhook import MAIN_ACCOUNT, NOS, RECEIVED, UNREADABLE, Name, Received, combined
from db.relay import TELL_FACTS
from db.webhook import Delivery
from domain.refusal import Unknown
from observability.metrics import WEBHOOKS
from providers.gateway import BadSignature
from providers.mail.event import SENDGRID, MailEvent, parse

log = structlog.get_logger(__name__)

router = APIRouter(
    route_class=FlatRoute, prefix=f"{BASE}/webhooks/{SENDGRID}", tags=["webhooks"], dependencies=[OPEN]
)


@router.post("", responses=NOS, response_model=Received)
async def receive_mail_events(request: Request, parts: Parts, now: Now) -> Response:
    """Take SendGrid's events for the main account: 200 once all are stored, also when known already."""
    return await receive_mail_events_for_account(request, parts, now, MAIN_ACCOUNT)


@router.post("/{account}", responses=NOS, response_model=Received)
async def receive_mail_events_for_account(
    request: Request, parts: Parts, now: Now, account: Name
) -> Response:
    """Take SendGrid's events: 200 once all of them are stored, also when they are known already.

    400: not signed by SendGrid, or too long ago. 503: they could not be stored; send them again.
    """
    verifier = parts.mail_events.get(account)
    if verifier is None:
        raise Unknown
    raw = await request.body()
    try:
        verifier.verify(raw, combined(request.headers), now)
    except BadSignature as no:
        WEBHOOKS.labels(SENDGRID, "refused").inc()
        log.warning("webhook refused", provider=SENDGRID, account=account, why=str(no))
        raise HTTPException(400, "The signature does not hold.") from None
    deliveries = _deliveries(account, raw)
    await parts.intake.store(SENDGRID, deliveries)
    if not all(delivery.ignored for delivery in deliveries):
        parts.waker.wake(TELL_FACTS)
    structlog.contextvars.bind_contextvars(provider=SENDGRID, events=len(deliveries))
    return Response(RECEIVED, media_type="application/json")


def _deliveries(account: str, raw: bytes) -> Sequence[Delivery]:
    """Write the events for the inbox; a delivery that is no list of them is known by its bytes."""
    events = parse(raw)
    if not events:
        return [Delivery(SENDGRID, account, sha256(raw).hexdigest(), "", None, raw, parked=UNREADABLE)]
    return [
        Delivery(
            SENDGRID,
            account,
            event.event_id,
            event.kind,
            event.occurred_at,
            event.body,
            ignored=_moves_nothing(event),
            parked=UNREADABLE if event.unreadable else "",
        )
        for event in events
    ]


def _moves_nothing(event: MailEvent) -> str:
    return "" if event.fact or event.unreadable else "moves_nothing"
