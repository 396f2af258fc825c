"""Charges: each try to pay a payment intent, as Stripe shows it."""

from datetime import UTC, datetime

from stripe import Charge

from sandbox.bank import BankAccount
from sandbox.card import Card
from sandbox.dispute import Dispute
from sandbox.later import Later
from sandbox.payment import Attempt, Method, Payment
from sandbox.record import Json
from sandbox.stripe import listing, payment_method
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.work import Work


def render(work: Work, attempt: Attempt) -> Json:
    """Return the charge of a try."""
    payment, method = work.get(Payment, attempt.payment), work.get(Method, attempt.method)
    about, decline, paid = payment.about, attempt.decline or {}, attempt.status == "succeeded"
    pending = attempt.status == "pending"
    refunded = attempt.amount if attempt.released else attempt.refunded
    return filled(
        Charge,
        id=attempt.id,
        object="charge",
        created=attempt.created,
        livemode=False,
        amount=attempt.amount,
        amount_captured=attempt.amount if pending else attempt.captured,
        amount_refunded=refunded,
        balance_transaction=attempt.movement,
        billing_details=payment_method.billing(method),
        calculated_statement_descriptor="SANDBOX",
        captured=pending or attempt.captured > 0,
        currency=attempt.currency,
        customer=about.get("customer"),
        description=about.get("description"),
        disputed=bool(work.store.children(Dispute, attempt.id)),
        failure_code=decline.get("code"),
        failure_message=decline.get("message"),
        fraud_details={},
        metadata=payment.metadata,
        outcome=_outcome(attempt, method),
        paid=paid,
        payment_intent=payment.id,
        payment_method=method.id,
        payment_method_details=_details(work, attempt, method),
        receipt_email=about.get("receipt_email"),
        refunded=0 < (attempt.captured or attempt.amount) == refunded,
        shipping=about.get("shipping"),
        statement_descriptor=about.get("statement_descriptor"),
        statement_descriptor_suffix=about.get("statement_descriptor_suffix"),
        status=attempt.status,
        transfer_group=about.get("transfer_group"),
    )


def _details(work: Work, attempt: Attempt, method: Method) -> Json:
    means = method.behaviour
    if isinstance(means, BankAccount):
        return {"sepa_debit": _account(work, attempt, method, means), "type": "sepa_debit"}
    if isinstance(means, Later):
        return _later(work, attempt, means)
    return {"card": _card(work, attempt, method, means), "type": "card"}


def _later(work: Work, attempt: Attempt, plan: Later) -> Json:
    if plan.name == "klarna":
        shown = filled(
            Charge.PaymentMethodDetails.Klarna, payment_method_category="pay_later", preferred_locale="en-US"
        )
        return {"klarna": shown, "type": "klarna"}
    shown = filled(
        Charge.PaymentMethodDetails.AfterpayClearpay, order_id=work.secret("order", attempt.id, length=12)
    )
    return {"afterpay_clearpay": shown, "type": "afterpay_clearpay"}


def _account(work: Work, attempt: Attempt, method: Method, account: BankAccount) -> Json:
    due = datetime.fromtimestamp(attempt.collects_at or attempt.created, UTC)
    return filled(
        Charge.PaymentMethodDetails.SepaDebit,
        bank_code=account.bank_code,
        branch_code="",
        country=account.country,
        expected_debit_date=due.date().isoformat(),
        fingerprint=payment_method.fingerprint(work, method),
        last4=account.last4,
        mandate=f"mandate_{work.secret('mandate', attempt.id, length=24)}",
    )


def _card(work: Work, attempt: Attempt, method: Method, card: Card) -> Json:
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    secured = {"authentication_flow": "challenge", "result": "authenticated", "version": "2.2.0"}
    return filled(
        Charge.PaymentMethodDetails.Card,
        amount_authorized=attempt.amount if attempt.authorized else None,
        brand=card.brand,
        capture_before=attempt.hold_ends,
        checks=checks,
        country="US",
        exp_month=payment_method.EXPIRY_MONTH,
        exp_year=payment_method.EXPIRY_YEAR,
        extended_authorization={"status": "disabled"},
        fingerprint=payment_method.fingerprint(work, method),
        funding="credit",
        incremental_authorization={"status": "unavailable"},
        last4=card.last4,
        multicapture={"status": "unavailable"},
        network=card.brand,
        overcapture={"maximum_amount_capturable": attempt.amount, "status": "unavailable"},
        three_d_secure=secured if attempt.challenged else None,
    )


def _outcome(attempt: Attempt, method: Method) -> Json:
    blocked = method.behaviour.name in ("radarBlock", "riskLevelHighest")
    if attempt.status == "pending":
        return filled(
            Charge.Outcome,
            network_status="approved_by_network",
            type="authorized",
            risk_level="not_assessed",
            seller_message="Payment complete.",
        )
    if attempt.status == "succeeded":
        elevated = method.behaviour.name == "riskLevelElevated"
        return filled(
            Charge.Outcome,
            network_status="approved_by_network",
            type="authorized",
            risk_level="elevated" if elevated else "normal",
            risk_score=70 if elevated else 20,
            seller_message="Payment complete.",
        )
    return filled(
        Charge.Outcome,
        network_status="not_sent_to_network" if blocked else "declined_by_network",
        type="blocked" if blocked else "issuer_declined",
        risk_level="highest" if blocked else "normal",
        risk_score=95 if blocked else 20,
        reason="highest_risk_level" if blocked else (attempt.decline or {}).get("reason"),
        seller_message="Stripe blocked this payment." if blocked else "The bank did not accept this payment.",
    )


def retrieve(call: Call) -> Json:
    """Return one charge."""
    return render(call.work, call.work.get(Attempt, call.id))


def list_all(call: Call) -> Json:
    """List charges, of one payment intent if asked."""
    intent = call.get("payment_intent")
    return listing.listed(
        call, Attempt, render, "/v1/charges", [] if intent is None else [("parent = ?", intent)]
    )
