"""Stripe's objects as facts of no provider, whether an event brought them or we asked.

One charge or refund has one operation id, its own at Stripe, so that both ways of hearing of it count once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.ids import PaymentId, RefundId
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact, RiskResult
from providers.gateway import RefundStatus
from providers.stripe_gateway.amount import from_stripe
from providers.stripe_gateway.decline import Reason, reason

Json = dict[str, Any]

PROVIDER = "stripe"
# What our callers call a method that Stripe calls otherwise.
OURS = {"afterpay_clearpay": "afterpay"}

_INTENT = {
    "requires_payment_method": FactKind.PENDING,
    "requires_confirmation": FactKind.PENDING,
    "requires_action": FactKind.REQUIRES_ACTION,
    "processing": FactKind.PROCESSING,
    "requires_capture": FactKind.AUTHORIZED,
    "succeeded": FactKind.CAPTURED,
    "canceled": FactKind.CANCELLED,
}
_CLOSING = {
    "succeeded": Closing.PAID,
    "requires_capture": Closing.PAID,
    "processing": Closing.PROCESSING,
    "canceled": Closing.CLOSED,
}
_REFUND = {
    "succeeded": RefundStatus.COMPLETED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}

_RISKS = {"normal": RiskResult.PASSED, "elevated": RiskResult.REVIEW, "highest": RiskResult.REVIEW}
# Radar counts to 100, we to this.
RISKIEST = Decimal("9.99")


@dataclass(frozen=True)
class Heard:
    """Whose payment it is and how we heard of it: `event` names Stripe's event; our own look has none."""

    account: str
    payment_id: PaymentId
    event: str = ""
    at: int = 0

    def fact(
        self,
        kind: FactKind,
        about: Json,
        *,
        operation: str = "",
        amount: Money | None = None,
        why: Reason | None = None,
        charge: Json | None = None,
        refund_id: RefundId | None = None,
    ) -> PaymentFact:
        """Write down what was heard about an intent, session or refund; `why` a try failed, and with what
        `charge` it was tried.
        """
        return PaymentFact(
            event_id=self.event or ":".join(filter(None, ("look", about["id"], kind.value, operation))),
            provider=PROVIDER,
            account=self.account,
            payment_id=self.payment_id,
            kind=kind,
            provider_ref=_paid_by(about),
            operation=operation,
            amount=amount,
            occurred_at=instant(self.at or (charge or about)["created"]),
            source=FactSource.WEBHOOK if self.event else FactSource.API,
            decline_code=why.decline.value if why else None,
            decline_reason=why.said if why else None,
            refund_id=refund_id,
            **(_tried_with(charge) if charge else {}),
        )


def instant(seconds: int) -> datetime:
    """Give Stripe's Unix seconds as an instant, UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def standing(heard: Heard, intent: Json, charge: Json | None = None) -> PaymentFact:
    """Say where a payment intent stands; a status word we do not know is pending. `charge` is its last, where
    it was looked up.
    """
    kind = _INTENT.get(intent["status"], FactKind.PENDING)
    if kind is FactKind.CANCELLED and intent.get("cancellation_reason") == "expired":
        kind = FactKind.EXPIRED
    if kind not in (FactKind.AUTHORIZED, FactKind.CAPTURED):
        return heard.fact(kind, intent)
    moved = intent["amount_received" if kind is FactKind.CAPTURED else "amount_capturable"]
    amount = from_stripe(moved, intent["currency"])
    operation = id_of(intent.get("latest_charge"))
    return heard.fact(kind, intent, operation=operation, amount=amount, charge=charge)


def decline(heard: Heard, intent: Json) -> PaymentFact | None:
    """Tell of the last try to pay an intent, if it failed.

    A failed authentication makes no charge: then the method that was tried names the operation.
    """
    error = intent.get("last_payment_error")
    if not error:
        return None
    method = (error.get("payment_method") or {}).get("id", "")
    why = reason(error.get("code"), error.get("decline_code"))
    operation = error.get("charge") or f"{intent['id']}/{method}"
    return heard.fact(FactKind.DECLINED, intent, operation=operation, why=why)


def declined_charge(heard: Heard, intent: Json, charge: Json) -> PaymentFact | None:
    """Tell of a try to pay that a bank declined, also when a later one succeeded."""
    if charge["status"] != "failed":
        return None
    why = reason(charge.get("failure_code"), (charge.get("outcome") or {}).get("reason"))
    return heard.fact(FactKind.DECLINED, intent, operation=charge["id"], why=why, charge=charge)


def _tried_with(charge: Json) -> Json:
    """Tell of a charge what may be kept: kind of method, brand and last digits of a card, Radar's word."""
    details, outcome = charge.get("payment_method_details") or {}, charge.get("outcome") or {}
    card, score = details.get("card") or {}, outcome.get("risk_score")
    return {
        "method": OURS.get(details.get("type", ""), details.get("type")),
        "card_brand": card.get("brand"),
        "card_last4": card.get("last4"),
        "risk_score": None if score is None else (RISKIEST * score / 100).quantize(Decimal("0.01")),
        "risk_result": _risk(outcome),
    }


def _risk(outcome: Json) -> RiskResult | None:
    """Read Radar's word; nothing where it did not look."""
    if outcome.get("type") == "blocked":
        return RiskResult.BLOCKED
    if outcome.get("type") == "manual_review":
        return RiskResult.REVIEW
    return _RISKS.get(outcome.get("risk_level") or "")


def session_standing(heard: Heard, session: Json) -> PaymentFact | None:
    """Say where a hosted checkout stands, as far as its intent does not say it better."""
    if session["status"] == "expired":
        return heard.fact(FactKind.EXPIRED, session)
    if session["status"] == "complete":
        return _failed_for_good(heard, session)
    return heard.fact(FactKind.PENDING, session)


def _failed_for_good(heard: Heard, session: Json) -> PaymentFact | None:
    """A method that settles late has failed: the page is complete, so nobody can try again on it."""
    intent = session.get("payment_intent")
    failed = isinstance(intent, dict) and intent["status"] == "requires_payment_method"
    return heard.fact(FactKind.FAILED, session) if failed else None


def failed_late(heard: Heard, session: Json) -> PaymentFact:
    """Tell that a method which settles late has failed."""
    return heard.fact(FactKind.FAILED, session)


def refund(heard: Heard, refund: Json) -> PaymentFact | None:
    """Tell what became of a refund, once it is known."""
    kinds = {RefundStatus.COMPLETED: FactKind.REFUNDED, RefundStatus.FAILED: FactKind.REFUND_FAILED}
    kind = kinds.get(refund_status(refund))
    if kind is None:
        return None
    amount = from_stripe(refund["amount"], refund["currency"])
    return heard.fact(kind, refund, operation=refund["id"], amount=amount, refund_id=_label(refund))


def refunded_charge(heard: Heard, charge: Json) -> PaymentFact | None:
    """Tell how much of a charge has gone back by now, whoever gave it: a refund that somebody made at
    Stripe's own desk carries no label of ours, its charge does.

    What was never captured was only released.
    """
    if not charge["captured"]:
        return None
    return heard.fact(
        FactKind.REFUNDED, charge, amount=from_stripe(charge["amount_refunded"], charge["currency"])
    )


def _label(refund: Json) -> RefundId | None:
    """Read which of our refunds it is; nothing for one that we did not make."""
    try:
        return RefundId(UUID((refund.get("metadata") or {}).get("refund_id", "")))
    except (ValueError, TypeError, AttributeError):
        return None


def refund_status(refund: Json) -> RefundStatus:
    """Say where a refund stands; what is not final is pending, also a word we do not know."""
    return _REFUND.get(refund["status"], RefundStatus.PENDING)


def closing_of_intent(intent: Json) -> Closing | None:
    """Say how an intent ended; nothing while it can still be paid."""
    return _CLOSING.get(intent["status"])


def closing_of_session(session: Json) -> Closing | None:
    """Say how a hosted checkout (with its intent expanded) ended; nothing while it can still be paid."""
    intent = session.get("payment_intent")
    closing = closing_of_intent(intent) if intent else None
    if session["status"] == "open":
        return closing if closing is Closing.PROCESSING else None
    return Closing.CLOSED if session["status"] == "expired" else closing or Closing.CLOSED


# Events that say something about money or the end of a checkout. Those that only accompany one of these
# (charge.succeeded, checkout.session.completed …) say nothing: their companion does.
TELLS: Mapping[str, Callable[[Heard, Json], PaymentFact | None]] = {
    "payment_intent.succeeded": standing,
    "payment_intent.amount_capturable_updated": standing,
    "payment_intent.processing": standing,
    "payment_intent.requires_action": standing,
    "payment_intent.canceled": standing,
    "payment_intent.payment_failed": decline,
    "checkout.session.expired": session_standing,
    "checkout.session.async_payment_failed": failed_late,
    "refund.created": refund,
    "refund.updated": refund,
    "refund.failed": refund,
    "charge.refunded": refunded_charge,
}


def _paid_by(about: Json) -> str:
    """Give what names the payment at Stripe: a refund's or charge's intent, else the thing itself."""
    paid = id_of(about.get("payment_intent")) if about["object"] in ("refund", "charge") else ""
    return paid or str(about["id"])


def id_of(named: Any) -> str:
    """Give the id of what is an id, or an object that was expanded in its place."""
    return str(named["id"]) if isinstance(named, dict) else str(named or "")
