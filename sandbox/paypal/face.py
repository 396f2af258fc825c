"""PayPal as the neutral core knows it: ids, events, signatures, retry ladder."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sandbox.answer import Answer
from sandbox.checkout import Checkout
from sandbox.event import Endpoint
from sandbox.identifier import derive
from sandbox.payment import Attempt, Payment
from sandbox.paypal import amount, dispute, money, notification, order, payout
from sandbox.paypal.call import instant
from sandbox.paypal.certificate import PATH, Certificates
from sandbox.paypal.error import PayPalError, failed, unprocessable
from sandbox.record import Json, Record
from sandbox.refund import Refund
from sandbox.work import Work, World

# Not AQ…: such keys are another provider's.
KEY = re.compile(r"A[R-Za-z][A-Za-z0-9_-]{18,98}")


def _order(work: Work, record: Any) -> Json:
    return order.render(work, record)


def _authorization(work: Work, record: Any) -> Json:
    return money.show_authorization(work, record)


def _capture(work: Work, record: Any) -> Json:
    return money.show_capture(work, money.capture_of(work, record))


def _refund(work: Work, record: Any) -> Json:
    return money.show_refund(work, record)


def _dispute(work: Work, record: Any) -> Json:
    return dispute.render(work, record)


def _batch(work: Work, record: Any) -> Json:
    return payout.show_told(work, record)


def _item(work: Work, record: Any) -> Json:
    return payout.show_item(work, record)


Show = Callable[[Work, Any], Json]
# What happened, the event that tells it, and the object it shows.
EVENTS: Mapping[str, tuple[str, str, Show]] = {
    "checkout.approved": ("CHECKOUT.ORDER.APPROVED", "checkout-order", _order),
    "checkout.completed": ("CHECKOUT.ORDER.COMPLETED", "checkout-order", _order),
    "attempt.authorized": ("PAYMENT.AUTHORIZATION.CREATED", "authorization", _authorization),
    "attempt.released": ("PAYMENT.AUTHORIZATION.VOIDED", "authorization", _authorization),
    "attempt.lapsed": ("PAYMENT.AUTHORIZATION.VOIDED", "authorization", _authorization),
    "attempt.succeeded": ("PAYMENT.CAPTURE.COMPLETED", "capture", _capture),
    "attempt.captured": ("PAYMENT.CAPTURE.COMPLETED", "capture", _capture),
    "attempt.pending": ("PAYMENT.CAPTURE.PENDING", "capture", _capture),
    "attempt.failed": ("PAYMENT.CAPTURE.DECLINED", "capture", _capture),
    "refund.succeeded": ("PAYMENT.CAPTURE.REFUNDED", "refund", _refund),
    "refund.reversed": ("PAYMENT.CAPTURE.REVERSED", "refund", _refund),
    "refund.failed": ("PAYMENT.REFUND.FAILED", "refund", _refund),
    "dispute.created": ("CUSTOMER.DISPUTE.CREATED", "dispute", _dispute),
    "dispute.updated": ("CUSTOMER.DISPUTE.UPDATED", "dispute", _dispute),
    "dispute.funds_withdrawn": ("CUSTOMER.DISPUTE.UPDATED", "dispute", _dispute),
    "dispute.funds_reinstated": ("CUSTOMER.DISPUTE.UPDATED", "dispute", _dispute),
    "dispute.closed": ("CUSTOMER.DISPUTE.RESOLVED", "dispute", _dispute),
    "payout_batch.processing": ("PAYMENT.PAYOUTSBATCH.PROCESSING", "payouts", _batch),
    "payout_batch.success": ("PAYMENT.PAYOUTSBATCH.SUCCESS", "payouts", _batch),
    "payout_batch.denied": ("PAYMENT.PAYOUTSBATCH.DENIED", "payouts", _batch),
    **{
        f"payout_item.{name.lower()}": (f"PAYMENT.PAYOUTS-ITEM.{name}", "payouts_item", _item)
        for name in ("SUCCEEDED", "FAILED", "UNCLAIMED", "HELD", "BLOCKED", "RETURNED", "DENIED")
    },
}


class PayPalFace:
    """What the core asks of PayPal."""

    provider = "paypal"
    retry_seconds: tuple[float, ...] = (2, 10, 60, 600, 3600, 6 * 3600)

    def __init__(self, world: World) -> None:
        self.world, self.certificates = world, Certificates(world.store, world.clock)

    def spelled(self, kind: str, letters: str, /) -> str:
        """Return seventeen capitals and digits; of some kinds, as their ids are written."""
        plain = letters.upper()
        if kind == "dispute":
            return f"PP-D-{plain[:12]}"
        return f"WH-{plain[:17]}-{plain[7:24]}" if kind == "event" else plain[:17]

    def account_key(self, key: str) -> str | None:
        """Return the client id, by which an account is known."""
        return key if KEY.fullmatch(key) else None

    def events(self, work: Work, happening: str, record: Record, _before: Json) -> Iterable[tuple[str, Json]]:
        """Return PayPal's event for a happening, if it tells of it."""
        told = EVENTS.get(_told_as(happening, record))
        if told is not None:
            event_type, resource_type, show = told
            yield event_type, {"type": resource_type, "resource": show(work, record)}

    def event_body(self, work: Work, event_id: str, event_type: str, payload: Json, _wanting: int) -> str:
        """Return the text of an event."""
        return notification.event_text(work, event_id, event_type, payload["type"], payload["resource"])

    def signed(self, endpoint: Endpoint, body: bytes, /, *, secret: str, stamp: int) -> Mapping[str, str]:
        """Return the headers of an attempt; what is secret elsewhere is the webhook's id here."""
        letters = derive(endpoint.id, body, stamp)
        transmission_id, at = str(UUID(bytes=letters[:16].encode())), instant(stamp)
        text = notification.signed_text(transmission_id, at, secret, body)
        return {
            "Content-Type": "application/json",
            "User-Agent": "PayPal/AUHD-1.0 (sandbox)",
            "PAYPAL-TRANSMISSION-ID": transmission_id,
            "PAYPAL-TRANSMISSION-TIME": at,
            "PAYPAL-TRANSMISSION-SIG": self.certificates.sign(text),
            "PAYPAL-CERT-URL": f"{self.world.public_url}/paypal{PATH}/{self.certificates.id}",
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
            "PAYPAL-AUTH-VERSION": "v2",
        }

    def accepted(self, status: int, _body: bytes, /) -> bool:
        """Return whether the receiver took it: any 2xx."""
        return 200 <= status < 300

    def shown(self, minor: int, currency: str) -> str:
        """Return an amount for people."""
        shown = amount.shown(minor, currency)
        return f"{shown['value']} {shown['currency_code']}"

    def after_checkout(self, _work: Work, checkout: Checkout, /) -> str:
        """Return the return address with the order's id and the buyer's."""
        return _with(checkout.success_url, token=checkout.id, PayerID="TESTBUYER0001")

    def after_cancel(self, _work: Work, checkout: Checkout, /) -> str | None:
        """Return the cancel address with the order's id."""
        return _with(checkout.cancel_url or "", token=checkout.id) or None

    def after_challenge(self, _work: Work, _payment: Payment) -> str | None:
        """Return nothing: PayPal's page asks its buyers whatever it has to."""
        return None

    def failure(self, status: int) -> Answer:
        """Return PayPal's own failure, its throttling for 429, and for 422 that the balance is too small."""
        if status == 422:
            return failed(unprocessable("REFUND_FAILED_INSUFFICIENT_FUNDS"), "sandbox")
        name = "RATE_LIMIT_REACHED" if status == 429 else "INTERNAL_SERVER_ERROR"
        answer = failed(PayPalError(name), "sandbox")
        return Answer(status, answer.body)


def _told_as(happening: str, record: Record) -> str:
    """Return the happening by which PayPal tells it: a refund that arrives at once is told as one that has
    arrived; a card that is declined at once is only answered.
    """
    if isinstance(record, Refund) and happening == "refund.created":
        if record.about.get("reversed"):
            return "refund.reversed"
        return "refund.succeeded" if record.status == "succeeded" else happening
    if isinstance(record, Attempt) and happening == "attempt.failed":
        return happening if record.by_debit else ""
    return happening


def _with(address: str, **query: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}" if address else ""
