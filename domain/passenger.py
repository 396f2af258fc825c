"""Who travels: what an offer asks of each, and which of it is wrong.

What only the buyer and the carrier may read (date of birth, passport) is kept sealed: see `Passenger`.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum

from pydantic import JsonValue

from domain.value import Sealed, Value

# Nobody is known to have lived longer (in years).
OLDEST = 125


class PassengerRule(StrEnum):
    """What an offer asks of each passenger: nothing; name, birth and nationality; a passport too."""

    NOBODY = "nobody"
    DOMESTIC = "domestic"
    INTERNATIONAL = "international"


class PassengerType(StrEnum):
    """Whom the others travel with, a grown-up, or a child."""

    LEAD = "lead"
    ADULT = "adult"
    CHILD = "child"


class Passport(Value):
    """A passport; `country` is the one that issued it (ISO 3166-1, two letters)."""

    number: str
    country: str
    expires_on: date


class Traveller(Value):
    """A passenger as the buyer writes it; `nationality` is ISO 3166-1, two letters."""

    type: PassengerType
    given_name: str
    family_name: str
    birth_date: date
    nationality: str
    passport: Passport | None = None


class Passenger(Value):
    """A passenger as it is kept: the `position`-th of its booking (from 1), what is confidential sealed."""

    position: int
    type: PassengerType
    given_name: str
    family_name: str
    nationality: str
    birth_date: Sealed
    passport: Sealed | None = None


def faults(
    travellers: Sequence[Traveller], rule: PassengerRule, *, places: int, today: date, travels_on: date
) -> list[JsonValue]:
    """List what is wrong with the passengers of a booking of so many places, with JSON pointers.

    Exactly one of them leads. Days are those of the place they travel from.
    """
    return [*_of_all(travellers, places), *_of_each(travellers, rule, today, travels_on)]


def _of_all(travellers: Sequence[Traveller], places: int) -> Iterator[JsonValue]:
    if len(travellers) > places:
        yield _fault("", "too_long", f"The booking has {places} places.")
    if sum(traveller.type is PassengerType.LEAD for traveller in travellers) != 1:
        yield _fault("", "invalid", "Exactly one passenger leads.")


def _of_each(
    travellers: Sequence[Traveller], rule: PassengerRule, today: date, travels_on: date
) -> Iterator[JsonValue]:
    for i, traveller in enumerate(travellers):
        born = traveller.birth_date
        if born > today:
            yield _fault(f"/{i}/birth_date", "too_large", "Not born yet.")
        elif born.year < today.year - OLDEST:
            yield _fault(f"/{i}/birth_date", "too_small", f"Not more than {OLDEST} years ago.")
        passport = traveller.passport
        if passport is None and rule is PassengerRule.INTERNATIONAL:
            yield _fault(f"/{i}/passport", "missing", "International travel needs a passport.")
        if passport is not None and passport.expires_on < travels_on:
            yield _fault(f"/{i}/passport/expires_on", "too_small", "It must be valid on the day of travel.")


def _fault(at: str, code: str, detail: str) -> JsonValue:
    return {"pointer": f"/passengers{at}", "code": code, "detail": detail}
