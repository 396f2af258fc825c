"""The three steps before paying: choose, say who travels and whom to reach, agree and pay.

Each may be gone back to until a payment has started; what the steps brought is kept, and what is missing
follows from the terms.
"""

from collections.abc import Iterator
from enum import StrEnum

from pydantic import JsonValue

from domain.catalog import SalesTerms
from domain.passenger import PassengerRule
from domain.value import Value


class CheckoutStep(StrEnum):
    """Which step comes next. Choosing, the first, is done by booking; from `payment` on nothing changes."""

    PASSENGERS = "passengers"
    REVIEW = "review"
    PAYMENT = "payment"
    OVER = "over"


class Given(Value):
    """What a booking has so far: its places, the passengers named, the contact's phone, consents by code."""

    places: int
    passengers: int
    phone: bool
    consents: frozenset[str]


def asks_for_more(terms: SalesTerms) -> bool:
    """Say whether anything has to be there before a payment starts."""
    return terms.passengers is not PassengerRule.NOBODY or bool(terms.consents)


def missing(terms: SalesTerms, given: Given) -> list[JsonValue]:
    """List what has to be there before a payment starts and is not, with JSON pointers; empty: nothing."""
    return [*_missing_people(terms, given), *_missing_consents(terms, given)]


def step(terms: SalesTerms, given: Given) -> CheckoutStep:
    """Say which step comes next for a booking that no payment has started for."""
    return CheckoutStep.PASSENGERS if any(_missing_people(terms, given)) else CheckoutStep.REVIEW


def _missing_people(terms: SalesTerms, given: Given) -> Iterator[JsonValue]:
    if terms.passengers is PassengerRule.NOBODY:
        return
    if given.passengers < given.places:
        yield _error(
            "/passengers", "missing", f"{given.places} travel, {given.passengers} of them are named."
        )
    if given.passengers > given.places:
        yield _error(
            "/passengers", "too_long", f"{given.places} travel, {given.passengers} of them are named."
        )
    if not given.phone:
        yield _error("/contact/phone", "missing", "Who travels must be reachable by telephone.")


def _missing_consents(terms: SalesTerms, given: Given) -> Iterator[JsonValue]:
    for text in terms.consents:
        if text.code not in given.consents:
            yield _error(f"/consents/{text.code}", "missing", "This text has to be agreed to.")


def _error(pointer: str, code: str, detail: str) -> JsonValue:
    return {"pointer": pointer, "code": code, "detail": detail}
