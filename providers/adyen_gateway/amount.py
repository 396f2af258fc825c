"""Amounts as Adyen counts them, where that is not the currency's own way (ISO 4217).

Source: Adyen, "Currency codes and minor units". A table test holds every currency that differs.
"""

from domain.money import Money, exponent
from providers.gateway import Refused

DECIMALS = {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}
# ISO 4217's "no currency", for an amount that we cannot count: it never equals what was asked.
UNCOUNTABLE = "XXX"


def to_adyen(money: Money) -> dict[str, int | str]:
    """Convert to Adyen's amount. Raises Refused for one that Adyen cannot take exactly."""
    up, down = _factor(money.currency)
    value, rest = divmod(money.minor * up, down)
    if rest:
        raise Refused("amount_not_exact")
    return {"value": value, "currency": money.currency}


def from_adyen(value: int, currency: str) -> Money:
    """Convert back; what is not whole in our units is given in `XXX`, which conflicts with what was asked."""
    up, down = _factor(currency)
    minor, rest = divmod(value * down, up)
    return Money(minor=minor, currency=UNCOUNTABLE if rest else currency)


def _factor(currency: str) -> tuple[int, int]:
    """Give the fraction that turns our minor units into Adyen's."""
    ours = exponent(currency)
    theirs = DECIMALS.get(currency, ours)
    return 10 ** max(0, theirs - ours), 10 ** max(0, ours - theirs)
