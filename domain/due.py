"""What may be paid for a booking now, and with what."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import JsonValue

from domain.catalog import SalesTerms
from domain.money import Money
from domain.refusal import AlreadyPaid, InvalidRequest
from domain.registry import METHODS

# Methods that settle days after the buyer has agreed, and how long they may take; offered by name only.
LATE_SETTLING: Mapping[str, timedelta] = {
    method.id: method.settles_within for method in METHODS if method.settles_within is not None
}


def payable(
    due: Money, total: Money, secured_minor: int, terms: SalesTerms, wished: Money | None, *, at: str = ""
) -> Money:
    """Give the amount of the next payment: what is still due or, where the terms allow it, what is `wished`,
    which stands `at` a place in the body.

    `secured_minor` is what the booking has already, in minor units. Refuses AlreadyPaid when nothing is due
    any more, and InvalidRequest for an amount in another currency, beyond the price, or in parts where the
    offer is paid as a whole.
    """
    left, most = due.minor - secured_minor, total.minor - secured_minor
    if left <= 0:
        raise AlreadyPaid("Nothing is due.")
    if wished is None:
        return Money(minor=left, currency=due.currency)
    if wished.currency != due.currency:
        raise _broken(f"{at}/amount/currency", "not_allowed", f"This booking is in {due.currency}.")
    if not 0 < wished.minor <= most:
        raise _broken(f"{at}/amount/minor", "out_of_bounds", f"From 1 to {most}: more is not owed.")
    if wished.minor not in (left, most) and not terms.parts:
        raise _broken(f"{at}/amount/minor", "not_allowed", f"This offer is not paid in parts: {left} is due.")
    return wished


def settles_within(
    method: str | None, sales_until: datetime, now: datetime, *, at: str = ""
) -> timedelta | None:
    """Say how long a method may take to settle (nothing: it settles at once).

    Refuses InvalidRequest for one that might settle only after the sale is over.
    """
    within = LATE_SETTLING.get(method or "")
    if within is not None and now + within > sales_until:
        raise _broken(f"{at}/method", "too_late", "This method settles after the sale is over.")
    return within


def _broken(pointer: str, code: str, detail: str) -> InvalidRequest:
    error: JsonValue = {"pointer": pointer, "code": code, "detail": detail}
    return InvalidRequest("The wish to pay breaks a rule.", errors=[error])
