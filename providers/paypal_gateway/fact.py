"""PayPal's objects as facts of no provider, whether an event brought them or we asked.

One capture or refund has one operation id, its own at PayPal, so that both ways of hearing of it count once.
An approval and the authorization that comes of it are one operation, the order's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.decline import Decline
from domain.ids import PaymentId, RefundId
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact
from providers.gateway import RefundStatus
from providers.paypal_gateway.amount import from_paypal
from providers.paypal_gateway.client import Json
from providers.paypal_gateway.order import PAYPAL, labels

_CAPTURE = {
    "COMPLETED": FactKind.CAPTURED,
    "PARTIALLY_REFUNDED": FactKind.CAPTURED,
    "REFUNDED": FactKind.CAPTURED,
    "PENDING": FactKind.PROCESSING,
    "DECLINED": FactKind.FAILED,
    "DENIED": FactKind.FAILED,
    "FAILED": FactKind.FAILED,
}
_AUTHORIZATION = {
    "CREATED": FactKind.AUTHORIZED,
    "PENDING": FactKind.PROCESSING,
    "DENIED": FactKind.FAILED,
    "VOIDED": FactKind.CANCELLED,
    "EXPIRED": FactKind.EXPIRED,
}
_REFUND = {
    "COMPLETED": RefundStatus.COMPLETED,
    "FAILED": RefundStatus.FAILED,
    "CANCELLED": RefundStatus.FAILED,
}
_REFUNDED = {RefundStatus.COMPLETED: FactKind.REFUNDED, RefundStatus.FAILED: FactKind.REFUND_FAILED}
# Facts that move money name how much.
_MOVES = frozenset({FactKind.AUTHORIZED, FactKind.CAPTURED, FactKind.REFUNDED, FactKind.REFUND_FAILED})


@dataclass(frozen=True)
class Heard:
    """Whose order it is and how we heard of it: `event` names PayPal's event; our own look has none."""

    account: str
    payment_id: PaymentId
    order_id: str
    event: str = ""
    at: datetime | None = None

    def fact(self, kind: FactKind, about: Json, *, operation: str = "") -> PaymentFact:
        """Write down what was heard about an order, or about a capture or refund of it."""
        declined = kind is FactKind.DECLINED
        return PaymentFact(
            event_id=self.event or ":".join(filter(None, ("look", self.order_id, kind.value, operation))),
            provider=PAYPAL,
            account=self.account,
            payment_id=self.payment_id,
            kind=kind,
            provider_ref=self.order_id,
            operation=operation,
            amount=_amount(about) if kind in _MOVES else None,
            occurred_at=self.at or instant(about["create_time"]),
            source=FactSource.WEBHOOK if self.event else FactSource.API,
            method=PAYPAL if kind in (FactKind.AUTHORIZED, FactKind.CAPTURED) or declined else None,
            decline_code=Decline.CARD_DECLINED.value if declined else None,
            refund_id=_label(about) if kind in (FactKind.REFUNDED, FactKind.REFUND_FAILED) else None,
        )

    def declined(self, order: Json, code: str) -> PaymentFact:
        """Write down that the buyer's bank said no when the money was to be held."""
        operation = f"{self.order_id}/authorize"
        return self.fact(FactKind.DECLINED, order, operation=operation).model_copy(
            update={"decline_code": code}
        )


def instant(text: str) -> datetime:
    """Read a time. Raises ValueError for one without an offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without an offset")
    return at


def of_order(heard: Heard, order: Json) -> Iterator[PaymentFact]:
    """Tell where an order stands, and of every capture and refund of it."""
    paid = payments(order)
    for authorization in paid.get("authorizations", ()):
        yield from of_authorization(heard, authorization)
    for capture in paid.get("captures", ()):
        yield from of_capture(heard, capture)
    for refund in paid.get("refunds", ()):
        yield from of_refund(heard, refund)
    if not paid:
        yield _unpaid(heard, order)


def _unpaid(heard: Heard, order: Json) -> PaymentFact:
    """Say where an order stands of which no money has moved; a status word we do not know is pending."""
    if is_closed(order) or order["status"] == "VOIDED":
        return heard.fact(FactKind.CANCELLED, order)
    if order["status"] == "APPROVED":  # ours to take: that is what an authorisation is
        return heard.fact(FactKind.AUTHORIZED, order, operation=heard.order_id)
    return heard.fact(FactKind.PENDING, order)


def of_approval(heard: Heard, order: Json) -> Iterator[PaymentFact]:
    """Tell of an approval, unless we have given the order up."""
    if order["status"] == "APPROVED" and not is_closed(order) and not payments(order):
        yield _unpaid(heard, order)


def of_authorization(heard: Heard, authorization: Json) -> Iterator[PaymentFact]:
    """Tell where an authorization stands; one that was captured is told by its capture."""
    kind = _AUTHORIZATION.get(authorization["status"])
    if kind is not None:
        yield heard.fact(kind, authorization, operation=heard.order_id)


def of_capture(heard: Heard, capture: Json) -> Iterator[PaymentFact]:
    """Tell where a capture stands: after one that has failed nobody can try again on the same order."""
    kind = _CAPTURE.get(capture["status"], FactKind.PENDING)
    if kind is FactKind.FAILED and not heard.event:
        yield heard.fact(FactKind.DECLINED, capture, operation=capture["id"])
    yield heard.fact(kind, capture, operation=capture["id"])


def of_refund(heard: Heard, refund: Json) -> Iterator[PaymentFact]:
    """Tell what became of a refund, once it is known."""
    kind = _REFUNDED.get(refund_status(refund))
    if kind is not None:
        yield heard.fact(kind, refund, operation=refund["id"])


def refund_status(refund: Json) -> RefundStatus:
    """Say where a refund stands; what is not final is pending, also a word we do not know."""
    return _REFUND.get(refund["status"], RefundStatus.PENDING)


def closing(order: Json) -> Closing | None:
    """Say how an order ended; nothing while it can still be paid. What is approved counts as paid."""
    paid = payments(order)
    if any(each["status"] == "PENDING" for each in paid.get("captures", ())):
        return Closing.PROCESSING
    if any(_CAPTURE.get(each["status"]) is FactKind.CAPTURED for each in paid.get("captures", ())):
        return Closing.PAID
    if any(each["status"] == "CREATED" for each in paid.get("authorizations", ())):
        return Closing.PAID
    if paid or is_closed(order) or order["status"] == "VOIDED":
        return Closing.CLOSED
    return Closing.PAID if order["status"] == "APPROVED" else None


def payments(order: Json) -> Json:
    """Give an order's captures, authorizations and refunds."""
    found: Json = order["purchase_units"][0].get("payments") or {}
    return found


def is_closed(order: Json) -> bool:
    """Say whether we have given the order up."""
    whose = labels(order["purchase_units"][0].get("custom_id"))
    return whose is not None and whose.closed


def is_to_be_held(order: Json) -> bool:
    """Say whether an order is approved, and its money to be held and not held yet."""
    ours = order["intent"] == "AUTHORIZE" and not is_closed(order)
    return ours and order["status"] == "APPROVED" and not payments(order)


def _amount(about: Json) -> Money:
    return from_paypal(about["amount"] if "amount" in about else about["purchase_units"][0]["amount"])


def _label(refund: Json) -> RefundId | None:
    """Read which of our refunds it is; nothing for one that we did not make."""
    try:
        return RefundId(UUID(refund["invoice_id"]))
    except (KeyError, ValueError, AttributeError, TypeError):
        return None


# Events that say something about money. Those that only accompany one of these say nothing.
TELLS: Mapping[str, Callable[[Heard, Json], Iterator[PaymentFact]]] = {
    "CHECKOUT.ORDER.APPROVED": of_approval,
    "PAYMENT.AUTHORIZATION.CREATED": of_authorization,
    "PAYMENT.AUTHORIZATION.VOIDED": of_authorization,
    "PAYMENT.CAPTURE.COMPLETED": of_capture,
    "PAYMENT.CAPTURE.PENDING": of_capture,
    "PAYMENT.CAPTURE.DENIED": of_capture,
    "PAYMENT.CAPTURE.DECLINED": of_capture,
    "PAYMENT.CAPTURE.REFUNDED": of_refund,
    "PAYMENT.CAPTURE.REVERSED": of_refund,
    "PAYMENT.REFUND.FAILED": of_refund,
}
