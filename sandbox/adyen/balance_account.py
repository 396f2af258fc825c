"""Balance accounts of others on the merchant's platform, in the words of the Configuration API v2.

Whose they are is not played: any name of an account holder will do.
"""

from datetime import UTC, datetime

from sandbox import ledger
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import AdyenError
from sandbox.payee import Payee, purse
from sandbox.record import Json, NotFound
from sandbox.work import Work

KEPT = ("accountHolderId", "description", "reference")


def create(call: Call) -> Reply:
    """Open a balance account."""
    work, params = call.work, call.params
    payee = Payee(
        id=work.new_id("payee"),
        account=work.account.id,
        created=work.now,
        country="NL",
        currency=params.get("defaultCurrencyCode", "EUR"),
        metadata=params.get("metadata", {}),
        about={name: params[name] for name in KEPT if name in params},
    )
    work.add(payee)
    return Reply(shown(work, payee))


def retrieve(call: Call) -> Reply:
    """Tell of a balance account and what is in it."""
    return Reply(shown(call.work, found(call.work, call.id)))


def found(work: Work, account_id: str) -> Payee:
    """Return a balance account, or raise as Adyen does for nobody's."""
    try:
        return work.get(Payee, account_id)
    except NotFound:
        raise AdyenError(422, "30_011", "The balance account was not found.") from None


def shown(work: Work, payee: Payee) -> Json:
    """Return a balance account as Adyen shows it."""
    with purse(work, payee.id) as there:
        totals = ledger.balances(there)
    balances = [
        {
            "currency": currency,
            "available": total["available"],
            "balance": total["available"] + total["pending"],
            "pending": total["pending"],
            "reserved": 0,
        }
        for currency, total in totals.items()
    ]
    return {
        **payee.about,
        "id": payee.id,
        "balances": balances,
        "defaultCurrencyCode": payee.currency,
        "metadata": payee.metadata,
        "status": "active",
        "timeZone": "Europe/Amsterdam",
        "created": datetime.fromtimestamp(payee.created, UTC).isoformat(),
    }
