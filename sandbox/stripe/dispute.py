"""Disputes in Stripe's words."""

from typing import Any, Literal

import stripe

from sandbox import dispute as disputes
from sandbox.dispute import Decided, Dispute
from sandbox.ledger import Movement
from sandbox.payment import Attempt, Method
from sandbox.record import Json
from sandbox.stripe import balance, listing
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, invalid
from sandbox.work import Work

STATUS: dict[disputes.Status, str] = {
    "inquiry": "warning_needs_response",
    "inquiry_review": "warning_under_review",
    "inquiry_closed": "warning_closed",
    "needs_response": "needs_response",
    "under_review": "under_review",
    "won": "won",
    "lost": "lost",
}
# What Stripe's documentation has one write to order a decision in test mode.
ORDERED: dict[str, Literal["won", "lost", "escalated"]] = {
    "winning_evidence": "won",
    "losing_evidence": "lost",
    "escalate_inquiry_evidence": "escalated",
}
LONGEST_TEXT = 20_000
NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1"}


def render(work: Work, dispute: Dispute) -> Json:
    """Return the dispute as Stripe shows it."""
    inquiry = dispute.status in disputes.INQUIRIES
    return filled(
        stripe.Dispute,
        id=dispute.id,
        object="dispute",
        created=dispute.created,
        livemode=False,
        amount=dispute.amount,
        balance_transactions=[balance.render(work, work.get(Movement, each)) for each in dispute.movements],
        charge=dispute.attempt,
        currency=dispute.currency,
        enhanced_eligibility_types=[],
        evidence=filled(
            stripe.Dispute.Evidence, **{"enhanced_evidence": {}, **dispute.evidence, "appeal": None}
        ),
        evidence_details=_details(work, dispute),
        is_charge_refundable=inquiry,
        metadata=dispute.metadata,
        network_reason_code=NETWORK_CODES.get(dispute.reason),
        payment_intent=dispute.payment,
        payment_method_details=_method(work, dispute),
        reason=dispute.reason,
        status=STATUS[dispute.status],
    )


def _details(work: Work, dispute: Dispute) -> Json:
    return filled(
        stripe.Dispute.EvidenceDetails,
        due_by=dispute.due,
        enhanced_eligibility={},
        has_evidence=bool(dispute.evidence),
        past_due=work.now > dispute.due,
        submission_count=dispute.submissions,
        submission_method="manual" if dispute.submissions else "not_submitted",
    )


def _method(work: Work, dispute: Dispute) -> Json | None:
    method = work.get(Method, work.get(Attempt, dispute.attempt).method)
    if method.card is None:
        return None
    card = filled(
        stripe.Dispute.PaymentMethodDetails.Card,
        brand=_brand(method),
        case_type="inquiry" if dispute.status in disputes.INQUIRIES else "chargeback",
        network=_brand(method),
        network_reason_code=NETWORK_CODES.get(dispute.reason),
    )
    return {"card": card, "type": "card"}


def _brand(method: Method) -> Any:
    return getattr(method.behaviour, "brand", None)


def retrieve(call: Call) -> Json:
    """Return one dispute."""
    return render(call.work, call.work.get(Dispute, call.id))


def update(call: Call) -> Json:
    """Keep evidence, and hand it in unless `submit` is false; what is handed in is decided by its text."""
    dispute = call.work.get(Dispute, call.id)
    dispute.metadata = call.metadata(dispute.metadata)
    given = {name: value for name, value in (call.get("evidence") or {}).items() if value != ""}
    if given and dispute.status not in ("inquiry", "needs_response"):
        raise _not_now(dispute)
    for name, value in given.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise invalid(f"Invalid string: must be at most {LONGEST_TEXT} characters", f"evidence[{name}]")
    dispute.evidence |= given
    dispute.outcome = ORDERED.get(str(dispute.evidence.get("uncategorized_text")), dispute.outcome)
    call.work.save(dispute)
    if given and call.get("submit", True):
        disputes.submit(call.work, dispute)
    elif given:
        call.work.tell("dispute.updated", dispute)
    return render(call.work, dispute)


def close(call: Call) -> Json:
    """Accept a dispute."""
    dispute = call.work.get(Dispute, call.id)
    try:
        disputes.accept(call.work, dispute)
    except Decided:
        raise _not_now(dispute) from None
    return render(call.work, dispute)


def list_all(call: Call) -> Json:
    """List disputes, of one charge or payment intent if asked."""
    charge = call.get("charge")
    where = [("parent = ?", charge)] if charge is not None else []
    return listing.listed(
        call, Dispute, render, "/v1/disputes", [*where, *listing.about("payment", call.get("payment_intent"))]
    )


def _not_now(dispute: Dispute) -> StripeError:
    message = f"This dispute ({dispute.id}) is {STATUS[dispute.status]} and can no longer be changed."
    return StripeError(400, message, saved=True)
