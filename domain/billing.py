"""Whom a payment is billed to: needed where the product or the way to pay asks for it."""

from pydantic import JsonValue

from domain.catalog import SalesTerms
from domain.value import Value

# Paid with a card the buyer holds: its holder's name is needed (S0's rule).
WITH_HOLDER = frozenset({"card"})


class Address(Value):
    """A postal address; `country` is ISO 3166-1, two letters."""

    line1: str
    line2: str | None = None
    city: str
    postal_code: str | None = None
    region: str | None = None
    country: str


class Billing(Value):
    """Whom a payment is billed to."""

    holder_name: str | None = None
    address: Address | None = None


def faults(billing: Billing, terms: SalesTerms, method: str | None) -> list[JsonValue]:
    """List what a payment by this method lacks of whom it is billed to, with JSON pointers."""
    found = []
    if terms.billing_address and billing.address is None:
        found.append(_error("address", "This product needs a billing address."))
    if method in WITH_HOLDER and billing.holder_name is None:
        found.append(_error("holder_name", "A card's holder has a name."))
    return found


def _error(field: str, detail: str) -> JsonValue:
    return {"pointer": f"/billing/{field}", "code": "missing", "detail": detail}
