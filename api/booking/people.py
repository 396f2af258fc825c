"""Who comes with a wish to book: whom to reach, who travels, what is agreed to; checked and sealed."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from api.booking.shape import BookingWish, phone_place, refuse_unreachable
from api.consent import agreed
from api.passenger import sealed
from db.booking.read import Contact
from db.catalog import Sale
from domain.checkout import Given, missing
from domain.consent import ConsentText
from domain.ids import BookingId
from domain.passenger import Passenger
from domain.refusal import InvalidRequest
from providers.seal import Seal


class People(NamedTuple):
    """What is written with the booking."""

    contact: Contact
    passengers: tuple[Passenger, ...]
    consents: tuple[ConsentText, ...]


def people(
    seal: Seal,
    booking_id: BookingId,
    wish: BookingWish,
    sale: Sale,
    *,
    places: int,
    whole: bool,
    now: datetime,
) -> People:
    """Check and seal what a wish says of people; `whole` when nothing of it may come later.

    Refuses InvalidRequest.
    """
    refuse_unreachable(wish.delivery, has_phone=wish.contact.phone is not None)
    terms, zone = sale.offer.terms, ZoneInfo(sale.slot.zone)
    consents = agreed(wish.consents, terms)
    passengers: tuple[Passenger, ...] = ()
    if wish.passengers:
        passengers = sealed(
            seal,
            booking_id,
            wish.passengers,
            rule=terms.passengers,
            places=places,
            now=now.astimezone(zone),
            starts_at=sale.slot.starts_at.astimezone(zone),
        )
    given = Given(
        places=places,
        passengers=len(passengers),
        phone=wish.contact.phone is not None,
        consents=frozenset(text.code for text in consents),
    )
    if whole and (errors := missing(terms, given)):
        raise InvalidRequest("Something is missing before it can be booked.", errors=errors)
    return People(_contact(seal, booking_id, wish), passengers, consents)


def _contact(seal: Seal, booking_id: BookingId, wish: BookingWish) -> Contact:
    phone = wish.contact.phone and seal.close(wish.contact.phone, place=phone_place(booking_id))
    return Contact(name=wish.contact.name, email=wish.contact.email, phone=phone)
