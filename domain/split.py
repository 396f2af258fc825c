"""A price divided among vendors (PAY-20): who gets what of it, and who gives what of it back.

An offer's terms name its vendors, each with its *share* of the price. What a vendor has earned stands in the
books (`domain.ledger`), whoever holds the money. A provider that divides money as it is taken is told the
*portions* of each payment: what goes to the vendors that have a balance there, and what stays with us.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from domain.money import Money, allocate
from domain.value import Value

# What basis points are parts of.
WHOLE = 10_000

VendorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class Share(Value):
    """What a vendor gets: `basis_points` (1/10,000) of a price, less the commission of the platform."""

    vendor: VendorName
    basis_points: int = Field(ge=1, le=WHOLE)
    commission_basis_points: int = Field(default=0, ge=0, le=WHOLE)


class Part(Value):
    """What one party gets of a price, beside the `commission` that the platform keeps of its part. Without a
    `vendor` it is the organizer's.
    """

    vendor: VendorName | None
    amount: Money
    commission: Money


class Portion(Value):
    """What of a payment goes to a vendor's balance at the provider (`payee`, its reference there), or stays
    with us, without a vendor.
    """

    vendor: VendorName | None = None
    payee: str | None = None
    amount: Money


def parts(total: Money, shares: Sequence[Share], fee_basis_points: int) -> list[Part]:
    """Divide a price: the vendors' parts in the order of `shares`, then the organizer's, of which the
    platform keeps its fee. All amounts and commissions add up to `total` exactly.
    """
    rest = WHOLE - sum(share.basis_points for share in shares)
    whole = allocate(total, [*(share.basis_points for share in shares), rest])
    kept = [*(share.commission_basis_points for share in shares), fee_basis_points]
    names = [*(share.vendor for share in shares), None]
    return [_part(name, part, points) for name, part, points in zip(names, whole, kept, strict=True)]


def _part(vendor: str | None, whole: Money, commission_basis_points: int) -> Part:
    amount, commission = allocate(whole, [WHOLE - commission_basis_points, commission_basis_points])
    return Part(vendor=vendor, amount=amount, commission=commission)


def portions(total: Money, shares: Sequence[Share], payees: Mapping[str, str]) -> tuple[Portion, ...]:
    """Divide a payment among the vendors that have a balance at its provider (`payees`: reference by vendor),
    and us, who come last; nothing when no vendor has one. They add up to `total` exactly.
    """
    going = tuple(
        Portion(vendor=part.vendor, payee=payees[part.vendor], amount=part.amount)
        for part in parts(total, shares, 0)
        if part.vendor is not None and part.vendor in payees and part.amount
    )
    return (*going, Portion(amount=total - passed_on(going, total.currency))) if going else ()


def passed_on(portions: Iterable[Portion], currency: str) -> Money:
    """Add up what goes to vendors."""
    minor = sum(portion.amount.minor for portion in portions if portion.vendor is not None)
    return Money(minor=minor, currency=currency)


def in_proportion(total: Money, portions: Sequence[Portion]) -> tuple[Portion, ...]:
    """Divide another amount as these portions are divided; nothing as nothing, or in another currency.

    Of what is left of each (`left`) nobody gives more than that, and all of it is given exactly.
    """
    if not any(portion.amount for portion in portions) or portions[0].amount.currency != total.currency:
        return ()
    amounts = allocate(total, [portion.amount.minor for portion in portions])
    return tuple(
        portion.model_copy(update={"amount": amount})
        for portion, amount in zip(portions, amounts, strict=True)
    )


def left(portions: Sequence[Portion], given: Iterable[Sequence[Portion]]) -> tuple[Portion, ...]:
    """Say what is left of each portion when those of `given` have gone back."""
    back = dict[str | None, int]()
    for portion in (each for refund in given for each in refund):
        back[portion.vendor] = back.get(portion.vendor, 0) + portion.amount.minor
    return tuple(
        portion.model_copy(
            update={
                "amount": portion.amount
                - Money(minor=back.get(portion.vendor, 0), currency=portion.amount.currency)
            }
        )
        for portion in portions
    )
