"""Transfers out of a balance account of the platform to a bank (Transfers API v4), and what is told of them.

Any transfer instrument will do, as whose it is is not played; those whose name ends in the number of a test
bank account that takes nothing send the money back. Source: Adyen, "Transfers API", "Payout webhooks".
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from sandbox import payout as payouts
from sandbox.adyen import balance_account, money
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import AdyenError, invalid, missing
from sandbox.payee import Payee, purse
from sandbox.payout import ARRIVES_AFTER_SECONDS, REFUSING, Payout
from sandbox.record import Json, NotFound
from sandbox.transfer import TooLittle
from sandbox.work import Work

INSTRUMENT = re.compile(r"SE[0-9A-Z]{20,24}")
CREATED, UPDATED = "balancePlatform.transfer.created", "balancePlatform.transfer.updated"
HAPPENINGS = {
    "payout.created": CREATED,
    "payout.updated": UPDATED,
    "payout.paid": UPDATED,
    "payout.failed": UPDATED,
}
STATUSES = {
    "pending": "received",
    "in_transit": "authorised",
    "paid": "booked",
    "failed": "failed",
    "cancelled": "cancelled",
}
NO_FUNDS = "notEnoughBalance"
REASONS = {"no_account": "counterpartyAccountNotFound", "account_closed": "counterpartyAccountClosed"}
LISTED = 10


def create(call: Call) -> Reply:
    """Send money to a bank; where there is too little of it, the transfer is there and refused."""
    work, params = call.work, call.params
    value, currency = money.checked(params["amount"])
    instrument = _instrument(params)
    payee = balance_account.found(work, params["balanceAccountId"])
    with purse(work, payee.id) as there:
        payout = Payout(
            id=there.new_id("payout"),
            account=payee.id,
            created=work.now,
            amount=value,
            currency=currency,
            bank=next((number for number in REFUSING if instrument.endswith(number)), instrument),
            arrives=work.now + ARRIVES_AFTER_SECONDS,
            description=params.get("description"),
            metadata={
                "instrument": instrument,
                "priority": params["priority"],
                "reference": params.get("reference") or work.secret("reference", payee.id, str(work.now)),
            },
        )
        try:
            payouts.send(there, payout)
        except TooLittle:
            payout.status, payout.failure = "failed", NO_FUNDS
            there.add(payout)
            there.tell("payout.created", payout)
    return Reply(shown(payee, payout), 202)


def retrieve(call: Call) -> Reply:
    """Tell how a transfer stands."""
    owner = call.work.store.owner(Payout, call.id)
    try:
        payee = call.work.get(Payee, owner or "")
    except NotFound:
        raise AdyenError(404, "30_112", "The transfer was not found.") from None
    with purse(call.work, payee.id) as there:
        return Reply(shown(payee, there.get(Payout, call.id)))


def list_all(call: Call) -> Reply:
    """List what left a balance account in some time, the newest first, of one reference if asked."""
    params = call.params
    payee = balance_account.found(call.work, params["balanceAccountId"])
    since, until = (_instant(params, name) for name in ("createdSince", "createdUntil"))
    with purse(call.work, payee.id) as there:
        found = [
            each
            for each in reversed(there.store.all(Payout, payee.id))
            if since <= each.created <= until
            and params.get("reference") in (None, each.metadata["reference"])
        ]
        return Reply({"data": [shown(payee, each) for each in found[: _limit(params)]]})


def events(work: Work, happening: str, payout: Payout) -> Iterable[tuple[str, Json]]:
    """Return what is told of a happening: a payout as it stands, in a platform's words."""
    if happening in HAPPENINGS:
        kind, payee = HAPPENINGS[happening], work.store.get(Payee, work.account.root.id, payout.account)
        at = datetime.fromtimestamp(work.now, UTC).isoformat()
        data = {**shown(payee, payout), "balancePlatform": "Sandbox", "updatedAt": at}
        yield kind, {"data": data, "environment": "test", "timestamp": at, "type": kind}


def is_told(event_type: str) -> bool:
    """Return whether a platform is told of this, one by one."""
    return event_type in (CREATED, UPDATED)


def is_one(body: bytes) -> bool:
    """Return whether a text is what a platform is told, not an item of notifications."""
    return is_told(str(json.loads(body).get("type")))


def shown(payee: Payee, payout: Payout) -> Json:
    """Return a transfer as Adyen shows it."""
    refused = payout.failure == NO_FUNDS
    came_back = payout.status == "failed" and payout.failed_after == "paid"
    status = "refused" if refused else "returned" if came_back else STATUSES[payout.status]
    reason = NO_FUNDS if refused else REASONS.get(payout.failure or "", "approved")
    return {
        "id": payout.id,
        "accountHolder": {"id": payee.about.get("accountHolderId", "")},
        "amount": {"currency": payout.currency, "value": payout.amount},
        "balanceAccount": {"id": payee.id},
        "category": "bank",
        "categoryData": {"priority": payout.metadata["priority"], "type": "bank"},
        "counterparty": {"transferInstrumentId": payout.metadata["instrument"]},
        "creationDate": datetime.fromtimestamp(payout.created, UTC).isoformat(),
        **({"description": payout.description} if payout.description else {}),
        "direction": "outgoing",
        "reason": reason,
        "reference": payout.metadata["reference"],
        "sequenceNumber": _SEQUENCE.index(status) + 1,
        "status": status,
        "tracking": {
            "estimatedArrivalTime": datetime.fromtimestamp(payout.arrives, UTC).isoformat(),
            "type": "estimation",
        },
        "type": "bankTransfer",
    }


_SEQUENCE = ("received", "authorised", "booked", "refused", "failed", "returned", "cancelled")


def _instrument(params: Json) -> str:
    if params["category"] != "bank":
        raise invalid("30_081", "The sandbox plays transfers to banks alone.")
    for name in ("balanceAccountId", "priority"):
        if name not in params:
            raise missing(name)
    counterparty = params["counterparty"]
    if set(counterparty) != {"transferInstrumentId"}:
        raise invalid("30_082", "The sandbox plays transfer instruments alone.")
    instrument = str(counterparty["transferInstrumentId"])
    if not INSTRUMENT.fullmatch(instrument):
        raise invalid("30_083", "The transfer instrument was not found.")
    return instrument


def _instant(params: Json, name: str) -> float:
    try:
        at = datetime.fromisoformat(params[name])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise invalid("30_084", f"Field '{name}' is not a valid date and time with an offset.")
    return at.timestamp()


def _limit(params: Json) -> int:
    limit = params.get("limit", str(LISTED))
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit) <= 100):
        raise invalid("30_085", "Field 'limit' is not a number from 1 to 100.")
    return int(limit)
