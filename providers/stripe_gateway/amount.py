"""Amounts as Stripe counts them, where that is not the currency's own way (ISO 4217).

Source: Stripe, "Supported currencies". A table test holds every currency that differs.
"""

from domain.money import Money, exponent
from providers import amount
from providers.gateway import Refused

WHOLE = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
# Three decimals, of which the last is always 0.
THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))


def to_stripe(money: Money) -> int:
    """Convert to Stripe's units. Raises Refused for an amount or currency that Stripe cannot take exactly."""
    decimals = _decimals(money.currency)
    if decimals is None:
        raise Refused("currency_not_supported")
    counted = amount.counted(money, decimals)
    if decimals == 3 and counted % 10:
        raise Refused("amount_not_exact")
    return counted


def from_stripe(minor: int, currency: str) -> Money:
    """Convert back; what is not whole in our units is given in `XXX`, which conflicts with what was asked."""
    decimals = _decimals(currency.upper())
    if decimals is None:
        return Money(minor=minor, currency=amount.UNCOUNTABLE)
    return amount.read(minor, currency.upper(), decimals)


def _decimals(currency: str) -> int | None:
    """Tell in how many decimals Stripe counts a currency; nothing for one that it does not take."""
    theirs = 0 if currency in WHOLE else 3 if currency in THREE_DECIMALS else 2
    return None if exponent(currency) == 3 and theirs != 3 else theirs
