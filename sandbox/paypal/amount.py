"""Amounts as PayPal writes them: decimal text and a currency.

Source: PayPal, "Currency codes": of those it takes, three know no decimals, all others two.
"""

import re

from sandbox.paypal.error import unprocessable
from sandbox.paypal.shape import Amount
from sandbox.record import Json

WHOLE = frozenset({"HUF", "JPY", "TWD"})
TWO_DECIMALS = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR"),
        *("NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
    }
)
_VALUE = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def read(amount: Amount, field: str) -> tuple[int, str]:
    """Return an amount in the currency's smallest unit, and the currency; refuse what PayPal cannot count."""
    currency = amount.currency_code
    if currency not in WHOLE | TWO_DECIMALS:
        raise unprocessable("CURRENCY_NOT_SUPPORTED", f"{field}/currency_code")
    match = _VALUE.fullmatch(amount.value)
    if match is None:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", f"{field}/value")
    decimals = match[2] or ""
    if currency in WHOLE and decimals.strip("0"):
        raise unprocessable("DECIMALS_NOT_SUPPORTED", f"{field}/value")
    if len(decimals) > 2:
        raise unprocessable("DECIMAL_PRECISION", f"{field}/value")
    return int(match[1] + ("" if currency in WHOLE else decimals.ljust(2, "0"))), currency


def positive(amount: Amount, field: str) -> tuple[int, str]:
    """Return an amount that is more than nothing."""
    minor, currency = read(amount, field)
    if minor == 0:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", f"{field}/value")
    return minor, currency


def shown(minor: int, currency: str) -> Json:
    """Return an amount as it stands in answers."""
    sign, size = "-" if minor < 0 else "", abs(minor)
    value = str(size) if currency in WHOLE else f"{size // 100}.{size % 100:02}"
    return {"currency_code": currency, "value": f"{sign}{value}"}
