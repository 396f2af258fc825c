"""Whom a payment is billed to: asked for where the product or the way to pay needs it."""

from typing import Annotated

from pydantic import JsonValue, StringConstraints

from api.passenger import Country, PersonName
from api.shape import Shape
from db import billing as billings
from db.session import Connection
from domain.billing import Billing, faults
from domain.catalog import SalesTerms
from domain.ids import BookingId, PaymentId, TenantId
from domain.refusal import InvalidRequest

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
PostalCode = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9 -]{2,12}$")]


class AddressWish(Shape):
    """A postal address; not every country has postal codes."""

    line1: Text
    line2: Text | None = None
    city: Text
    postal_code: PostalCode | None = None
    region: Text | None = None
    country: Country


class BillingWish(Shape):
    """Whom to bill: the holder of a card by name, an address where the product asks for one."""

    holder_name: PersonName | None = None
    address: AddressWish | None = None


def refuse_unbillable(
    wish: BillingWish | None, terms: SalesTerms, method: str | None, *, at: str = ""
) -> None:
    """Refuse InvalidRequest for a payment that lacks whom it is billed to; `at` is where the wish stands."""
    if errors := faults(_billing(wish), terms, method):
        raise InvalidRequest(
            "The payment lacks whom it is billed to.", errors=[_below(at, e) for e in errors]
        )


async def keep(
    connection: Connection,
    tenant_id: TenantId,
    booking_id: BookingId,
    payment_id: PaymentId,
    wish: BillingWish | None,
) -> None:
    """Keep whom an attempt to pay is billed to, if that was said."""
    if wish is not None:
        await billings.write(connection, tenant_id, booking_id, payment_id, _billing(wish))


def _billing(wish: BillingWish | None) -> Billing:
    return Billing.model_validate(wish.model_dump()) if wish else Billing()


def _below(at: str, error: JsonValue) -> JsonValue:
    return {**error, "pointer": f"{at}{error['pointer']}"} if isinstance(error, dict) else error
