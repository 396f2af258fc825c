"""Bookings at the addresses and in the words of the flight checkout: the same bookings as everywhere.

Each route is the canonical one in other words: camel case, the states that the source has, its own methods
for what is done (PUT changes, DELETE cancels).
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from api import problem
from api.access import Named
from api.body import StrictRoute
from api.booking.accept import Booker, channel_of, create_booking
from api.booking.decide import cancel_booking
from api.booking.look import BookingFilter, list_bookings, read_booking
from api.booking.shape import AcceptedBooking, BookingSummary, BookingWish
from api.checkout import ChangeWish, change_booking
from api.deps import Caller, Key, Now, Parts, Permission, may
from api.shape import Answer, Instant
from db.tenant import Channel
from domain.booking import BookingStatus
from domain.money import Money
from domain.refusal import (
    BookingEnded,
    Forbidden,
    HoldEnded,
    IllegalMove,
    KeyReused,
    QuoteOutdated,
    SalesClosed,
    SoldOut,
    Unauthenticated,
    Unknown,
)

Word: TypeAlias = Literal["pending", "confirmed", "failed", "cancelled"]
PaymentWord: TypeAlias = Literal["pending", "paid", "failed", "refunded"]

# What the source calls our states, and how it says they are paid.
WORDS: Mapping[BookingStatus, tuple[Word, PaymentWord]] = {
    BookingStatus.INITIATED: ("pending", "pending"),
    BookingStatus.HELD: ("pending", "pending"),
    BookingStatus.AWAITING_PAYMENT: ("pending", "pending"),
    BookingStatus.PAYMENT_REVIEW: ("pending", "pending"),
    BookingStatus.PAID: ("pending", "paid"),
    BookingStatus.AWAITING_PARTNER: ("pending", "paid"),
    BookingStatus.CONFIRMED: ("confirmed", "paid"),
    BookingStatus.COMPLETED: ("confirmed", "paid"),
    BookingStatus.NO_SHOW: ("confirmed", "paid"),
    BookingStatus.EXPIRED: ("failed", "failed"),
    BookingStatus.REJECTED: ("failed", "failed"),
    BookingStatus.FAILED: ("failed", "failed"),
    BookingStatus.CANCELLING: ("cancelled", "paid"),
    BookingStatus.CANCELLED: ("cancelled", "failed"),
    BookingStatus.REFUNDING: ("cancelled", "paid"),
    BookingStatus.REFUNDED: ("cancelled", "refunded"),
}

router = APIRouter(route_class=StrictRoute, prefix="/api/bookings", tags=["bookings"])
_CAMEL = ConfigDict(alias_generator=to_camel, populate_by_name=True)

NOS = problem.answers(Unauthenticated, Forbidden, Unknown, also=())


class FlightBooked(Answer):
    """A booking that was just made; `accessToken` opens it and no other."""

    model_config = _CAMEL

    booking_id: UUID
    booking_reference: str
    access_token: str


class FlightBooking(Answer):
    """A booking in the words of the flight checkout."""

    model_config = _CAMEL

    booking_id: UUID
    booking_reference: str
    status: Word
    payment_status: PaymentWord
    departs_at: Instant
    total: Money
    created_at: Instant

    @classmethod
    def of(cls, booking: BookingSummary) -> Self:
        """Say a booking in these words."""
        status, paid = WORDS[booking.status]
        return cls(
            booking_id=booking.id,
            booking_reference=booking.reference,
            status=status,
            payment_status=paid,
            departs_at=booking.starts_at,
            total=booking.total,
            created_at=booking.created_at,
        )


class FlightBookings(Answer):
    """Bookings, newest first; `next` is the cursor of the page that follows, if one does."""

    model_config = _CAMEL

    bookings: tuple[FlightBooking, ...]
    next: str | None


@router.get("", responses=NOS)
async def list_flights(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.LIST_BOOKINGS)],
    wanted: Annotated[BookingFilter, Query()],
) -> FlightBookings:
    """List a user's own bookings, or an organizer's, newest first."""
    page = await list_bookings(parts, caller, wanted)
    return FlightBookings(bookings=tuple(map(FlightBooking.of, page.items)), next=page.next)


@router.post(
    "",
    status_code=201,
    response_model=FlightBooked,
    responses=problem.answers(
        Unauthenticated, Forbidden, Unknown, SoldOut, SalesClosed, QuoteOutdated, KeyReused
    ),
)
async def book_flight(
    request: Request,
    parts: Parts,
    caller: Booker,
    channel: Annotated[Channel, Depends(channel_of)],
    key: Key,
    now: Now,
    wish: BookingWish,
) -> Response:
    """Book places: all lines or none. The same key and body is the same booking."""
    booked = await create_booking(request, parts, caller, channel, key, now, wish)
    accepted = AcceptedBooking.model_validate_json(bytes(booked.body))
    answer = FlightBooked(
        booking_id=accepted.id, booking_reference=accepted.reference, access_token=accepted.access_token
    )
    headers = {name: booked.headers[name] for name in ("location", "retry-after") if name in booked.headers}
    return Response(answer.model_dump_json(by_alias=True), 201, headers, "application/json")


@router.get("/{booking}", responses=NOS)
async def read_flight(
    parts: Parts, caller: Annotated[Caller, may(Permission.READ_BOOKING)], booking: Named
) -> FlightBooking:
    """Show how a booking stands."""
    return FlightBooking.of(await read_booking(parts, caller, booking, None))


@router.put(
    "/{booking}",
    responses=problem.answers(
        *(Unauthenticated, Forbidden, Unknown, SoldOut, SalesClosed, IllegalMove, HoldEnded, BookingEnded)
    ),
)
async def change_flight(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.CHANGE)],
    booking: Named,
    now: Now,
    wish: ChangeWish,
) -> FlightBooking:
    """Change what is booked until a payment has started; what is not named stays."""
    return FlightBooking.of(await change_booking(parts, caller, booking, now, wish))


@router.delete(
    "/{booking}",
    responses={
        **problem.answers(Unauthenticated, Forbidden, Unknown, IllegalMove, HoldEnded, BookingEnded, also=()),
        **problem.PENDING,
    },
)
async def cancel_flight(
    parts: Parts, caller: Annotated[Caller, may(Permission.CANCEL)], booking: Named
) -> FlightBooking:
    """Cancel a booking that is not confirmed yet. The same again answers the same."""
    return FlightBooking.of(await cancel_booking(parts, caller, booking, None))
