"""Who travels: step two of the checkout. Sealed here on the way in, opened here on the way out."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api import problem
from api.access import Named, theirs
from api.body import StrictRoute
from api.deps import BASE, Caller, Now, Parts, Permission, may
from api.shape import Answer, Shape, example
from db import catalog, checkout, passenger as passengers
from db.booking.read import Booking, find
from db.session import Connection
from domain.country import COUNTRIES
from domain.ids import BookingId
from domain.passenger import Passenger, PassengerRule, PassengerType, Passport, Traveller, faults
from domain.refusal import (
    BookingEnded,
    Forbidden,
    HoldEnded,
    IllegalMove,
    InvalidRequest,
    Unauthenticated,
    Unknown,
)
from providers.seal import Seal

# So much of a passport's number is shown again.
SHOWN_DIGITS = 3

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["bookings"])


def _day(value: object) -> object:
    # Not the numbers and instants that Pydantic would take as well.
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise PydanticCustomError("invalid", "A day, such as 2027-05-01.")
    return value


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("invalid", "A country by its two letters of ISO 3166-1.")
    return code


Day = Annotated[date, BeforeValidator(_day)]
Country = Annotated[
    str, AfterValidator(_country), Field(description="ISO 3166-1, two letters", examples=["PT"])
]
PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class PassportWish(Shape):
    """A passport, as its machine-readable zone writes it."""

    number: Annotated[str, Field(pattern=r"^[A-Z0-9]{5,20}$")]
    country: Country
    expires_on: Day


class PassengerWish(Shape):
    """One who travels."""

    type: PassengerType
    given_name: PersonName
    family_name: PersonName
    birth_date: Day
    nationality: Country
    passport: PassportWish | None = None


PassengerWishes = Annotated[tuple[PassengerWish, ...], Field(max_length=100)]


class PassengersWish(Shape):
    """All who travel, in place of those named before; exactly one of them leads."""

    model_config = example(
        passengers=[
            {
                "type": "lead",
                "given_name": "Ada",
                "family_name": "Lovelace",
                "birth_date": "1985-12-10",
                "nationality": "GB",
                "passport": {"number": "P1234567", "country": "GB", "expires_on": "2031-06-30"},
            }
        ]
    )

    passengers: Annotated[PassengerWishes, Field(min_length=1)]


class PassportAnswer(Answer):
    """A passport; of its number the end."""

    number_end: str
    country: str
    expires_on: date


class PassengerAnswer(Answer):
    """One who travels."""

    type: PassengerType
    given_name: str
    family_name: str
    birth_date: date
    nationality: str
    passport: PassportAnswer | None


class PassengerPage(Answer):
    """All who travel on a booking, in the order they were named."""

    items: tuple[PassengerAnswer, ...]


@router.get("/{booking}/passengers", responses=problem.answers(Unauthenticated, Forbidden, Unknown, also=()))
async def list_passengers(
    parts: Parts, caller: Annotated[Caller, may(Permission.READ_BOOKING)], booking: Named
) -> PassengerPage:
    """List who travels."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.READ_BOOKING, booking)
        kept = await passengers.of_booking(connection, found.tenant_id, found.id)
    return _page(parts.seal, found.id, kept)


@router.put(
    "/{booking}/passengers",
    responses=problem.answers(Unauthenticated, Forbidden, Unknown, IllegalMove, HoldEnded, BookingEnded),
)
async def name_passengers(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.CHANGE)],
    booking: Named,
    now: Now,
    wish: PassengersWish,
) -> PassengerPage:
    """Name who travels, until a payment has started; the same again changes nothing."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.CHANGE, booking)
        slot = await catalog.slot(connection, found.tenant_id, found.slot_id)
    async with parts.database.tenant(caller.tenant_id) as connection:
        await checkout.lock(connection, found.tenant_id, found.id)
        found = await find(connection, found.tenant_id, found.id)
        kept = sealed(
            parts.seal,
            found.id,
            wish.passengers,
            rule=found.terms.passengers,
            places=_places(found),
            now=now.astimezone(ZoneInfo(slot.zone)),
            starts_at=found.starts_at.astimezone(ZoneInfo(slot.zone)),
        )
        await passengers.replace(connection, found.tenant_id, found.id, kept)
    return _page(parts.seal, found.id, kept)


def sealed(
    seal: Seal,
    booking_id: BookingId,
    wishes: Sequence[PassengerWish],
    *,
    rule: PassengerRule,
    places: int,
    now: datetime,
    starts_at: datetime,
) -> tuple[Passenger, ...]:
    """Check who travels and seal what is confidential; the instants are in the zone of the place.

    Refuses InvalidRequest.
    """
    travellers = [_traveller(wish) for wish in wishes]
    if errors := faults(travellers, rule, places=places, today=now.date(), travels_on=starts_at.date()):
        raise InvalidRequest("The passengers break a rule.", errors=errors)
    return tuple(_sealed(seal, booking_id, i, each) for i, each in enumerate(travellers, start=1))


async def refuse_unfit(
    connection: Connection, seal: Seal, booking: Booking, *, now: datetime, starts_at: datetime
) -> None:
    """Refuse InvalidRequest where one who was named may not travel then; instants are in the place's zone."""
    kept = await passengers.of_booking(connection, booking.tenant_id, booking.id)
    travellers = [_opened(seal, booking.id, each) for each in kept]
    rule = booking.terms.passengers
    errors = faults(travellers, rule, places=len(kept), today=now.date(), travels_on=starts_at.date())
    if travellers and errors:
        raise InvalidRequest("The passengers break a rule.", errors=errors)


def _traveller(wish: PassengerWish) -> Traveller:
    return Traveller.model_validate(wish.model_dump())


def _places(booking: Booking) -> int:
    return sum(line.quantity for line in booking.lines)


def _sealed(seal: Seal, booking_id: BookingId, position: int, traveller: Traveller) -> Passenger:
    passport = traveller.passport
    return Passenger(
        position=position,
        **traveller.model_dump(include={"type", "given_name", "family_name", "nationality"}),
        birth_date=seal.close(
            traveller.birth_date.isoformat(), place=_place("birth_date", booking_id, position)
        ),
        passport=passport
        and seal.close(passport.model_dump_json(), place=_place("passport", booking_id, position)),
    )


def _page(seal: Seal, booking_id: BookingId, kept: Sequence[Passenger]) -> PassengerPage:
    return PassengerPage(items=tuple(_answer(seal, booking_id, each) for each in kept))


def _answer(seal: Seal, booking_id: BookingId, passenger: Passenger) -> PassengerAnswer:
    traveller = _opened(seal, booking_id, passenger)
    passport = traveller.passport
    return PassengerAnswer(
        **traveller.model_dump(exclude={"passport"}),
        passport=passport
        and PassportAnswer(
            number_end=passport.number[-SHOWN_DIGITS:],
            country=passport.country,
            expires_on=passport.expires_on,
        ),
    )


def _opened(seal: Seal, booking_id: BookingId, passenger: Passenger) -> Traveller:
    at, passport = passenger.position, passenger.passport
    born = seal.open(passenger.birth_date, place=_place("birth_date", booking_id, at))
    return Traveller(
        **passenger.model_dump(include={"type", "given_name", "family_name", "nationality"}),
        birth_date=date.fromisoformat(born),
        passport=passport
        and Passport.model_validate_json(seal.open(passport, place=_place("passport", booking_id, at))),
    )


def _place(column: str, booking_id: BookingId, position: int) -> str:
    return f"passengers/{column}/{booking_id}/{position}"
