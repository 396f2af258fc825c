"""Tickets for their holders: the signed token, and the same token as a picture to scan."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from api import problem
from api.access import theirs
from api.body import StrictRoute
from api.deps import BASE, Caller, House, Parts, Permission, may
from api.shape import Answer, Instant
from db import ticket as tickets
from db.booking.read import Booking
from db.session import Connection
from domain.ids import TicketId
from domain.refusal import Forbidden, Unauthenticated, Unknown
from domain.ticket import Ticket, TicketStatus
from providers import qr
from providers.token import ticket_claims

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/tickets", tags=["tickets"])
Holder = Annotated[Caller, may(Permission.READ_BOOKING)]
NOS = problem.answers(Unauthenticated, Forbidden, Unknown, also=())


class TicketAnswer(Answer):
    """One ticket with its signed token; the QR pictures show the same token."""

    id: UUID
    number: str
    variant_id: UUID
    status: TicketStatus
    valid_from: Instant
    valid_until: Instant
    token: str
    qr_svg: str
    qr_png: str


@router.get("/{ticket_id}", responses=NOS)
async def read_ticket(parts: Parts, caller: Holder, ticket_id: UUID) -> TicketAnswer:
    """Show one ticket with its token."""
    return shown(parts, *await _held(parts, caller, ticket_id))


@router.get(
    "/{ticket_id}/qr.svg",
    response_class=Response,
    responses={**NOS, 200: {"description": "The token to scan", "content": {"image/svg+xml": {}}}},
)
async def draw_ticket_svg(parts: Parts, caller: Holder, ticket_id: UUID) -> Response:
    """Draw the ticket's token as an SVG."""
    token = shown(parts, *await _held(parts, caller, ticket_id)).token
    return Response(await asyncio.to_thread(qr.svg, token), media_type="image/svg+xml")


@router.get(
    "/{ticket_id}/qr.png",
    response_class=Response,
    responses={**NOS, 200: {"description": "The token to scan", "content": {"image/png": {}}}},
)
async def draw_ticket_png(parts: Parts, caller: Holder, ticket_id: UUID) -> Response:
    """Draw the ticket's token as a PNG."""
    token = shown(parts, *await _held(parts, caller, ticket_id)).token
    return Response(await asyncio.to_thread(qr.png, token), media_type="image/png")


async def of(connection: Connection, parts: House, booking: Booking) -> tuple[TicketAnswer, ...]:
    """Show the tickets of a booking, in the order of its lines; none before it is confirmed."""
    if booking.confirmed_at is None:
        return ()
    found = await tickets.of_booking(connection, booking.tenant_id, booking.id)
    return tuple(shown(parts, ticket, booking.confirmed_at) for ticket in found)


def shown(parts: House, ticket: Ticket, issued_at: datetime) -> TicketAnswer:
    """Show a ticket; its token is signed here and now, and is the same each time."""
    address = f"{parts.rules.api_url}{BASE}/tickets/{ticket.id}"
    return TicketAnswer(
        **ticket.model_dump(include={"id", "number", "variant_id", "status", "valid_from", "valid_until"}),
        token=parts.tokens.tickets.sign(ticket_claims(ticket, issued_at=issued_at)),
        qr_svg=f"{address}/qr.svg",
        qr_png=f"{address}/qr.png",
    )


async def _held(parts: House, caller: Caller, ticket_id: UUID) -> tuple[Ticket, datetime]:
    """Find a ticket of a booking that the caller may read, and when it was issued. Refuses Unknown."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        ticket = await tickets.find(connection, caller.tenant_id, TicketId(ticket_id))
        booking = await theirs(connection, caller, Permission.READ_BOOKING, str(ticket.booking_id))
    if booking.confirmed_at is None:
        raise Unknown
    return ticket, booking.confirmed_at
