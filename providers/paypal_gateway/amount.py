"""Amounts as PayPal writes them: decimal text, of a few currencies without decimals.

Source: PayPal, "Currency codes". A table test holds every currency that differs from ISO 4217.
"""

import re

from domain.money import Money
from providers import amount
from providers.gateway import Refused

WHOLE = frozenset({"HUF", "JPY", "TWD"})
TWO_DECIMALS = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR"),
        *("NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
    }
)
_VALUE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,3}))?")

Amount = dict[str, str]


def to_paypal(money: Money) -> Amount:
    """Write an amount. Raises Refused for an amount or currency that PayPal cannot take exactly."""
    if money.currency not in WHOLE | TWO_DECIMALS:
        raise Refused("currency_not_supported")
    if money.currency in WHOLE:
        return {"currency_code": money.currency, "value": str(amount.counted(money, 0))}
    whole, cents = divmod(amount.counted(money, 2), 100)
    return {"currency_code": money.currency, "value": f"{whole}.{cents:02}"}


def from_paypal(written: Amount) -> Money:
    """Read an amount; what is not whole in our units is in `XXX`, which conflicts with what was asked."""
    match = _VALUE.fullmatch(written["value"])
    if match is None:
        return Money(minor=0, currency=amount.UNCOUNTABLE)
    decimals = match[2] or ""
    return amount.read(int(match[1] + decimals), written["currency_code"], len(decimals))


def signed_from_paypal(written: Amount) -> Money:
    """Read an amount that may be less than nothing."""
    value = written["value"]
    if not value.startswith("-"):
        return from_paypal(written)
    return -from_paypal({**written, "value": value[1:]})
