"""Why Adyen says that a payment was refused, in our few words (`domain.decline`).

The list is open: a reason that is not here counts as declined and is logged.
Source: Adyen, "Refusal reasons".
"""

import re
from collections.abc import Mapping

import structlog

from domain.decline import Decline

log = structlog.get_logger(__name__)

_MEANS: Mapping[Decline, tuple[str, ...]] = {
    Decline.CARD_DECLINED: (
        "Refused", "Referral", "Blocked Card", "Acquirer Fraud", "FRAUD", "FRAUD-CANCELLED", "Cancelled",
        "Shopper Cancelled", "Transaction Not Permitted", "Restricted Card", "Revocation Of Auth",
        "Declined Non Generic", "Issuer Suspected Fraud", "Invalid Pin", "Pin tries exceeded",
        "Pin validation not possible", "No checking account available on Card",
        "No savings account available on Card", "Mobile pin required", "Contactless fallback",
        "Card requires online pin", "Current AID is in penalty box",
        "Transaction blocked by Adyen to prevent excessive retry fees", "Invalid Amount",
    ),
    Decline.INSUFFICIENT_FUNDS: (
        "Not enough balance", "Withdrawal amount exceeded", "Withdrawal count exceeded",
    ),
    Decline.EXPIRED_CARD: ("Expired Card",),
    Decline.INCORRECT_CVC: ("CVC Declined",),
    Decline.INCORRECT_DETAILS: ("Invalid Card Number", "AVS Declined"),
    Decline.AUTHENTICATION_REQUIRED: ("Authentication required",),
    Decline.AUTHENTICATION_FAILED: (
        "3D Not Authenticated", "3DS Authentication Error", "RReq not received from DS",
    ),
    Decline.PROCESSING_ERROR: (
        "Acquirer Error", "Issuer Unavailable", "Not Submitted", "Unknown", "CVM Required Restart Payment",
    ),
    Decline.METHOD_UNAVAILABLE: ("Not supported",),
}  # fmt: skip
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")


def word(reason: object) -> str:
    """Write a reason as one word, for operators: at most 64 letters, digits and underscores."""
    return _NOT_A_LETTER.sub("_", str(reason).lower()).strip("_")[:64]


WORDS: Mapping[str, Decline] = {
    word(reason): decline for decline, reasons in _MEANS.items() for reason in reasons
}


def of(reason: object) -> Decline:
    """Say why a payment was refused."""
    known = WORDS.get(word(reason))
    if known is None:
        log.warning("a decline of an unknown kind", word=word(reason))
    return known or Decline.CARD_DECLINED
