"""The three steps before paying, kept here: choosing anew, what is still missing, what is agreed to."""

from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import JsonValue

from api import problem
from api.access import Named, theirs
from api.body import StrictRoute
from api.booking.look import show
from api.booking.shape import BookingAnswer, Contact, phone_place, refuse_unreachable
from api.consent import TextAnswer, texts
from api.deps import BASE, Caller, House, Now, Parts, Permission, may
from api.passenger import refuse_unfit
from api.pricing import Lines, choices
from api.problem import FieldError
from api.shape import Answer, Locale, MoneyShape, Shape, example
from db import catalog, checkout as checkouts
from db.booking import change, read
from db.session import Connection
from domain.booking import OPEN, BookingStatus
from domain.checkout import CheckoutStep, missing, step
from domain.ids import SlotId
from domain.inventory import places_wanted
from domain.passenger import PassengerRule
from domain.pricing import Choice, due, price
from domain.refusal import (
    BookingEnded,
    Forbidden,
    HoldEnded,
    IllegalMove,
    InvalidRequest,
    SalesClosed,
    SoldOut,
    Unauthenticated,
    Unknown,
)
from domain.ticket import Delivery

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["bookings"])


class ChangeWish(Shape):
    """What shall be otherwise; what is left out stays as it is.

    Lines and slot are priced and held anew, or nothing changes. `expected_total` is only compared.
    """

    model_config = example(lines=[{"variant_id": "0198c0de-0000-7000-8000-000000000003", "quantity": 3}])

    slot_id: UUID | None = None
    lines: Lines | None = None
    expected_total: MoneyShape | None = None
    contact: Contact | None = None
    delivery: Delivery | None = None
    locale: Locale | None = None


class CheckoutAnswer(Answer):
    """Where a checkout stands: the `step` that comes next, and what is `missing` before it can be paid.

    `open` while anything may be changed: until a payment has started or the time is over.
    """

    step: CheckoutStep
    open: bool
    missing: tuple[FieldError, ...]
    passengers: PassengerRule
    billing_address: bool
    consents: tuple[TextAnswer, ...]


@router.get("/{booking}/checkout", responses=problem.answers(Unauthenticated, Forbidden, Unknown, also=()))
async def read_checkout(
    parts: Parts, caller: Annotated[Caller, may(Permission.READ_BOOKING)], booking: Named
) -> CheckoutAnswer:
    """Show which step of the checkout comes next and what it lacks."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.READ_BOOKING, booking)
        terms, given = await checkouts.given(connection, found.tenant_id, found.id)
    lacks = missing(terms, given)
    is_open = found.status is BookingStatus.HELD
    return CheckoutAnswer(
        step=step(terms, given) if is_open else _after(found),
        open=is_open,
        missing=tuple(FieldError.model_validate(each) for each in lacks) if is_open else (),
        passengers=terms.passengers,
        billing_address=terms.billing_address,
        consents=texts(terms),
    )


@router.patch(
    "/{booking}",
    responses=problem.answers(
        *(Unauthenticated, Forbidden, Unknown, SoldOut, SalesClosed, IllegalMove, HoldEnded, BookingEnded)
    ),
)
async def change_booking(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.CHANGE)],
    booking: Named,
    now: Now,
    wish: ChangeWish,
) -> BookingAnswer:
    """Change what is booked, or whom the tickets go to, until a payment has started.

    Passengers and consents stay; the time to pay does, too. What cannot be held leaves the booking as it was.
    """
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.CHANGE, booking)
    choice = await _choice(parts, found, wish)
    async with parts.database.tenant(caller.tenant_id) as connection:
        if choice:
            await change.choose(connection, found.tenant_id, found.id, choice)
            await _refuse_unfit(connection, parts, found, choice, now)
        await _reach(connection, parts, found, wish)
        return await show(connection, parts, await read.find(connection, found.tenant_id, found.id))


async def _choice(parts: House, booking: read.Booking, wish: ChangeWish) -> change.Choice | None:
    """Price what shall be held instead, at today's prices. Refuses InvalidRequest, SalesClosed, Unknown."""
    if wish.slot_id is None and wish.lines is None and wish.expected_total is None:
        return None
    sale = await parts.sale(booking.tenant_id, booking.offer_id, wish.slot_id or booking.slot_id)
    kept = [Choice(variant_id=line.variant_id, quantity=line.quantity) for line in booking.lines]
    lines, total = price(choices(wish.lines) if wish.lines else kept, sale.variants, sale.offer.currency)
    if wish.expected_total is not None and wish.expected_total.money() != total:
        error: JsonValue = {
            "pointer": "/expected_total",
            "code": "price_changed",
            "detail": "This is not our price.",
        }
        raise InvalidRequest("The price is another.", errors=[error], total=total.model_dump())
    return change.Choice(
        slot_id=SlotId(sale.slot.id),
        starts_at=sale.slot.starts_at,
        lines=lines,
        wanted=places_wanted(lines, sale.slot, sale.variants),
        total=total,
        due=due(total, booking.terms),
        summary=f"{sum(line.quantity for line in lines)} × {sale.offer.name}",
    )


async def _refuse_unfit(
    connection: Connection, parts: House, booking: read.Booking, choice: change.Choice, now: datetime
) -> None:
    """Refuse InvalidRequest where those who were named may not travel at the time that is chosen now."""
    if choice.starts_at == booking.starts_at:
        return
    slot = await catalog.slot(connection, booking.tenant_id, choice.slot_id)
    zone = ZoneInfo(slot.zone)
    starts_at = choice.starts_at.astimezone(zone)
    await refuse_unfit(connection, parts.seal, booking, now=now.astimezone(zone), starts_at=starts_at)


async def _reach(connection: Connection, parts: House, booking: read.Booking, wish: ChangeWish) -> None:
    if not (wish.contact or wish.delivery or wish.locale):
        return
    contact = booking.contact
    if wish.contact:
        phone = wish.contact.phone
        sealed = phone and parts.seal.close(phone, place=phone_place(booking.id))
        contact = read.Contact(name=wish.contact.name, email=wish.contact.email, phone=sealed)
    delivery = wish.delivery or booking.delivery
    refuse_unreachable(delivery, has_phone=contact.phone is not None)
    await change.reach(
        connection,
        booking.tenant_id,
        booking.id,
        contact=contact,
        delivery=delivery,
        locale=wish.locale or booking.locale,
    )


def _after(booking: read.Booking) -> CheckoutStep:
    return CheckoutStep.PAYMENT if booking.status in OPEN else CheckoutStep.OVER
