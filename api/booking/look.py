"""Looking at bookings: one by id or reference, or a list; from the rows alone, so it works with no worker."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue

from api import problem, ticket
from api.access import Named, theirs
from api.body import StrictRoute
from api.booking.shape import (
    BookingAnswer,
    BookingPage,
    ContactAnswer,
    PaidAnswer,
    Source,
    phone_place,
    step,
    summary,
)
from api.decline import DeclineAnswer, Language, told
from api.deps import BASE, Caller, House, Parts, Permission, may
from api.payment import PaymentAnswer, as_it_stands
from api.pricing import lines
from api.shape import Cursor, Limit, Shape, WrittenInstant
from db import decline as declines
from db.booking.read import Booking, page
from db.payment import read as payments
from db.payment.read import Payment
from db.session import Connection, clock
from domain.booking import OPEN, BookingStatus
from domain.ids import BookingId
from domain.money import Money
from domain.payment import PAYABLE, PaymentStatus
from domain.refusal import Forbidden, InvalidRequest, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["bookings"])
Reader = Annotated[Caller, may(Permission.READ_BOOKING)]
NOS = problem.answers(Unauthenticated, Forbidden, Unknown, also=())


class BookingFilter(Shape):
    """Which bookings: in this state, of this user or source, of slots that start in [`from`, `to`)."""

    status: BookingStatus | None = None
    user: Annotated[str | None, Field(max_length=200)] = None
    source: Source | None = None
    since: Annotated[WrittenInstant | None, Field(alias="from")] = None
    until: Annotated[WrittenInstant | None, Field(alias="to")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


@router.get("", responses=NOS)
async def list_bookings(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.LIST_BOOKINGS)],
    wanted: Annotated[BookingFilter, Query()],
) -> BookingPage:
    """List a user's own bookings, or an organizer's, newest first."""
    own = None if caller.reaches_all(Permission.LIST_BOOKINGS) else caller.user_id
    if own is not None and wanted.user not in (None, own):
        raise Unknown
    async with parts.database.looking(caller.tenant_id) as connection:
        found = await page(
            connection,
            caller.tenant_id,
            user_id=own or wanted.user,
            source=wanted.source,
            statuses=[wanted.status] if wanted.status else None,
            since=wanted.since,
            until=wanted.until,
            after=_place(wanted.cursor) if wanted.cursor else None,
            limit=wanted.limit + 1,
        )
    shown = found[: wanted.limit]
    return BookingPage(
        items=tuple(map(summary, shown)), next=_cursor(shown[-1]) if len(found) > len(shown) else None
    )


@router.get("/by-reference/{booking}", responses=NOS, summary="Read Booking By Reference")
@router.get("/{booking}", responses=NOS)
async def read_booking(parts: Parts, caller: Reader, booking: Named, language: Language) -> BookingAnswer:
    """Show how a booking stands: what to do next, time and attempts left, the open checkout, the tickets."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.READ_BOOKING, booking)
        return await show(connection, parts, found, language)


async def show(
    connection: Connection, parts: House, booking: Booking, language: str | None = None
) -> BookingAnswer:
    """Put together everything that is shown of a booking, in the transaction it was found in; sentences in
    `language`, else in the booking's own.
    """
    tried = await payments.of_booking(connection, booking.tenant_id, booking.id) if booking.due else []
    left = await _left(connection, booking)
    return BookingAnswer(
        **summary(booking).model_dump(),
        step=step(booking),
        cause=booking.cause or None,
        due=booking.due,
        lines=lines(booking.lines),
        contact=_contact(parts, booking),
        delivery=booking.delivery,
        expires_at=booking.expires_at,
        confirmed_at=booking.confirmed_at,
        ended_at=booking.ended_at,
        seconds_left=None if left is None else int(left.total_seconds()),
        attempts_left=_attempts_left(booking, tried),
        decline=await _decline(connection, booking, tried, language),
        payment=_payable(parts, booking, tried),
        dispute=next((each.dispute for each in reversed(tried) if each.dispute), None),
        paid_by=_paid_by(booking, tried),
        tickets=await ticket.of(connection, parts, booking),
    )


def _contact(parts: House, booking: Booking) -> ContactAnswer:
    known = booking.contact
    phone = known.phone and parts.seal.open(known.phone, place=phone_place(booking.id))
    return ContactAnswer(name=known.name, email=known.email, phone=phone)


async def _left(connection: Connection, booking: Booking) -> timedelta | None:
    if booking.expires_at is None or booking.status not in OPEN:
        return None
    return max(timedelta(0), booking.expires_at - await clock(connection))


def _attempts_left(booking: Booking, tried: list[Payment]) -> int:
    if booking.status not in OPEN or not booking.due:
        return 0
    return max(0, booking.terms.payment_attempts - sum(payment.declines for payment in tried))


async def _decline(
    connection: Connection, booking: Booking, tried: list[Payment], language: str | None
) -> DeclineAnswer | None:
    """Tell why the last try to pay did not go through; nothing once the booking is confirmed."""
    if booking.confirmed_at is not None or not any(payment.declines for payment in tried):
        return None
    last = (await declines.of_booking(connection, booking.tenant_id, booking.id))[-1]
    left = _attempts_left(booking, tried)
    return told(last.decline, language, booking.locale, attempts_left=left)


def _payable(parts: House, booking: Booking, tried: list[Payment]) -> PaymentAnswer | None:
    if booking.status is not BookingStatus.AWAITING_PAYMENT:
        return None
    payable = [payment for payment in tried if payment.status in PAYABLE]
    return as_it_stands(parts, payable[-1]) if payable else None


def _paid_by(booking: Booking, tried: list[Payment]) -> tuple[PaidAnswer, ...]:
    if booking.confirmed_at is None:
        return ()
    return tuple(
        PaidAnswer(
            payment_id=payment.id,
            status=payment.status,
            provider=payment.provider,
            method=payment.method,
            transaction_id=payment.provider_ref,
            amount=Money(minor=payment.captured_minor, currency=payment.captured_currency),
            paid_at=payment.captured_at,
            card_brand=payment.card_brand,
            card_last4=payment.card_last4,
        )
        for payment in tried
        if payment.status is PaymentStatus.CAPTURED
    )


def _cursor(last: Booking) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at.isoformat()} {last.id}".encode()).decode()


def _place(cursor: str) -> tuple[datetime, BookingId]:
    try:
        created_at, booking_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(created_at).astimezone(UTC), BookingId(UUID(booking_id))
    except (ValueError, OverflowError, binascii.Error):
        error: JsonValue = {"parameter": "cursor", "code": "invalid", "detail": "This is no cursor of ours."}
        raise InvalidRequest("The query breaks a rule.", errors=[error]) from None
