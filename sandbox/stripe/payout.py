"""Payouts to a bank in Stripe's words, of the platform or of a connected account."""

import stripe

from sandbox import payout as payouts
from sandbox.payee import Payee, Purse
from sandbox.payout import ARRIVES_AFTER_SECONDS, OnItsWay, Payout
from sandbox.record import Json
from sandbox.stripe import listing
from sandbox.stripe.account import GOOD_BANK, bank_id
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, invalid, unplayed
from sandbox.stripe.money import check_currency
from sandbox.stripe.transfer import insufficient
from sandbox.transfer import TooLittle
from sandbox.work import Work

STATUS: dict[payouts.Status, str] = {
    "pending": "pending",
    "in_transit": "in_transit",
    "paid": "paid",
    "failed": "failed",
    "cancelled": "canceled",
}
WHY = {
    "no_account": "The bank account could not be located.",
    "account_closed": "The bank account is closed.",
}
UNPLAYED = ("destination", "payout_method")


def render(work: Work, payout: Payout) -> Json:
    """Return the payout as Stripe shows it."""
    return filled(
        stripe.Payout,
        id=payout.id,
        object="payout",
        created=payout.created,
        livemode=False,
        amount=payout.amount,
        arrival_date=payout.arrives,
        automatic=False,
        balance_transaction=payout.movement,
        currency=payout.currency,
        description=payout.description,
        destination=bank_id(work, payout.account),
        failure_balance_transaction=payout.failure_movement,
        failure_code=payout.failure,
        failure_message=WHY.get(payout.failure or ""),
        metadata=payout.metadata,
        method="standard",
        reconciliation_status="not_applicable",
        source_type="card",
        statement_descriptor=payout.statement,
        status=STATUS[payout.status],
        type="bank_account",
    )


def create(call: Call) -> Json:
    """Send money to the one bank account."""
    for name in UNPLAYED:
        if name in call.params:
            raise unplayed(name)
    amount = call.params["amount"]
    if amount < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    payout = Payout(
        id=call.work.new_id("payout"),
        account=call.work.account.id,
        created=call.work.now,
        amount=amount,
        currency=check_currency(call.params["currency"]),
        bank=_bank(call.work),
        arrives=call.work.now + ARRIVES_AFTER_SECONDS,
        description=call.get("description"),
        statement=call.get("statement_descriptor"),
        metadata=call.metadata(),
    )
    try:
        return render(call.work, payouts.send(call.work, payout))
    except TooLittle:
        raise insufficient() from None


def _bank(work: Work) -> str:
    account = work.account
    if not isinstance(account, Purse):
        return GOOD_BANK
    bank = work.store.get(Payee, account.root.id, account.id).bank
    if bank is None:
        raise StripeError(400, "Sorry, you don't have any external accounts in that currency.")
    return bank


def retrieve(call: Call) -> Json:
    """Return one payout."""
    return render(call.work, call.work.get(Payout, call.id))


def update(call: Call) -> Json:
    """Change a payout's metadata."""
    payout = call.work.get(Payout, call.id)
    payout.metadata = call.metadata(payout.metadata)
    call.work.save(payout)
    return render(call.work, payout)


def cancel(call: Call) -> Json:
    """Keep a payout that has not left."""
    payout = call.work.get(Payout, call.id)
    try:
        return render(call.work, payouts.cancel(call.work, payout))
    except OnItsWay:
        raise StripeError(400, "Only pending payouts can be canceled.", saved=True) from None


def list_all(call: Call) -> Json:
    """List payouts, of one status if asked."""
    status = {shown: own for own, shown in STATUS.items()}.get(call.get("status"), call.get("status"))
    return listing.listed(call, Payout, render, "/v1/payouts", listing.about("status", status))
