"""Amounts as Adyen counts them, where that is not the currency's own way (ISO 4217).

Source: Adyen, "Currency codes and minor units". A table test holds every currency that differs.
"""

from domain.money import Money, exponent
from providers import amount

DECIMALS = {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}


def to_adyen(money: Money) -> dict[str, int | str]:
    """Convert to Adyen's amount. Raises Refused for one that Adyen cannot take exactly."""
    return {"value": amount.counted(money, decimals(money.currency)), "currency": money.currency}


def from_adyen(value: int, currency: str) -> Money:
    """Convert back; what is not whole in our units is given in `XXX`, which conflicts with what was asked."""
    return amount.read(value, currency, decimals(currency))


def decimals(currency: str) -> int:
    """Give the decimals that Adyen counts a currency with."""
    return DECIMALS.get(currency, exponent(currency))
