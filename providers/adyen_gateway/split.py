"""A payment divided among balance accounts, as Adyen is told of it.

A refund names the references of the payment that it is of. Source: Adyen, "Split payments at authorization"
and "Split refunds".
"""

from collections.abc import Sequence

from domain.ids import PaymentId
from domain.split import Portion
from providers.adyen_gateway import reference
from providers.adyen_gateway.amount import to_adyen
from providers.adyen_gateway.fact import Json


def splits(payment_id: PaymentId, portions: Sequence[Portion]) -> Json:
    """Write the `splits` of a request, which add up to its amount; nothing where nothing is divided.

    Raises Refused for a portion that Adyen cannot take exactly.
    """
    written = [_split(payment_id, portion) for portion in portions if portion.amount]
    return {"splits": written} if written else {}


def _split(payment_id: PaymentId, portion: Portion) -> Json:
    what = {"amount": to_adyen(portion.amount), "reference": reference.of_portion(payment_id, portion.vendor)}
    if portion.payee is None:
        return {"type": "Commission", **what}
    return {"type": "BalanceAccount", "account": portion.payee, **what}
