"""Refunds in Stripe's words."""

import stripe

from sandbox import refund as refunds
from sandbox.payment import Attempt, Method, MethodType, Payment
from sandbox.record import Json, NotFound
from sandbox.refund import Refund
from sandbox.stripe import listing, money
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import conflict, invalid, missing, no_such, unplayed
from sandbox.work import Work

STATUS = {"pending": "pending", "succeeded": "succeeded", "failed": "failed", "cancelled": "canceled"}
UNPLAYED = ("origin", "refund_application_fee", "reverse_transfer")


CARD_DETAILS = {
    "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
    "type": "card",
}
BANK_DETAILS = {"eu_bank_transfer": {"reference": None, "reference_status": None}, "type": "eu_bank_transfer"}

DESTINATIONS: dict[MethodType, Json] = {
    "card": CARD_DETAILS,
    "debit": BANK_DETAILS,
    "klarna": {"klarna": {"reference": None, "reference_status": None}, "type": "klarna"},
    "afterpay": {"afterpay_clearpay": {}, "type": "afterpay_clearpay"},
}


def render(work: Work, refund: Refund) -> Json:
    """Return the refund as Stripe shows it."""
    method = work.get(Method, work.get(Attempt, refund.attempt).method)
    return filled(
        stripe.Refund,
        id=refund.id,
        object="refund",
        created=refund.created,
        amount=refund.amount,
        currency=refund.currency,
        charge=refund.attempt,
        payment_intent=refund.payment,
        status=STATUS[refund.status],
        reason=refund.reason,
        metadata=refund.metadata,
        balance_transaction=refund.movement,
        failure_balance_transaction=refund.failure_movement,
        failure_reason=refund.failure,
        pending_reason="processing" if refund.status == "pending" else None,
        destination_details=DESTINATIONS[method.type],
        instructions_email=refund.about.get("instructions_email"),
    )


def create(call: Call) -> Json:
    """Send money back."""
    for name in UNPLAYED:
        if name in call.params:
            raise unplayed(name)
    payment = _payment(call)
    if payment.captured == 0 or payment.attempt is None:
        raise conflict(
            f"This PaymentIntent ({payment.id}) does not have a successful charge to refund.",
            "payment_intent_unexpected_state",
            param="payment_intent",
        )
    left = payment.left
    if left == 0 and payment.disputed:
        raise conflict(f"Charge {payment.attempt} has been charged back.", "charge_disputed")
    if left == 0:
        raise conflict(f"Charge {payment.attempt} has already been refunded.", "charge_already_refunded")
    amount = call.get("amount", left)
    if amount < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    if amount > left:
        raise invalid(
            f"Refund amount ({money.shown(amount, payment.currency)}) is greater than unrefunded amount on "
            f"charge ({money.shown(left, payment.currency)})",
            "amount",
        )
    refund = refunds.create(
        call.work,
        payment,
        amount,
        reason=call.get("reason"),
        metadata=call.metadata(),
        about={"instructions_email": call.get("instructions_email")},
    )
    return render(call.work, refund)


def _payment(call: Call) -> Payment:
    charge, intent = call.get("charge"), call.get("payment_intent")
    if charge is None and intent is None:
        raise missing("payment_intent")
    try:
        attempt = None if charge is None else call.work.get(Attempt, charge)
        payment = call.work.get(Payment, intent or (attempt.payment if attempt else ""))
    except NotFound as error:
        name = "charge" if error.kind == "attempt" else "payment_intent"
        raise no_such(name, error.record_id, name) from None
    if attempt is not None and attempt.payment != payment.id:
        raise invalid("The charge does not belong to the payment_intent.", "charge")
    if attempt is not None and attempt.id != payment.attempt:
        raise conflict(f"Charge {attempt.id} failed and cannot be refunded.", "charge_not_refundable")
    return payment


def retrieve(call: Call) -> Json:
    """Return one refund."""
    return render(call.work, call.work.get(Refund, call.id))


def update(call: Call) -> Json:
    """Change a refund's metadata."""
    refund = call.work.get(Refund, call.id)
    refund.metadata = call.metadata(refund.metadata)
    call.work.save(refund)
    return render(call.work, refund)


def cancel(call: Call) -> Json:
    """Stop a refund that has not gone out."""
    refund = call.work.get(Refund, call.id)
    if refund.status != "pending":
        raise conflict(
            f"Refund {refund.id} cannot be canceled because it is {STATUS[refund.status]}.",
            "resource_conflict",
        )
    refunds.cancel(call.work, refund)
    return render(call.work, refund)


def list_all(call: Call) -> Json:
    """List refunds, of one charge or payment intent if asked."""
    charge = call.get("charge")
    where = [("parent = ?", charge)] if charge is not None else []
    return listing.listed(
        call, Refund, render, "/v1/refunds", [*where, *listing.about("payment", call.get("payment_intent"))]
    )
