"""What PayPal holds for a merchant, and the statement of it: every movement with its transaction event code.

Source: PayPal, "Transaction Search v1" and "Transaction event codes".
"""

from collections.abc import Mapping

from sandbox import ledger
from sandbox.checkout import Checkout
from sandbox.ledger import Movement, MovementType
from sandbox.payment import Attempt
from sandbox.paypal import amount, money, query
from sandbox.paypal.call import Call, instant, link, without_empty
from sandbox.paypal.error import invalid
from sandbox.record import Json, NotFound
from sandbox.refund import Refund
from sandbox.work import Work

BALANCES, TRANSACTIONS = "/v1/reporting/balances", "/v1/reporting/transactions"
MOST_SECONDS = 31 * 24 * 3600
CODES: Mapping[MovementType, str] = {
    "charge": "T0006",
    "payment": "T0006",
    "refund": "T1107",
    "payment_refund": "T1107",
    "refund_failure": "T1100",
    "capture_failure": "T1106",
    "dispute": "T1201",
    "dispute_reversal": "T1202",
    "transfer": "T0001",
    "transfer_reversal": "T1115",
    "payout": "T0400",
    "payout_failure": "T1100",
}
_KNOWN = frozenset(
    {
        *("start_date", "end_date", "transaction_id", "transaction_currency", "fields", "page", "page_size"),
        "balance_affecting_records_only",
    }
)


def balances(call: Call) -> Json:
    """Return what is held per currency; PayPal's money can be used as soon as it is there."""
    query.check_names(call.query, frozenset({"currency_code", "as_of_time"}))
    wanted = call.query.get("currency_code", "ALL")
    held = ledger.balances(call.work)
    return {
        "balances": [
            _balance(total["available"] + total["pending"], currency, primary=position == 0)
            for position, (currency, total) in enumerate(held.items())
            if wanted in ("ALL", currency)
        ],
        "account_id": call.work.account.id,
        "as_of_time": instant(call.work.now),
        "last_refresh_time": instant(call.work.now),
    }


def _balance(total: int, currency: str, *, primary: bool) -> Json:
    return {
        "currency": currency,
        "primary": primary,
        "total_balance": amount.shown(total, currency),
        "available_balance": amount.shown(total, currency),
        "withheld_balance": amount.shown(0, currency),
    }


def transactions(call: Call) -> Json:
    """Return a page of the statement, the oldest movement first."""
    work, asked = call.work, call.query
    query.check_names(asked, _KNOWN)
    since, until = query.seconds(asked, "start_date"), query.seconds(asked, "end_date")
    if not since <= until <= since + MOST_SECONDS:
        text = "The dates are more than 31 days apart, or the end is before the start."
        raise invalid("INVALID_DATE_RANGE", text, "end_date", "query")
    if asked.get("fields", "transaction_info") not in ("transaction_info", "all"):
        raise query.wrong("fields")
    page, size = query.count(asked, "page", 1, 10**8), query.count(asked, "page_size", 100, 500)
    found = [
        shown
        for each in work.store.all(Movement, work.account.id)
        if since <= each.created <= until
        for shown in [_shown(work, each)]
        if asked.get("transaction_id", shown["transaction_id"]) == shown["transaction_id"]
        and asked.get("transaction_currency", each.currency) == each.currency
    ]
    pages = max(1, -(-len(found) // size))
    if page > pages:
        raise query.wrong("page")
    return {
        "transaction_details": [
            {"transaction_info": each} for each in found[(page - 1) * size : page * size]
        ],
        "account_number": work.account.id,
        "start_date": asked["start_date"],
        "end_date": asked["end_date"],
        "last_refreshed_datetime": instant(work.now),
        "page": page,
        "total_items": len(found),
        "total_pages": pages,
        "links": [link(work, TRANSACTIONS, "self")],
    }


def _shown(work: Work, movement: Movement) -> Json:
    """Return a movement as PayPal lists it: what is kept of it has the other sign."""
    own, about, order = _about(work, movement)
    unit = {} if order is None else order.about["unit"]
    return without_empty(
        paypal_account_id=work.account.id,
        transaction_id=own,
        paypal_reference_id=about,
        paypal_reference_id_type=None if about is None else "TXN",
        transaction_event_code=CODES[movement.type],
        transaction_initiation_date=instant(movement.created),
        transaction_updated_date=instant(movement.created),
        transaction_amount=amount.shown(movement.amount, movement.currency),
        fee_amount=amount.shown(-movement.fee, movement.currency) if movement.fee else None,
        transaction_status="S",
        invoice_id=unit.get("invoice_id"),
        custom_field=unit.get("custom_id"),
    )


def _about(work: Work, movement: Movement) -> tuple[str, str | None, Checkout | None]:
    """Return the transaction's id, what it refers to, and the order it goes back to."""
    try:
        if movement.type in ("charge", "payment", "capture_failure"):
            attempt = work.get(Attempt, movement.source)
            taken, order = money.capture_of(work, attempt).id, money.order_of(work, attempt)
            return (movement.id, taken, order) if movement.type == "capture_failure" else (taken, None, order)
        if movement.type in ("refund", "payment_refund", "refund_failure"):
            attempt = work.get(Attempt, work.get(Refund, movement.source).attempt)
            taken, order = money.capture_of(work, attempt).id, money.order_of(work, attempt)
            failed = movement.type == "refund_failure"
            return movement.id if failed else movement.source, movement.source if failed else taken, order
    except NotFound:
        pass
    return movement.id, movement.source, None
