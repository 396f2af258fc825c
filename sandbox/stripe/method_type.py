"""Which types of payment method Stripe offers for a payment: what is played, narrowed by what was asked."""

from collections.abc import Mapping
from typing import Any

from sandbox import later
from sandbox.payment import MethodType
from sandbox.stripe.error import invalid

STRIPES_NAME: dict[MethodType, str] = {
    "card": "card",
    "debit": "sepa_debit",
    "klarna": "klarna",
    "afterpay": "afterpay_clearpay",
}
# What an account offers where nobody asks for anything; the others have to be named.
SWITCHED_ON = ("card", "sepa_debit")
EURO_ONLY = "eur"


def taken(wanted: Mapping[str, Any], *, amount: int, currency: str, capture: str) -> list[MethodType]:
    """Return what a payment takes, or raise where nothing is left.

    `wanted` holds `allowed_payment_method_types` or `excluded_payment_method_types`, if any. A direct debit
    is in euros and cannot be held first; who lets buyers pay later has limits.
    """
    allowed = wanted.get("allowed_payment_method_types") or SWITCHED_ON
    excluded = wanted.get("excluded_payment_method_types") or ()
    possible: list[MethodType] = ["card"]
    if currency == EURO_ONLY and capture != "manual":
        possible.append("debit")
    possible += [each.name for each in later.BY_NAME.values() if each.takes(currency, amount)]
    left = [each for each in possible if STRIPES_NAME[each] in allowed and STRIPES_NAME[each] not in excluded]
    if not left:
        raise invalid(
            "No valid payment method types for this payment. Please ensure that you have activated payment "
            "methods compatible with your chosen currency in your dashboard.",
            "allowed_payment_method_types" if "allowed_payment_method_types" in wanted else "currency",
        )
    return left
