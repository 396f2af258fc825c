"""Payment links: an organizer makes one, the buyer is mailed it, and whoever opens it sees what is due and
pays. A new link takes the place of the one before; one that is over or paid is gone.
"""

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field, StrictBool
from uuid_utils.compat import uuid4, uuid7

from api import page, problem
from api.access import theirs
from api.back import BackUrl
from api.billing import BillingWish
from api.body import StrictRoute
from api.deps import BASE, OPEN, Caller, House, Now, Parts, Permission, RequiredKey, fingerprint, may
from api.paying import PaymentWish, refuse_unpayable, secured
from api.payment import Asking, PaymentAnswer, Wished, answered, claimed
from api.shape import Answer, Instant, Shape, WrittenInstant, example
from db import idempotency, link as links
from db.booking.read import Booking, find
from db.idempotency import Key, Stored
from db.link import Link
from db.payment import read as payments
from db.payment.attempt import Asker
from db.payment.read import Payment
from domain.booking import OPEN as STILL_OPEN
from domain.ids import LinkId
from domain.money import Money
from domain.refusal import (
    AlreadyPaid,
    BookingEnded,
    Forbidden,
    HoldEnded,
    InvalidRequest,
    KeyMissing,
    KeyReused,
    LinkEnded,
    ProviderRefused,
    QuotaExceeded,
    Refusal,
    Unauthenticated,
    Unknown,
)
from workflows.client import Away, Unanswered

ROUTE = "POST /payment-links"
CHECKOUT_ROUTE = "POST /payment-links/{token}/checkout"

router = APIRouter(route_class=StrictRoute, tags=["payments"])
pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse, dependencies=[OPEN])

Maker = Annotated[Caller, may(Permission.LINK)]
Token = Annotated[str, Path(description="What the link's address ends in", max_length=100)]


class NewLink(Shape):
    """For which booking (its id, or its reference for people), and until when: not longer than it is held."""

    model_config = example(booking="BK-2026-000042")

    booking: Annotated[str, Field(min_length=3, max_length=100)]
    expires_at: WrittenInstant | None = None


class LinkAnswer(Answer):
    """A payment link; `url` is what its buyer is mailed."""

    id: UUID
    booking_id: UUID
    reference: str
    url: str
    due: Money
    expires_at: Instant


class LinkShown(Answer):
    """What whoever opens a link sees: what it is for, what is due, and how long there is to pay it."""

    reference: str
    summary: str
    due: Money
    expires_at: Instant


class LinkCheckout(Shape):
    """How to pay by a link; the buyer comes back to `return_url`."""

    model_config = example(return_url="https://shop.example/thanks")

    return_url: BackUrl
    hosted: StrictBool = True
    billing: BillingWish | None = None


class Opened(NamedTuple):
    """A link in force, its booking, and what is due of that."""

    link: Link
    booking: Booking
    due: Money


@router.post(
    f"{BASE}/payment-links",
    status_code=201,
    response_model=LinkAnswer,
    responses=problem.answers(
        Unauthenticated, Forbidden, Unknown, KeyMissing, KeyReused, AlreadyPaid, HoldEnded, BookingEnded
    ),
)
async def create_link(parts: Parts, caller: Maker, now: Now, wish: NewLink, key: RequiredKey) -> Response:
    """Make a payment link and mail it to the buyer; the one before is revoked.

    The same key and body are the same link.
    """
    used = Key(caller=caller.name, route=ROUTE, key=key, fingerprint=fingerprint(ROUTE, wish))
    async with parts.database.tenant(caller.tenant_id) as connection:
        booking = await theirs(connection, caller, Permission.LINK, wish.booking)
        tried = await payments.of_booking(connection, caller.tenant_id, booking.id)
    async with parts.payments.tenant(caller.tenant_id) as connection:
        claim = await idempotency.claim(connection, caller.tenant_id, used, uuid7())
        if claim.answer is not None:
            return problem.replayed(claim.answer)
        link = await links.create(
            connection,
            caller.tenant_id,
            LinkId(claim.subject),
            booking.id,
            created_by=caller.name,
            expires_at=_ends(booking, tried, wish, now),
        )
        answer = LinkAnswer(
            id=link.id,
            booking_id=booking.id,
            reference=booking.reference,
            url=parts.tokens.links.address(caller.tenant_id, link.id),
            due=_due(booking, tried),
            expires_at=link.expires_at,
        )
        stored = Stored(201, answer.model_dump_json().encode())
        await idempotency.answer(connection, caller.tenant_id, used, stored)
    parts.waker.wake()
    return problem.replayed(stored)


@router.delete(
    f"{BASE}/payment-links/{{link}}",
    status_code=204,
    responses=problem.answers(Unauthenticated, Forbidden, Unknown, also=()),
)
async def revoke_link(parts: Parts, caller: Maker, link: UUID) -> Response:
    """Revoke a link: nobody opens it any more. A checkout that it has opened may still be paid."""
    async with parts.payments.tenant(caller.tenant_id) as connection:
        await links.revoke(connection, caller.tenant_id, LinkId(link))
    return Response(status_code=204)


@router.get(
    f"{BASE}/payment-links/{{token}}",
    responses=problem.answers(Unknown, QuotaExceeded, LinkEnded, also=()),
    dependencies=[OPEN],
)
async def show_link(request: Request, parts: Parts, token: Token) -> LinkShown:
    """Show what a link is for. 410: it is over, was revoked, or is paid."""
    opened = await _opened(request, parts, token)
    return LinkShown(
        reference=opened.booking.reference,
        summary=opened.booking.summary,
        due=opened.due,
        expires_at=opened.link.expires_at,
    )


@router.post(
    f"{BASE}/payment-links/{{token}}/checkout",
    status_code=201,
    response_model=PaymentAnswer,
    responses={
        **problem.answers(Unknown, KeyMissing, KeyReused, QuotaExceeded, LinkEnded, ProviderRefused),
        **problem.PENDING,
    },
    dependencies=[OPEN],
)
async def open_checkout(
    request: Request,
    parts: Parts,
    token: Token,
    wish: LinkCheckout,
    key: RequiredKey,
    asker: Asking,
    now: Now,
) -> Response:
    """Open a checkout for what is due; an earlier one that is still open is closed first.

    The same key and body get the same answer. 410: the link is over, was revoked, or is paid.
    """
    return await _checkout(
        request, parts, await _opened(request, parts, token), wish, key, asker=asker, now=now
    )


@pages.get("/pay/{token}")
async def show_page(request: Request, parts: Parts, token: str) -> Response:
    """Show a link to a person: what is due, until when, and the way to pay."""
    try:
        opened = await _opened(request, parts, token)
    except (LinkEnded, Unknown) as no:
        return page.shown(request, "link_over.html", status=problem.REFUSALS[type(no)][0])
    return _page(request, opened, key=uuid4().hex)


@pages.post("/pay/{token}")
async def pay_page(
    request: Request,
    parts: Parts,
    token: str,
    asker: Asking,
    now: Now,
    key: Annotated[str, Form(min_length=1, max_length=64, pattern=r"^[0-9a-f]+$")],
) -> Response:
    """Send a person on to the provider's page. The form's own key makes a second click the same wish."""
    try:
        opened = await _opened(request, parts, token)
    except (LinkEnded, Unknown) as no:
        return page.shown(request, "link_over.html", status=problem.REFUSALS[type(no)][0])
    wish = LinkCheckout(return_url=f"{parts.rules.api_url}/return")
    try:
        answer = await _checkout(request, parts, opened, wish, key, asker=asker, now=now)
    except (Away, Unanswered):
        return _page(request, opened, key=key, status=503)
    except Refusal as no:
        return page.shown(request, "link_refused.html", status=problem.REFUSALS[type(no)][0])
    if answer.status_code != 201:
        return page.shown(request, "link_refused.html", status=answer.status_code)
    url = PaymentAnswer.model_validate_json(bytes(answer.body)).payment_url
    return page.shown(request, "link_onward.html", url=url)


router.include_router(pages)


async def _opened(request: Request, parts: House, token: str) -> Opened:
    """Open a link. Refuses Unknown for a token that is not ours, and after too many of those QuotaExceeded;
    LinkEnded with why it is over.
    """
    async with parts.limits.guessing(request):
        tenant_id, link_id = parts.tokens.links.verify(token)
    async with parts.database.tenant(tenant_id) as connection:
        link = await links.find(connection, tenant_id, link_id)
        booking = await find(connection, tenant_id, link.booking_id)
        due = _due(booking, await payments.of_booking(connection, tenant_id, booking.id))
    if link.revoked_at is not None:
        raise LinkEnded("This link was revoked.", why="revoked")
    if booking.confirmed_at is not None or not due:
        raise LinkEnded("This booking is paid.", why="paid")
    if not link.is_active or booking.status not in STILL_OPEN:
        raise LinkEnded("The time to pay by this link is over.", why="expired")
    return Opened(link, booking, due)


async def _checkout(
    request: Request,
    parts: House,
    opened: Opened,
    wish: LinkCheckout,
    key: str,
    *,
    asker: Asker,
    now: datetime,
) -> Response:
    """Open the checkout of a link. Refuses LinkEnded where the booking has ended or was paid meanwhile."""
    link, booking, _ = opened
    mark = fingerprint(f"{CHECKOUT_ROUTE} {link.id}", wish)
    used = Key(caller=f"link:{link.id}", route=CHECKOUT_ROUTE, key=key, fingerprint=mark)
    asked = PaymentWish(return_url=wish.return_url, hosted=wish.hosted, billing=wish.billing)
    wished = Wished(booking=booking, wish=asked, key=used, asker=asker, user_id=None)
    async with parts.payments.tenant(booking.tenant_id) as connection:
        attempt = await claimed(connection, request, parts, wished)
    return await answered(request, parts, wished, attempt, now)


def _due(booking: Booking, tried: list[Payment]) -> Money:
    """Reckon what is due of a booking; nothing of one that has been confirmed."""
    left = 0 if booking.confirmed_at else max(0, booking.due.minor - secured(tried))
    return Money(minor=left, currency=booking.due.currency)


def _ends(booking: Booking, tried: list[Payment], wish: NewLink, now: datetime) -> datetime:
    """Say until when a link is good: as wished, but no longer than the places are held.

    Refuses what cannot be paid, and InvalidRequest for a time that is over.
    """
    refuse_unpayable(booking)
    if booking.expires_at is None or not _due(booking, tried):
        raise AlreadyPaid("Nothing is due.")
    if wish.expires_at is None:
        return booking.expires_at
    if wish.expires_at <= now:
        error = {"pointer": "/expires_at", "code": "too_small", "detail": "This time is over."}
        raise InvalidRequest("The link would be over already.", errors=[dict(error)])
    return min(wish.expires_at, booking.expires_at)


def _page(request: Request, opened: Opened, *, key: str, status: int = 200) -> Response:
    return page.shown(request, "link.html", status=status, it=opened, key=key, again=status != 200)
