"""The details that a shopper types into Adyen's fields, which encrypt them: in the sandbox `test_` and the
number of a test card. Real numbers are no test cards, and so never get in.
"""

import re

from sandbox import card as cards
from sandbox.adyen.error import invalid
from sandbox.card import Card
from sandbox.payment import Method
from sandbox.record import Json

BRANDS = {"mastercard": "mc"}


def card(method: Json) -> tuple[Card, str | None]:
    """Return the card that was typed and its holder, or raise."""
    if method.get("type") != "scheme":
        raise invalid("10_003", "The payment method type is not supported by the sandbox.")
    number = str(method.get("encryptedCardNumber", "")).removeprefix("test_")
    found = cards.find(number) if re.fullmatch(r"[0-9 ]{12,23}", number) else None
    if found is None:
        raise invalid("101", "Invalid card number")
    holder = method.get("holderName")
    return found, holder if isinstance(holder, str) else None


def brand_of(method: Method) -> str:
    """Return what Adyen calls the brand of a card, or a method that is none."""
    if method.later is not None:
        return method.later
    if method.card is None:
        return "sepadirectdebit"
    brand = cards.BY_NUMBER[method.card].brand
    return BRANDS.get(brand, brand)
