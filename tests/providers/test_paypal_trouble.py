"""What PayPal's answers mean for us: every way in which it says no, in our few words (PAY-29)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.decline import Decline
from providers.gateway import (
    Declined,
    GatewayTrouble,
    NeedsFunds,
    NotExecuted,
    NotFound,
    OutcomeUnknown,
    Refused,
    StateConflict,
)
from providers.paypal_gateway.trouble import DECLINES, KEEP_OFF, of_answer

TOLD = "Ada's card ending in 4242 was declined."
WAIT = timedelta(seconds=9)
TABLE = {
    "CARD_EXPIRED": "expired_card",
    "COMPLIANCE_VIOLATION": "card_declined",
    "INSTRUMENT_DECLINED": "card_declined",
    "INSUFFICIENT_FUNDS": "insufficient_funds",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "method_unavailable",
    "PAYER_ACCOUNT_RESTRICTED": "method_unavailable",
    "PAYER_ACTION_REQUIRED": "authentication_required",
    "PAYER_CANNOT_PAY": "card_declined",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": "card_declined",
    "TRANSACTION_BLOCKED_BY_PAYEE": "card_declined",
    "TRANSACTION_LIMIT_EXCEEDED": "insufficient_funds",
    "TRANSACTION_REFUSED": "card_declined",
}


def answer(issue: Any, name: str = "UNPROCESSABLE_ENTITY") -> dict[str, Any]:
    return {"name": name, "message": TOLD, "details": [{"issue": issue, "description": TOLD}]}


@pytest.mark.row("PAY-29", partly="PayPal's part; the hints: tests/api")
@pytest.mark.parametrize("issue", TABLE)
def test_each_way_in_which_the_buyers_side_says_no_has_its_word(issue: str) -> None:
    no = of_answer(422, answer(issue), None)

    assert isinstance(no, Declined)
    assert str(no) == TABLE[issue]
    assert Decline(no.reason)


def test_there_is_no_way_that_the_table_leaves_out() -> None:
    assert DECLINES.keys() == TABLE.keys()


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (422, answer("ORDER_ALREADY_CAPTURED"), StateConflict, "order_already_captured"),
        (422, answer("REFUND_FAILED_INSUFFICIENT_FUNDS"), NeedsFunds, "balance_insufficient"),
        (422, answer(None, "INSUFFICIENT_FUNDS"), NeedsFunds, "balance_insufficient"),
        (422, answer("A_NEW_WORD"), Refused, "a_new_word"),
        (422, answer(TOLD), Refused, "invalid_request"),
        (400, ["not", "an", "object"], Refused, "invalid_request"),
        (400, None, Refused, "invalid_request"),
        (404, answer("INVALID_RESOURCE_ID"), NotFound, "resource_missing"),
        (401, None, Refused, "not_authorised"),
        (429, answer(None, "RATE_LIMIT_REACHED"), NotExecuted, "rate_limited"),
        (500, None, OutcomeUnknown, "server_error"),
    ],
)
def test_any_other_no_is_one_of_our_troubles(
    status: int, body: Any, kind: type[GatewayTrouble], reason: str
) -> None:
    no = of_answer(status, body, None)

    assert (type(no), no.reason) == (kind, reason)


@pytest.mark.parametrize(("wait", "kept"), [(None, KEEP_OFF), (WAIT, WAIT)])
def test_who_was_limited_keeps_off_for_as_long_as_paypal_says_or_for_a_while(
    wait: timedelta | None, kept: timedelta
) -> None:
    assert of_answer(429, None, wait).retry_after == kept
