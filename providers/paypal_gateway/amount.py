"""Amounts as PayPal writes them: decimal text, of a few currencies without decimals.

Source: PayPal, "Currency codes". A table test holds every currency that differs from ISO 4217.
"""

import re

from domain.money import Money, exponent
from providers.gateway import Refused

WHOLE = frozenset({"HUF", "JPY", "TWD"})
TWO_DECIMALS = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR"),
        *("NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
    }
)
# ISO 4217's "no currency", for an amount that we cannot count: it never equals what was asked.
UNCOUNTABLE = "XXX"
_VALUE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,3}))?")

Amount = dict[str, str]


def to_paypal(money: Money) -> Amount:
    """Write an amount. Raises Refused for an amount or currency that PayPal cannot take exactly."""
    if money.currency not in WHOLE | TWO_DECIMALS:
        raise Refused("currency_not_supported")
    unit = 10 ** exponent(money.currency)
    whole, rest = divmod(money.minor, unit)
    if money.currency not in WHOLE:
        return {"currency_code": money.currency, "value": f"{whole}.{rest:02}"}
    if rest:
        raise Refused("amount_not_exact")
    return {"currency_code": money.currency, "value": str(whole)}


def from_paypal(amount: Amount) -> Money:
    """Read an amount; what is not whole in our units is in `XXX`, which conflicts with what was asked."""
    currency, match = amount["currency_code"], _VALUE.fullmatch(amount["value"])
    decimals, digits = (match[2] or "" if match else ""), exponent(currency)
    if match is None or decimals[digits:].strip("0"):
        return Money(minor=0, currency=UNCOUNTABLE)
    return Money(minor=int(match[1] + decimals[:digits].ljust(digits, "0")), currency=currency)
