"""The account's balance and its statement in Stripe's words."""

import json

import stripe

from sandbox import ledger
from sandbox.ledger import Movement
from sandbox.record import Json
from sandbox.stripe import listing
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.work import Work

# Of each movement what Stripe calls its type, and how its reports sort it.
TYPE: dict[ledger.MovementType, tuple[str, str]] = {
    "charge": ("charge", "charge"),
    "payment": ("payment", "charge"),
    "refund": ("refund", "refund"),
    "payment_refund": ("payment_refund", "refund"),
    "refund_failure": ("refund_failure", "refund_failure"),
    "capture_failure": ("adjustment", "other_adjustment"),
    "dispute": ("adjustment", "dispute"),
    "dispute_reversal": ("adjustment", "dispute_reversal"),
    "transfer": ("transfer", "transfer"),
    "transfer_reversal": ("transfer_refund", "transfer_reversal"),
    "transfer_in": ("payment", "charge"),
    "payout": ("payout", "payout"),
    "payout_failure": ("payout_failure", "payout_reversal"),
}
FEES = {"dispute": "Dispute fee", "dispute_reversal": "Dispute fee refund"}


def render(work: Work, movement: Movement) -> Json:
    """Return one line of the statement."""
    line_type, category = TYPE[movement.type]
    fees = (
        [
            {
                "amount": movement.fee,
                "application": None,
                "currency": movement.currency,
                "description": FEES.get(movement.type, "Stripe processing fees"),
                "type": "stripe_fee",
            }
        ]
        if movement.fee
        else []
    )
    return filled(
        stripe.BalanceTransaction,
        id=movement.id,
        object="balance_transaction",
        created=movement.created,
        amount=movement.amount,
        available_on=movement.available_on,
        balance_type="payments",
        currency=movement.currency,
        fee=movement.fee,
        fee_details=fees,
        net=movement.net,
        reporting_category=category,
        source=movement.source,
        type=line_type,
        status="available" if movement.available_on <= work.now else "pending",
    )


def retrieve(call: Call) -> Json:
    """Return what is available and what is pending, per currency."""
    totals = ledger.balances(call.work) or {"usd": {"available": 0, "pending": 0}}
    shown = {
        state: [
            {"amount": total[state], "currency": currency, "source_types": {"card": total[state]}}
            for currency, total in sorted(totals.items())
        ]
        for state in ("available", "pending")
    }
    return filled(stripe.Balance, object="balance", livemode=False, **shown)


def retrieve_transaction(call: Call) -> Json:
    """Return one line of the statement."""
    return render(call.work, call.work.get(Movement, call.id))


def list_transactions(call: Call) -> Json:
    """List the statement, by type, source or currency if asked."""
    where = [
        *_typed(call.get("type")),
        *listing.about("source", call.get("source")),
        *listing.about("currency", call.get("currency")),
    ]
    return listing.listed(call, Movement, render, "/v1/balance_transactions", where)


def _typed(line_type: str | None) -> list[tuple[str, object]]:
    if line_type is None:
        return []
    kinds = [kind for kind, (shown, _) in TYPE.items() if shown == line_type]
    return [("json_extract(body, '$.type') IN (SELECT value FROM json_each(?))", json.dumps(kinds))]
