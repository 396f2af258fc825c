"""Amounts between our minor units (ISO 4217) and the decimals in which a provider counts a currency."""

from domain.money import Money, exponent
from providers.gateway import Refused

# ISO 4217's "no currency", for an amount that we cannot count: it never equals what was asked.
UNCOUNTABLE = "XXX"


def counted(money: Money, decimals: int) -> int:
    """Count an amount in units of so many decimals. Raises Refused for one that is not whole in them."""
    up, down = _fraction(money.currency, decimals)
    amount, rest = divmod(money.minor * up, down)
    if rest:
        raise Refused("amount_not_exact")
    return amount


def read(amount: int, currency: str, decimals: int) -> Money:
    """Convert back; what is not whole in our units is given in `XXX`, which conflicts with what was asked."""
    up, down = _fraction(currency, decimals)
    minor, rest = divmod(amount * down, up)
    return Money(minor=minor, currency=UNCOUNTABLE if rest else currency)


def _fraction(currency: str, decimals: int) -> tuple[int, int]:
    """Give the fraction that turns our minor units into units of so many decimals."""
    ours = exponent(currency)
    return 10 ** max(0, decimals - ours), 10 ** max(0, ours - decimals)
