"""Booking a ticket in the words of the first source: one offer, a day, a time, a quantity.

The same booking as by `POST /bookings` with a payment, and its refusals; only names and shapes are others:
camel case, amounts with decimals, the reference where others have the id, all of it in `data`.
"""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from api import problem
from api.body import StrictRoute
from api.booking.accept import Booker, channel_of, create_booking
from api.booking.shape import AcceptedBooking, BookingWish, Contact
from api.deps import BASE, Caller, House, Key, Now, Parts
from api.passenger import Day
from api.paying import PaymentWish
from api.pricing import LineWish
from api.shape import Answer, Instant, Quantity, Shape, example
from db import catalog
from db.catalog import SlotLeft
from db.tenant import Channel
from domain.catalog import SaleStatus, Slot
from domain.ids import OfferId
from domain.money import Money
from domain.refusal import (
    Forbidden,
    InvalidRequest,
    KeyReused,
    SalesClosed,
    SoldOut,
    Unauthenticated,
    Unknown,
)

DAY = timedelta(days=1)

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/tickets", tags=["bookings"])
_CAMEL = ConfigDict(alias_generator=to_camel)


class TicketBookingWish(Shape):
    """How many places of an offer (`poiId`) on a day, at a time (`09:00-10:00`) where there are several."""

    model_config = _CAMEL | example(
        poiId="0198c0de-0000-7000-8000-000000000001",
        date="2026-08-01",
        timeslot="09:00-10:00",
        quantity=2,
        guestInfo={"name": "Ada Lovelace", "email": "ada@example.com"},
    )

    poi_id: UUID
    date: Day
    timeslot: Annotated[str | None, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] = (
        None
    )
    quantity: Quantity
    guest_info: Contact


class TicketBooking(Answer):
    """A booking as the first source shows it; `bookingId` is the reference that people use."""

    model_config = _CAMEL | ConfigDict(populate_by_name=True)

    booking_id: str
    booking_reference: str
    status: Literal["pending"] = "pending"
    total_price: float
    currency: str
    payment_url: str | None
    expires_at: Instant | None


class TicketBookingAnswer(Answer):
    """The booking, wrapped."""

    success: Literal[True] = True
    data: TicketBooking


@router.post(
    "/bookings",
    status_code=201,
    response_model=TicketBookingAnswer,
    responses=problem.answers(Unauthenticated, Forbidden, Unknown, SoldOut, SalesClosed, KeyReused),
)
async def book_tickets(
    request: Request,
    parts: Parts,
    caller: Booker,
    channel: Annotated[Channel, Depends(channel_of)],
    key: Key,
    now: Now,
    wish: TicketBookingWish,
) -> Response:
    """Book places and open the payment in one call; the buyer comes back to our own page."""
    booked = await create_booking(
        request, parts, caller, channel, key, now, await _canonical(parts, caller, wish)
    )
    accepted = AcceptedBooking.model_validate_json(bytes(booked.body))
    answer = TicketBookingAnswer(
        data=TicketBooking(
            booking_id=accepted.reference,
            booking_reference=accepted.reference,
            total_price=_decimal(accepted.total),
            currency=accepted.total.currency,
            payment_url=accepted.payment and accepted.payment.payment_url,
            expires_at=accepted.expires_at,
        )
    )
    headers = {name: booked.headers[name] for name in ("location", "retry-after") if name in booked.headers}
    return Response(answer.model_dump_json(by_alias=True), 201, headers, "application/json")


async def _canonical(parts: House, caller: Caller, wish: TicketBookingWish) -> BookingWish:
    """Say in our own words what is wished: the offer's first ticket on sale, in the slot of that time.

    Refuses Unknown, InvalidRequest.
    """
    offer_id = OfferId(wish.poi_id)
    async with parts.database.tenant(caller.tenant_id) as connection:
        variants = await catalog.variants(connection, caller.tenant_id, offer_id)
        around = datetime.combine(wish.date, time(), ZoneInfo("UTC"))
        slots = await catalog.slots(
            connection, caller.tenant_id, offer_id, since=around - DAY, until=around + 2 * DAY
        )
    on_sale = [each.variant for each in variants if each.variant.status is SaleStatus.LIVE]
    if not on_sale:
        raise Unknown
    return BookingWish(
        offer_id=wish.poi_id,
        slot_id=_slot(slots, wish.date, wish.timeslot),
        lines=(LineWish(variant_id=on_sale[0].id, quantity=wish.quantity),),
        contact=wish.guest_info,
        payment=PaymentWish(return_url=f"{parts.rules.api_url}/return"),
    )


def _slot(slots: list[SlotLeft], day: date, timeslot: str | None) -> UUID:
    """Find the slot of this day, by the clock of the place, and of this time if one is named."""
    of_day = [each.slot for each in slots if _local(each.slot.starts_at, each.slot).date() == day]
    found = [slot for slot in of_day if timeslot in (None, _timeslot(slot))]
    if len(found) != 1:
        field = "timeslot" if of_day else "date"
        code = "missing" if found else "unknown"
        error: JsonValue = {"pointer": f"/{field}", "code": code, "detail": f"{len(found)} slots are meant."}
        raise InvalidRequest("Say which slot is meant.", errors=[error])
    return found[0].id


def _timeslot(slot: Slot) -> str:
    return f"{_local(slot.starts_at, slot):%H:%M}-{_local(slot.ends_at, slot):%H:%M}"


def _local(instant: datetime, slot: Slot) -> datetime:
    return instant.astimezone(ZoneInfo(slot.zone))


def _decimal(money: Money) -> float:
    # The source's JSON has a decimal number here. It is shown, never reckoned with.
    return float(str(money).removesuffix(money.currency))
