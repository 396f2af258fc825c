"""Adyen's notifications: what each kind means, and which are believed."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from domain.payment import FactKind, RiskResult
from providers.adyen_gateway import reference, webhook
from providers.adyen_gateway.dispute import STATES
from providers.gateway import BadSignature
from tests.providers.adyen_item import (
    KEY,
    OTHER_KEY,
    PAYMENT,
    REFUND,
    SIGNATURE,
    SIGNED,
    envelope,
    item,
    signed,
)
from tests.providers.conftest import MERCHANT

# Code, success → what it means for a payment of 25.00 EUR that was held.
TABLE = {
    ("AUTHORISATION", True): (FactKind.AUTHORIZED, "PSPOFTHEEVENT", 2_500),
    ("AUTHORISATION", False): (FactKind.DECLINED, "PSPOFTHEEVENT", None),
    ("CAPTURE", True): (FactKind.CAPTURED, "PSPOFTHEEVENT", 2_500),
    ("CAPTURE", False): None,
    ("CAPTURE_FAILED", True): (FactKind.REFUNDED, "PSPOFTHEEVENT", 2_500),
    ("CAPTURE_FAILED", False): None,
    ("CANCELLATION", True): (FactKind.CANCELLED, "PSPOFTHEPAYMENT", None),
    ("CANCELLATION", False): None,
    ("TECHNICAL_CANCEL", True): (FactKind.CANCELLED, "PSPOFTHEPAYMENT", None),
    ("TECHNICAL_CANCEL", False): None,
    ("EXPIRE", True): (FactKind.CANCELLED, "PSPOFTHEPAYMENT", None),
    ("REFUND", True): (FactKind.REFUNDED, "PSPOFTHEEVENT", 2_500),
    ("REFUND", False): (FactKind.REFUND_FAILED, "PSPOFTHEEVENT", 2_500),
    ("CANCEL_OR_REFUND", True): (FactKind.REFUNDED, "PSPOFTHEEVENT", 2_500),
    ("REFUND_FAILED", True): (FactKind.REFUND_FAILED, "PSPOFTHEEVENT", 2_500),
    ("REFUNDED_REVERSED", True): (FactKind.REFUND_FAILED, "PSPOFTHEEVENT", 2_500),
    ("OFFER_CLOSED", True): None,
    ("REPORT_AVAILABLE", True): None,
    ("A_KIND_OF_TOMORROW", True): None,
}


@pytest.mark.row("WHK-05", partly="what follows for bookings and mails: tests/workflows/test_adyen.py")
@pytest.mark.parametrize(("code", "success"), TABLE)
def test_each_kind_of_notification_means_one_thing(code: str, success: bool) -> None:
    told = item(code, success=success, merchantReference=f"{PAYMENT}:hold")

    (event,) = webhook.parse(envelope(told), "main", MERCHANT)

    means = [(each.kind, each.operation, each.amount.minor if each.amount else None) for each in event.facts]
    assert means == ([TABLE[code, success]] if TABLE[code, success] else [])
    assert (event.event_id, event.kind) == (f"PSPOFTHEEVENT:{code}:{told['success']}", code)
    assert (event.payment_id, event.live, event.occurred_at.hour) == (PAYMENT, False, 19)


def test_an_authorisation_that_nobody_wanted_held_has_taken_the_money() -> None:
    (event,) = webhook.parse(envelope(item("AUTHORISATION")), "main", MERCHANT)

    assert event.facts[0].kind is FactKind.CAPTURED


@pytest.mark.parametrize(
    ("named", "operation"),
    [
        (f"{PAYMENT}", "PSPOFTHEPAYMENT"),
        (f"{PAYMENT}:hold", "PSPOFTHEEVENT"),
        (f"{PAYMENT}:capture:2", "PSPOFTHEEVENT"),
    ],
)
def test_a_capture_is_one_of_its_own_unless_the_money_was_taken_at_once(named: str, operation: str) -> None:
    (event,) = webhook.parse(envelope(item("CAPTURE", merchantReference=named)), "main", MERCHANT)

    assert [each.operation for each in event.facts] == [operation]


def test_a_reversal_says_what_it_became() -> None:
    released = item("CANCEL_OR_REFUND", additionalData={"modification.action": "cancel"})

    (event,) = webhook.parse(envelope(released), "main", MERCHANT)

    assert event.facts[0].kind is FactKind.CANCELLED


def test_a_refund_names_itself_in_its_reference() -> None:
    told = item("REFUND", merchantReference=reference.of_refund(PAYMENT, str(REFUND)))  # type: ignore[arg-type]

    (event,) = webhook.parse(envelope(told), "main", MERCHANT)

    assert (event.facts[0].payment_id, event.facts[0].refund_id) == (PAYMENT, REFUND)
    assert len(told["merchantReference"]) <= 80


@pytest.mark.row("PAY-26", partly="Adyen's codes name the dispute; what follows: tests/workflows")
@pytest.mark.parametrize("code", [*STATES, "NOTIFICATION_OF_FRAUD"])
def test_a_dispute_names_the_payment_and_itself(code: str) -> None:
    (event,) = webhook.parse(envelope(item(code)), "main", MERCHANT)

    named = (str(PAYMENT), f"{PAYMENT}/PSPOFTHEEVENT") if code in STATES else (None, None)
    assert (event.disputed, event.dispute) == named
    assert event.facts == ()


def test_what_is_told_of_a_card_and_its_risk() -> None:
    about = {"cardSummary": "1142", "totalFraudScore": "70", "fraudResultType": "AMBER"}
    told = item(
        "AUTHORISATION", success=False, paymentMethod="mc", reason="Not enough balance", additionalData=about
    )

    (event,) = webhook.parse(envelope(told), "main", MERCHANT)

    (said,) = event.facts
    assert (said.method, said.card_brand, said.card_last4) == ("card", "mastercard", "1142")
    assert (said.risk_score, said.risk_result) == (Decimal("6.99"), RiskResult.REVIEW)
    assert (said.decline_code, said.decline_reason) == ("insufficient_funds", "not_enough_balance")


@pytest.mark.parametrize(
    ("about", "score", "result"),
    [
        ({"totalFraudScore": "250", "fraudResultType": "RED"}, "9.99", RiskResult.BLOCKED),
        ({"totalFraudScore": "-5", "fraudResultType": "GREEN"}, "0.00", RiskResult.PASSED),
        ({"totalFraudScore": "0", "fraudManualReview": "true"}, "0.00", RiskResult.REVIEW),
        ({"totalFraudScore": "NaN", "fraudResultType": "BLUE"}, None, None),
        ({"totalFraudScore": "Infinity"}, None, None),
        ({"totalFraudScore": {}}, None, None),
    ],
)
def test_a_risk_is_told_within_bounds_or_not_at_all(
    about: dict[str, Any], score: str | None, result: RiskResult | None
) -> None:
    (event,) = webhook.parse(envelope(item("AUTHORISATION", additionalData=about)), "main", MERCHANT)

    (said,) = event.facts
    assert (said.risk_score, said.risk_result) == (score and Decimal(score), result)


def test_a_method_that_is_no_card_has_no_digits() -> None:
    told = item("AUTHORISATION", paymentMethod="ideal", additionalData={"cardSummary": "1142"})

    (event,) = webhook.parse(envelope(told), "main", MERCHANT)

    (said,) = event.facts
    assert (said.method, said.card_brand, said.card_last4) == ("ideal", None, None)


def test_an_instant_without_a_zone_is_utc() -> None:
    (event,) = webhook.parse(envelope(item("CAPTURE", eventDate="2026-11-21T20:15:00")), "main", MERCHANT)

    assert event.occurred_at == datetime(2026, 11, 21, 20, 15, tzinfo=UTC)


def test_what_is_anothers_merchants_says_nothing_and_is_known_as_such() -> None:
    (event,) = webhook.parse(envelope(item("AUTHORISATION", merchantAccountCode="Another")), "main", MERCHANT)

    assert (event.foreign, event.facts, event.disputed) == (True, (), None)


def test_what_nobody_understands_says_nothing() -> None:
    odd = [
        item("AUTHORISATION", amount={}),
        item("AUTHORISATION", merchantReference=None),
        item("AUTHORISATION", merchantReference="dashboard-7"),
        item("AUTHORISATION", additionalData="odd"),
    ]

    assert [event.facts for event in webhook.parse(envelope(*odd), "main", MERCHANT)] == [()] * 4
    for raw in (b"", b"{", b"[]", b"null", b'{"live":"false"}', b'{"live":"false","notificationItems":[{}]}'):
        assert webhook.parse(raw, "main", MERCHANT) == ()


@pytest.mark.row("WHK-02", partly="the answers: tests/api/test_adyen_webhook.py")
def test_adyens_own_example_is_authentic() -> None:
    good = {**SIGNED, "additionalData": {"hmacSignature": SIGNATURE}}

    webhook.verify(envelope(good), {}, keys=[KEY], login="")
    webhook.verify(envelope(good), {}, keys=[OTHER_KEY, KEY], login="")
    with pytest.raises(BadSignature):
        webhook.verify(envelope(good), {}, keys=[OTHER_KEY], login="")


@pytest.mark.parametrize("keys", [[], [""], ["", KEY]])
def test_a_key_that_is_not_set_signs_nothing(keys: list[str]) -> None:
    with pytest.raises(BadSignature):
        webhook.verify(envelope(signed(item("CAPTURE"), key="")), {}, keys=keys, login="")


@pytest.mark.parametrize(
    "changed",
    [
        {"success": "false"},
        {"amount": {"value": 2_501, "currency": "EUR"}},
        {"amount": {"value": 2_500, "currency": "USD"}},
        {"merchantReference": str(REFUND)},
        {"merchantAccountCode": "Another"},
        {"originalReference": "ANOTHER"},
        {"pspReference": "ANOTHER"},
        {"eventCode": "REFUND"},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
        {"additionalData": {"hmacSignature": "é"}},
        {"additionalData": None},
    ],
)
def test_one_altered_item_refuses_them_all(changed: dict[str, Any]) -> None:
    good = signed(item("CAPTURE"))

    with pytest.raises(BadSignature):
        webhook.verify(envelope(good, {**good, **changed}, good), {}, keys=[KEY], login="")


@given(st.binary(max_size=300) | st.recursive(st.none() | st.booleans() | st.text(max_size=9), st.lists).map(
    lambda value: json.dumps({"notificationItems": value}).encode()
))  # fmt: skip
def test_whatever_comes_unsigned_is_refused_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(BadSignature):
        webhook.verify(raw, {}, keys=[KEY], login="")


@pytest.mark.parametrize(
    ("shown", "let_in"),
    [("adyen:open sesame", True), ("adyen:open", False), ("", False), (None, False), ("é:é", False)],
)
def test_a_login_is_a_second_lock(shown: str | None, let_in: bool) -> None:
    raw = envelope(signed(item("CAPTURE")))
    headers = {} if shown is None else {"authorization": "Basic " + base64.b64encode(shown.encode()).decode()}

    if let_in:
        webhook.verify(raw, headers, keys=[KEY], login="adyen:open sesame")
    else:
        with pytest.raises(BadSignature):
            webhook.verify(raw, headers, keys=[KEY], login="adyen:open sesame")
