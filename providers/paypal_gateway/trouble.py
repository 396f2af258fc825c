"""Everything that can go wrong on the way to PayPal, as the troubles every gateway knows.

PayPal's `issue` says what is the case; its sentences stay where they are, for they may speak of a person.
Source: PayPal, "Orders v2: errors", "Payments v2: errors", "Rate limiting guidelines".
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from domain.decline import Decline
from providers import trouble
from providers.gateway import Declined, GatewayTrouble, NeedsFunds, NotFound, Refused, StateConflict

_CONFLICTS = frozenset(
    {
        "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE",
        "AUTHORIZATION_ALREADY_CAPTURED",
        "AUTHORIZATION_DENIED",
        "AUTHORIZATION_EXPIRED",
        "AUTHORIZATION_VOIDED",
        "CANNOT_BE_VOIDED",
        "CAPTURE_FULLY_REFUNDED",
        "DUPLICATE_INVOICE_ID",
        "NOT_PATCHABLE",
        "ORDER_ALREADY_AUTHORIZED",
        "ORDER_ALREADY_CAPTURED",
        "ORDER_NOT_APPROVED",
        "PENDING_CAPTURE",
        "PREVIOUSLY_VOIDED",
        "TRANSACTION_DISPUTED",
    }
)
# The buyer's side says no, and what the buyer is told.
DECLINES: Mapping[str, Decline] = {
    "CARD_EXPIRED": Decline.EXPIRED_CARD,
    "COMPLIANCE_VIOLATION": Decline.CARD_DECLINED,
    "INSTRUMENT_DECLINED": Decline.CARD_DECLINED,
    "INSUFFICIENT_FUNDS": Decline.INSUFFICIENT_FUNDS,
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": Decline.METHOD_UNAVAILABLE,
    "PAYER_ACCOUNT_RESTRICTED": Decline.METHOD_UNAVAILABLE,
    "PAYER_ACTION_REQUIRED": Decline.AUTHENTICATION_REQUIRED,
    "PAYER_CANNOT_PAY": Decline.CARD_DECLINED,
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": Decline.CARD_DECLINED,
    "TRANSACTION_BLOCKED_BY_PAYEE": Decline.CARD_DECLINED,
    "TRANSACTION_LIMIT_EXCEEDED": Decline.INSUFFICIENT_FUNDS,
    "TRANSACTION_REFUSED": Decline.CARD_DECLINED,
}
# How long PayPal is left alone when it has had too much of us and does not say for how long.
KEEP_OFF = timedelta(seconds=5)
_WORD = re.compile(r"[A-Z0-9_]{1,64}")


class MadeBefore(StateConflict):
    """Raised when a payout was made under this id before; `payout_batch_id` is PayPal's name of it, empty
    where PayPal does not say it.
    """

    def __init__(self, payout_batch_id: str) -> None:
        super().__init__("made_before")
        self.payout_batch_id = payout_batch_id


def of_answer(status: int, answer: Any, wait: timedelta | None) -> GatewayTrouble:
    """Say what an answer that is no success means for us; `wait` is what PayPal asks for."""
    if status == 404:
        return NotFound("resource_missing")
    if status == 429:
        wait = wait or KEEP_OFF
    return trouble.of_status(status, wait) or _by_body(answer)


def _by_body(answer: Any) -> GatewayTrouble:
    issue, name = _word(answer, "details", 0, "issue"), _word(answer, "name")
    if issue in DECLINES:
        return Declined(DECLINES[issue].value)
    if issue in _CONFLICTS:
        return StateConflict(issue.lower())
    if issue == "REFUND_FAILED_INSUFFICIENT_FUNDS" or name == "INSUFFICIENT_FUNDS":
        return NeedsFunds("balance_insufficient")
    if name == "USER_BUSINESS_ERROR" and _word(answer, "details", 0, "field") == "SENDER_BATCH_ID":
        return MadeBefore(_last_step(_at(answer, "details", 0, "link", 0, "href")))
    return Refused(issue.lower() or "invalid_request")


def _at(answer: Any, *steps: str | int) -> Any:
    """Follow the steps into an answer; nothing where it is of another shape."""
    try:
        for step in steps:
            answer = answer[step]
    except (KeyError, IndexError, TypeError):
        return None
    return answer


def _word(answer: Any, *steps: str | int) -> str:
    """Read a word of PayPal's; its sentences are none."""
    found = _at(answer, *steps)
    return found if isinstance(found, str) and _WORD.fullmatch(found) else ""


def _last_step(address: Any) -> str:
    found = str(address or "").rpartition("/")[2]
    return found if _WORD.fullmatch(found) else ""
