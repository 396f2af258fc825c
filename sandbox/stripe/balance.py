"""The account's balance and its statement in Stripe's words."""

import stripe

from sandbox import ledger
from sandbox.ledger import Movement
from sandbox.record import Json
from sandbox.stripe import listing
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.work import Work

CATEGORY = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
}


def render(work: Work, movement: Movement) -> Json:
    """Return one line of the statement."""
    fees = (
        [
            {
                "amount": movement.fee,
                "application": None,
                "currency": movement.currency,
                "description": "Stripe processing fees",
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
        reporting_category=CATEGORY[movement.type],
        source=movement.source,
        type=movement.type,
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
        *listing.about("type", call.get("type")),
        *listing.about("source", call.get("source")),
        *listing.about("currency", call.get("currency")),
    ]
    return listing.listed(call, Movement, render, "/v1/balance_transactions", where)
