"""Amounts as Stripe counts them, where that is not the currency's own way (ISO 4217).

Source: Stripe, "Supported currencies". A table test holds every currency that differs.
"""

from domain.money import Money, exponent
from providers.gateway import Refused

WHOLE = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
# Three decimals, of which the last is always 0.
THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
# ISO 4217's "no currency", for an amount that we cannot count: it never equals what was asked.
UNCOUNTABLE = "XXX"


def to_stripe(money: Money) -> int:
    """Convert to Stripe's units. Raises Refused for an amount or currency that Stripe cannot take exactly."""
    factor = _factor(money.currency)
    if factor is None:
        raise Refused("currency_not_supported")
    amount, rest = divmod(money.minor * factor[0], factor[1])
    if rest or (money.currency in THREE_DECIMALS and amount % 10):
        raise Refused("amount_not_exact")
    return amount


def from_stripe(amount: int, currency: str) -> Money:
    """Convert back; what is not whole in our units is given in `XXX`, which conflicts with what was asked."""
    factor = _factor(currency.upper())
    minor, rest = divmod(amount * factor[1], factor[0]) if factor else (amount, 1)
    return Money(minor=minor, currency=UNCOUNTABLE if rest else currency.upper())


def _factor(currency: str) -> tuple[int, int] | None:
    """Give the fraction that turns our minor units into Stripe's; nothing for a currency it does not take."""
    ours = exponent(currency)
    theirs = 0 if currency in WHOLE else 3 if currency in THREE_DECIMALS else 2
    if ours == 3 and theirs != 3:
        return None
    return 10 ** max(0, theirs - ours), 10 ** max(0, ours - theirs)
