"""Why a payment did not go through, in few words of no provider, and what the buyer may try next.

A provider has some fifty reasons. The buyer learns one of these: a card that is lost, stolen or suspected of
fraud was *declined*, for whoever holds it need not know more. The provider's own word is kept for operators.
"""

from collections.abc import Mapping
from enum import StrEnum


class Decline(StrEnum):
    """What the buyer is told (PAY-29). The last two say that nobody has decided anything."""

    CARD_DECLINED = "card_declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED_CARD = "expired_card"
    INCORRECT_CVC = "incorrect_cvc"
    INCORRECT_DETAILS = "incorrect_details"
    AUTHENTICATION_REQUIRED = "authentication_required"
    AUTHENTICATION_FAILED = "authentication_failed"
    PROCESSING_ERROR = "processing_error"
    METHOD_UNAVAILABLE = "method_unavailable"
    NETWORK_ERROR = "network_error"
    GATEWAY_UNAVAILABLE = "gateway_unavailable"


class Again(StrEnum):
    """With what the buyer may try again: the same as before, the same with its details put right or confirmed
    at the bank, another card or method, or the same a little later; `no` when no attempt is left.
    """

    SAME = "same"
    CORRECTED = "corrected"
    AUTHENTICATED = "authenticated"
    OTHER = "other"
    LATER = "later"
    NO = "no"


_AGAIN: Mapping[Decline, Again] = {
    Decline.CARD_DECLINED: Again.OTHER,
    Decline.INSUFFICIENT_FUNDS: Again.OTHER,
    Decline.EXPIRED_CARD: Again.OTHER,
    Decline.INCORRECT_CVC: Again.CORRECTED,
    Decline.INCORRECT_DETAILS: Again.CORRECTED,
    Decline.AUTHENTICATION_REQUIRED: Again.AUTHENTICATED,
    Decline.AUTHENTICATION_FAILED: Again.OTHER,
    Decline.PROCESSING_ERROR: Again.SAME,
    Decline.METHOD_UNAVAILABLE: Again.OTHER,
    Decline.NETWORK_ERROR: Again.SAME,
    Decline.GATEWAY_UNAVAILABLE: Again.LATER,
}


def again(decline: Decline, *, attempts_left: int = 1) -> Again:
    """Say with what the buyer may try again."""
    return _AGAIN[decline] if attempts_left > 0 else Again.NO


def decline_of(code: str | None) -> Decline:
    """Read a code as it was stored; what is none of ours was declined."""
    try:
        return Decline(code or "")
    except ValueError:
        return Decline.CARD_DECLINED
