"""What each of PayPal's events says, as facts of no provider (WHK-20)."""

import json
from typing import Any
from uuid import UUID

import pytest

from domain.ids import BookingId, PaymentId, RefundId, TenantId
from domain.money import Money
from domain.payment import FactKind
from providers.gateway import WebhookEvent
from providers.paypal_gateway.order import Labels
from providers.paypal_gateway.webhook import parse
from providers.transfer import Transferred, TransferStatus

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


PAID = {"currency": "EUR", "value": "25.00"}


def item(status: str) -> dict[str, Any]:
    return {
        "payout_item_id": "ITEM",
        "payout_batch_id": "BATCH",
        "transaction_status": status,
        "payout_item": {"receiver": "ann@shop.example", "amount": PAID, "sender_item_id": "t"},
    }


def batch(status: str) -> dict[str, Any]:
    header = {"payout_batch_id": "BATCH", "batch_status": status, "amount": PAID, "payments": 1}
    return {"batch_header": {**header, "sender_batch_header": {"sender_batch_id": "t"}}}


def event_of(kind: str, resource: dict[str, Any]) -> WebhookEvent:
    event = {"id": "WH-1", "event_type": kind, "create_time": "2026-11-21T12:00:00Z", "resource": resource}
    (read,) = parse(json.dumps(event).encode(), "main", live=True)
    return read


def told(kind: str, resource: dict[str, Any]) -> list[tuple[FactKind, Money | None]]:
    """Give the facts of one event, each by its kind and amount."""
    read = event_of(kind, resource)
    assert read.transfer is None
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
    ("SOMETHING.NEW", capture("COMPLETED"), []),
]


@pytest.mark.row("WHK-20")
@pytest.mark.parametrize(("kind", "resource", "facts"), TABLE)
def test_an_event_says_what_the_table_says(
    kind: str, resource: dict[str, Any], facts: list[tuple[FactKind, Money | None]]
) -> None:
    assert told(kind, resource) == facts


ITEM, BATCH = "PAYMENT.PAYOUTS-ITEM", "PAYMENT.PAYOUTSBATCH"
OF_PAYOUTS: list[tuple[str, dict[str, Any], TransferStatus]] = [
    (f"{BATCH}.PROCESSING", batch("PROCESSING"), TransferStatus.PENDING),
    (f"{BATCH}.SUCCESS", batch("SUCCESS"), TransferStatus.PENDING),  # its item says what became of it
    (f"{BATCH}.DENIED", batch("DENIED"), TransferStatus.FAILED),
    (f"{ITEM}.SUCCEEDED", item("SUCCESS"), TransferStatus.COMPLETED),
    (f"{ITEM}.HELD", item("ONHOLD"), TransferStatus.PENDING),
    (f"{ITEM}.UNCLAIMED", item("UNCLAIMED"), TransferStatus.PENDING),
    (f"{ITEM}.FAILED", item("FAILED"), TransferStatus.FAILED),
    (f"{ITEM}.DENIED", item("DENIED"), TransferStatus.FAILED),
    (f"{ITEM}.BLOCKED", item("BLOCKED"), TransferStatus.FAILED),
    (f"{ITEM}.CANCELED", item("CANCELED"), TransferStatus.FAILED),
    (f"{ITEM}.RETURNED", item("RETURNED"), TransferStatus.RETURNED),
    (f"{ITEM}.REFUNDED", item("REFUNDED"), TransferStatus.RETURNED),
    (f"{ITEM}.SUCCEEDED", item("A_NEW_WORD"), TransferStatus.PENDING),
]


@pytest.mark.row("WHK-20")
@pytest.mark.parametrize(("kind", "resource", "status"), OF_PAYOUTS)
def test_an_event_of_a_payout_says_where_the_transfer_stands(
    kind: str, resource: dict[str, Any], status: TransferStatus
) -> None:
    read = event_of(kind, resource)

    back = TAKEN if status is TransferStatus.RETURNED else Money(minor=0, currency="EUR")
    stands = Transferred(
        provider_ref="BATCH", status=status, amount=TAKEN, reversed_amount=back, transfer_id="t"
    )
    assert (read.transfer, read.facts, read.payment_id) == (stands, (), None)


@pytest.mark.parametrize("resource", [{}, {"batch_header": {}}, item("SUCCESS") | {"payout_item": None}])
@pytest.mark.parametrize("kind", [f"{BATCH}.SUCCESS", f"{ITEM}.SUCCEEDED"])
def test_a_payout_of_another_shape_is_only_kept(kind: str, resource: dict[str, Any]) -> None:
    read = event_of(kind, resource)

    assert (read.event_id, read.kind, read.transfer) == ("WH-1", kind, None)


@pytest.mark.parametrize(("invoice", "known"), [(str(REFUND), REFUND), ("of the desk", None), (None, None)])
def test_a_refund_is_ours_by_our_label_alone(invoice: str | None, known: RefundId | None) -> None:
    resource = refund() | {"invoice_id": invoice}
    event = {"id": "WH-1", "event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": resource}

    (read,) = parse(json.dumps(event | {"create_time": "2026-11-21T12:00:00Z"}).encode(), "main", live=False)

    assert [(fact.refund_id, fact.operation) for fact in read.facts] == [(known, "REFUND")]
    assert (read.tenant_id, read.booking_id, read.payment_id, read.live) == (*WHOSE[:3], False)
