"""What a choice costs: lines of variants and quantities, reckoned by us and never taken from the caller."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field, JsonValue

from domain.catalog import SaleStatus, SalesTerms, Variant
from domain.ids import OfferId, QuoteId, SlotId, VariantId
from domain.money import Money, allocate, zero
from domain.refusal import InvalidRequest, SalesClosed
from domain.value import Value


class Choice(Value):
    """How many of a variant a buyer wants."""

    variant_id: VariantId
    quantity: int = Field(ge=1)


class Line(Value):
    """One priced line: `total` = `unit` × `quantity`, minor units of the offer's currency."""

    variant_id: VariantId
    name: str
    quantity: int
    unit: Money
    total: Money


class Quote(Value):
    """A price that we stand by until `expires_at` (UTC)."""

    id: QuoteId
    offer_id: OfferId
    slot_id: SlotId
    lines: tuple[Line, ...]
    total: Money
    expires_at: datetime


def price(
    choices: Sequence[Choice], variants: Mapping[VariantId, Variant], currency: str
) -> tuple[tuple[Line, ...], Money]:
    """Reckon the lines and their total, in the order of `choices`.

    Refuses InvalidRequest with a pointer per line (unknown or repeated variant, quantity out of its limits)
    and SalesClosed for a variant not on sale.
    """
    errors: list[JsonValue] = [
        error for i, choice in enumerate(choices) if (error := _rule_broken(i, choice, choices, variants))
    ]
    if errors:
        raise InvalidRequest("The choice breaks a rule.", errors=errors)
    lines = []
    for choice in choices:
        variant = variants[choice.variant_id]
        if variant.status is not SaleStatus.LIVE:
            raise SalesClosed(f"{variant.name} is not on sale.", variant_id=str(variant.id))
        lines.append(
            Line(
                variant_id=variant.id,
                name=variant.name,
                quantity=choice.quantity,
                unit=variant.price,
                total=variant.price * choice.quantity,
            )
        )
    return tuple(lines), sum((line.total for line in lines), zero(currency))


def due(total: Money, terms: SalesTerms) -> Money:
    """Reckon what has to be paid until a booking of `total` can be confirmed: all of it, or its deposit."""
    deposit, _ = allocate(total, [terms.deposit_percent, 100 - terms.deposit_percent])
    return deposit


def _rule_broken(
    i: int, choice: Choice, choices: Sequence[Choice], variants: Mapping[VariantId, Variant]
) -> dict[str, JsonValue] | None:
    variant = variants.get(choice.variant_id)
    if variant is None:
        return _error(i, "variant_id", "unknown", "This offer has no such variant.")
    if any(earlier.variant_id == choice.variant_id for earlier in choices[:i]):
        return _error(i, "variant_id", "repeated", "One line per variant: add up the quantities.")
    if choice.quantity < variant.min_quantity:
        return _error(i, "quantity", "too_small", f"At least {variant.min_quantity} of {variant.name}.")
    if choice.quantity > variant.max_quantity:
        return _error(i, "quantity", "too_large", f"At most {variant.max_quantity} of {variant.name}.")
    return None


def _error(i: int, field: str, code: str, detail: str) -> dict[str, JsonValue]:
    return {"pointer": f"/lines/{i}/{field}", "code": code, "detail": detail}
