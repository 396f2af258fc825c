"""What each of PayPal's events says, as facts of no provider (WHK-20)."""

import json
from typing import Any
from uuid import UUID

import pytest

from domain.ids import BookingId, PaymentId, RefundId, TenantId
from domain.money import Money
from domain.payment import FactKind
from providers.paypal_gateway.order import Labels
from providers.paypal_gateway.webhook import parse

PAYMENT, REFUND, ORDER = PaymentId(UUID(int=3)), RefundId(UUID(int=4)), "5O190127TN364715T"
WHOSE = Labels(TenantId(UUID(int=1)), BookingId(UUID(int=2)), PAYMENT)
AMOUNT = {"currency_code": "EUR", "value": "25.00"}
TAKEN = Money(minor=2_500, currency="EUR")


def capture(status: str) -> dict[str, Any]:
    return {
        "id": "CAPTURE",
        "status": status,
        "amount": AMOUNT,
        "custom_id": str(WHOSE),
        "supplementary_data": {"related_ids": {"order_id": ORDER}},
    }


def refund(status: str = "COMPLETED", **changed: str) -> dict[str, Any]:
    labelled = {"custom_id": str(WHOSE._replace(order_id=ORDER)), "invoice_id": str(REFUND)}
    return {"id": "REFUND", "status": status, "amount": AMOUNT, **labelled, **changed}


def order(status: str, whose: Labels = WHOSE, **unit: Any) -> dict[str, Any]:
    return {
        "id": ORDER,
        "status": status,
        "intent": "CAPTURE",
        "purchase_units": [{"amount": AMOUNT, "custom_id": str(whose), **unit}],
    }


def item(status: str) -> dict[str, Any]:
    return {"payout_item_id": "ITEM", "transaction_status": status}


def told(kind: str, resource: dict[str, Any]) -> list[tuple[FactKind, Money | None]]:
    """Give the facts of one event, each by its kind and amount."""
    event = {"id": "WH-1", "event_type": kind, "create_time": "2026-11-21T12:00:00Z", "resource": resource}
    (read,) = parse(json.dumps(event).encode(), "main", live=True)
    assert {fact.provider_ref for fact in read.facts} <= {ORDER, ""}
    assert {fact.payment_id for fact in read.facts} <= {PAYMENT}
    return [(fact.kind, fact.amount) for fact in read.facts]


TABLE: list[tuple[str, dict[str, Any], list[tuple[FactKind, Money | None]]]] = [
    ("CHECKOUT.ORDER.APPROVED", order("APPROVED"), [(FactKind.AUTHORIZED, TAKEN)]),
    ("CHECKOUT.ORDER.APPROVED", order("APPROVED", WHOSE._replace(closed=True)), []),
    ("CHECKOUT.ORDER.APPROVED", order("APPROVED", payments={"captures": [capture("COMPLETED")]}), []),
    ("CHECKOUT.ORDER.COMPLETED", order("COMPLETED"), []),
    ("PAYMENT.AUTHORIZATION.CREATED", capture("CREATED"), [(FactKind.AUTHORIZED, TAKEN)]),
    ("PAYMENT.AUTHORIZATION.CREATED", capture("PENDING"), [(FactKind.PROCESSING, None)]),
    ("PAYMENT.AUTHORIZATION.CREATED", capture("CAPTURED"), []),
    ("PAYMENT.AUTHORIZATION.VOIDED", capture("VOIDED"), [(FactKind.CANCELLED, None)]),
    ("PAYMENT.AUTHORIZATION.VOIDED", capture("EXPIRED"), [(FactKind.EXPIRED, None)]),
    ("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED"), [(FactKind.CAPTURED, TAKEN)]),
    ("PAYMENT.CAPTURE.COMPLETED", capture("A_NEW_WORD"), [(FactKind.PENDING, None)]),
    ("PAYMENT.CAPTURE.PENDING", capture("PENDING"), [(FactKind.PROCESSING, None)]),
    ("PAYMENT.CAPTURE.DENIED", capture("DENIED"), [(FactKind.FAILED, None)]),
    ("PAYMENT.CAPTURE.DECLINED", capture("DECLINED"), [(FactKind.FAILED, None)]),
    ("PAYMENT.CAPTURE.DECLINED", capture("FAILED"), [(FactKind.FAILED, None)]),
    ("PAYMENT.CAPTURE.REFUNDED", refund(), [(FactKind.REFUNDED, TAKEN)]),
    ("PAYMENT.CAPTURE.REFUNDED", refund("PENDING"), []),
    ("PAYMENT.CAPTURE.REFUNDED", refund(custom_id=str(WHOSE)), [(FactKind.REFUNDED, TAKEN)]),
    ("PAYMENT.CAPTURE.REVERSED", refund(custom_id=str(WHOSE)), [(FactKind.REFUNDED, TAKEN)]),
    ("PAYMENT.REFUND.FAILED", refund("FAILED"), [(FactKind.REFUND_FAILED, TAKEN)]),
    ("PAYMENT.REFUND.FAILED", refund("CANCELLED"), [(FactKind.REFUND_FAILED, TAKEN)]),
    ("PAYMENT.PAYOUTS-ITEM.SUCCEEDED", item("SUCCESS"), []),
    ("PAYMENT.PAYOUTS-ITEM.FAILED", item("FAILED"), []),
    ("SOMETHING.NEW", capture("COMPLETED"), []),
]


@pytest.mark.row("WHK-20", partly="payouts are asked for, not heard of; over the stack: tests/workflows")
@pytest.mark.parametrize(("kind", "resource", "facts"), TABLE)
def test_an_event_says_what_the_table_says(
    kind: str, resource: dict[str, Any], facts: list[tuple[FactKind, Money | None]]
) -> None:
    assert told(kind, resource) == facts


@pytest.mark.parametrize(("invoice", "known"), [(str(REFUND), REFUND), ("of the desk", None), (None, None)])
def test_a_refund_is_ours_by_our_label_alone(invoice: str | None, known: RefundId | None) -> None:
    resource = refund() | {"invoice_id": invoice}
    event = {"id": "WH-1", "event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": resource}

    (read,) = parse(json.dumps(event | {"create_time": "2026-11-21T12:00:00Z"}).encode(), "main", live=False)

    assert [(fact.refund_id, fact.operation) for fact in read.facts] == [(known, "REFUND")]
    assert (read.tenant_id, read.booking_id, read.payment_id, read.live) == (*WHOSE[:3], False)
