"""Why Adyen says that a payment was refused: `refusalReason` and its code, for each decline of the core.

Source: Adyen, "Refusal reasons" and "Testing result codes".
"""

from typing import NamedTuple

from sandbox.record import Json


class Refusal(NamedTuple):
    """What `/payments` answers; a reason that is an error of the acquirer has the result `Error`."""

    code: str
    reason: str
    result: str = "Refused"


REFUSED = Refusal("2", "Refused")
_BY_DECLINE = {
    "insufficient_funds": Refusal("12", "Not enough balance"),
    "expired_card": Refusal("6", "Expired Card"),
    "incorrect_cvc": Refusal("24", "CVC Declined"),
    "incorrect_number": Refusal("8", "Invalid Card Number"),
    "invalid_amount": Refusal("7", "Invalid Amount"),
    "lost_card": Refusal("5", "Blocked Card"),
    "stolen_card": Refusal("5", "Blocked Card"),
    "restricted_card": Refusal("5", "Blocked Card"),
    "call_issuer": Refusal("3", "Referral"),
    "fraudulent": Refusal("20", "FRAUD"),
    "processing_error": Refusal("4", "Acquirer Error", "Error"),
    "authentication_required": Refusal("38", "Authentication required"),
    "payment_intent_authentication_failure": Refusal("11", "3D Not Authenticated"),
}


def of(decline: Json) -> Refusal:
    """Return Adyen's word for a decline."""
    return _BY_DECLINE.get(decline["reason"] or decline["code"], REFUSED)
