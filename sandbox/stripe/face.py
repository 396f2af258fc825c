"""Stripe as the neutral core knows it: prefixes of ids, events, signatures, retry ladder."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import stripe

from sandbox.answer import Answer
from sandbox.checkout import Checkout
from sandbox.dispute import Dispute
from sandbox.event import Endpoint
from sandbox.payee import Payee
from sandbox.payment import Attempt, Method, Payment
from sandbox.payout import Payout
from sandbox.record import Json, Record
from sandbox.refund import Refund
from sandbox.stripe import (
    account,
    charge,
    checkout_session,
    customer,
    dispute,
    event,
    money,
    payment_intent,
    payment_method,
    payout,
    refund,
    transfer,
)
from sandbox.stripe.customer import Customer
from sandbox.stripe.text import LINES
from sandbox.transfer import Transfer
from sandbox.work import Work

RENDER: dict[type[Record], Callable[[Work, Any], Json]] = {
    Payment: payment_intent.render,
    Attempt: charge.render,
    Refund: refund.render,
    Dispute: dispute.render,
    Payee: account.render,
    Payout: payout.render,
    Transfer: transfer.render,
    Checkout: checkout_session.render,
    Customer: customer.render,
    Method: payment_method.render,
}

# What happened, and the events that tell it. A released hold shows as a refund of money that was never taken.
EVENTS: dict[str, tuple[str, ...]] = {
    "payment.created": ("payment_intent.created",),
    "payment.needs_action": ("payment_intent.requires_action",),
    "payment.declined": ("payment_intent.payment_failed",),
    "payment.processing": ("payment_intent.processing",),
    "payment.authorized": ("payment_intent.amount_capturable_updated",),
    "payment.captured": ("payment_intent.succeeded",),
    "payment.cancelled": ("payment_intent.canceled",),
    "attempt.pending": ("charge.pending",),
    "attempt.succeeded": ("charge.succeeded",),
    "attempt.authorized": ("charge.succeeded",),
    "attempt.failed": ("charge.failed",),
    "attempt.captured": ("charge.captured",),
    "attempt.settled": ("charge.updated",),
    "attempt.released": ("charge.refunded",),
    "attempt.lapsed": ("charge.expired",),
    "attempt.refunded": ("charge.refunded",),
    "refund.created": ("refund.created",),
    "refund.succeeded": ("refund.updated", "charge.refund.updated"),
    "refund.failed": ("refund.updated", "refund.failed", "charge.refund.updated"),
    "refund.cancelled": ("refund.updated", "charge.refund.updated"),
    "transfer.created": ("transfer.created",),
    "transfer.updated": ("transfer.updated",),
    "transfer.reversed": ("transfer.reversed",),
    "payout.created": ("payout.created",),
    "payout.updated": ("payout.updated",),
    "payout.paid": ("payout.updated", "payout.paid"),
    "payout.failed": ("payout.updated", "payout.failed"),
    "payout.cancelled": ("payout.canceled",),
    "payee.updated": ("account.updated",),
    "dispute.created": ("charge.dispute.created",),
    "dispute.updated": ("charge.dispute.updated",),
    "dispute.funds_withdrawn": ("charge.dispute.funds_withdrawn",),
    "dispute.funds_reinstated": ("charge.dispute.funds_reinstated",),
    "dispute.closed": ("charge.dispute.closed",),
    "checkout.completed": ("checkout.session.completed",),
    "checkout.settled": ("checkout.session.async_payment_succeeded",),
    "checkout.unsettled": ("checkout.session.async_payment_failed",),
    "checkout.expired": ("checkout.session.expired",),
    "customer.created": ("customer.created",),
    "customer.updated": ("customer.updated",),
    "method.attached": ("payment_method.attached",),
    "method.detached": ("payment_method.detached",),
}
_REDIRECT = {"authorized": "succeeded", "captured": "succeeded", "processing": "pending"}
KEY = re.compile(r"(sk|pk|rk)_(test|live)_([A-Za-z0-9_]{6,240})")
CHANGES = ("attempt.settled", "refund.succeeded", "refund.failed", "refund.cancelled")


PREFIXES = {
    "payment": "pi_",
    "attempt": "ch_",
    "debit": "py_",
    "refund": "re_",
    "dispute": "du_",
    "payee": "",
    "payout": "po_",
    "transfer": "tr_",
    "reversal": "trr_",
    "method": "pm_",
    "movement": "txn_",
    "event": "evt_",
    "checkout": "cs_test_",
    "endpoint": "we_",
    "customer": "cus_",
    "line": "li_",
    "price": "price_",
    "product": "prod_",
}


class StripeFace:
    """What the core asks of Stripe."""

    provider = "stripe"
    retry_seconds: tuple[float, ...] = (1, 5, 30, 300, 3600, 3 * 3600)

    def spelled(self, kind: str, letters: str, /) -> str:
        """Return a prefix that tells the kind, and the letters."""
        return PREFIXES[kind] + letters

    def account_key(self, key: str) -> str | None:
        """Return the secret key of the account; publishable and restricted keys share it."""
        match = KEY.fullmatch(key)
        return None if match is None or match[2] != "test" else f"sk_test_{match[3]}"

    def events(self, work: Work, happening: str, record: Record, before: Json) -> Iterable[tuple[str, Json]]:
        """Return Stripe's events for a happening, each with a picture of the object as it is now."""
        data: Json = {"object": RENDER[type(record)](work, record)}
        if happening in CHANGES:
            data["previous_attributes"] = before or {"balance_transaction": None}
        for event_type in EVENTS[happening]:
            yield event_type, data

    def event_body(self, work: Work, event_id: str, event_type: str, payload: Json, wanting: int) -> str:
        """Return the text of an event in the API version of the SDK the sandbox was built against."""
        return event.body(work, event_id, event_type, payload, stripe.api_version, wanting)

    def signed(self, _endpoint: Endpoint, body: bytes, /, *, secret: str, stamp: int) -> Mapping[str, str]:
        """Return the headers of an attempt: HMAC over stamp, dot and body, the whole `whsec_…` as key."""
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        old = hmac.new(b"v0" + secret.encode(), body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (sandbox)",
            "Stripe-Signature": f"t={stamp},v1={digest},v0={old}",
        }

    def accepted(self, status: int, _body: bytes, /) -> bool:
        """Return whether the receiver took it: any 2xx; a redirect is a failure."""
        return 200 <= status < 300

    def shown(self, amount: int, currency: str) -> str:
        """Return an amount for people."""
        return money.shown(amount, currency)

    def after_checkout(self, _work: Work, checkout: Checkout, /) -> str:
        """Return the success address with the session's id filled in."""
        return checkout.success_url.replace("{CHECKOUT_SESSION_ID}", checkout.id)

    def after_cancel(self, _work: Work, checkout: Checkout, /) -> str | None:
        """Return the cancel address as it was given."""
        return checkout.cancel_url

    def after_challenge(self, work: Work, payment: Payment) -> str | None:
        """Return the return address with Stripe's own query parameters."""
        return_url = payment.about.get("return_url")
        if return_url is None:
            return None
        query = urlencode(
            {
                "payment_intent": payment.id,
                "payment_intent_client_secret": payment_intent.client_secret(work, payment),
                "redirect_status": _REDIRECT.get(payment.status, "failed"),
            }
        )
        return f"{return_url}{'&' if '?' in return_url else '?'}{query}"

    def failure(self, status: int) -> Answer:
        """Return Stripe's own failure, its throttling for 429, and for 400 that the balance is too small."""
        if status == 400:
            error = {
                "code": "balance_insufficient",
                "type": "invalid_request_error",
                "message": "Insufficient funds in your Stripe balance to refund this amount.",
            }
        elif status == 429:
            error = {
                "code": "rate_limit",
                "type": "invalid_request_error",
                "message": "Request rate limit exceeded. Learn more about rate limits here "
                "https://stripe.com/docs/rate-limits.",
            }
        else:
            error = {"type": "api_error", "message": "An unknown error occurred. Please try again later."}
        return Answer(status, LINES.encode({"error": error}).encode())
