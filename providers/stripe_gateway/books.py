"""Stripe's balance, and the balance transactions that make it up."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import Any
from uuid import UUID

from stripe import V1Services

from domain.ids import PaymentId
from providers.books import Balance, Line, LineKind, Lines
from providers.stripe_gateway.amount import from_stripe
from providers.stripe_gateway.call import PAGE, Call
from providers.stripe_gateway.fact import Json, id_of, instant

# By `reporting_category`, which Stripe keeps while the types of transactions multiply.
KINDS = {
    "charge": LineKind.CHARGE,
    "charge_failure": LineKind.CHARGE_FAILURE,
    "partial_capture_reversal": LineKind.CHARGE_FAILURE,
    "refund": LineKind.REFUND,
    "refund_failure": LineKind.REFUND_FAILURE,
    "dispute": LineKind.DISPUTE,
    "dispute_reversal": LineKind.DISPUTE_REVERSAL,
    "fee": LineKind.FEE,
    "network_cost": LineKind.FEE,
    "transfer": LineKind.TRANSFER,
    "transfer_reversal": LineKind.TRANSFER_REVERSAL,
    "payout": LineKind.PAYOUT,
    "payout_reversal": LineKind.PAYOUT_FAILURE,
    "other_adjustment": LineKind.ADJUSTMENT,
    "risk_reserved_funds": LineKind.ADJUSTMENT,
    "topup": LineKind.ADJUSTMENT,
    "topup_reversal": LineKind.ADJUSTMENT,
}


class StripeBooks:
    """The books of one account; `call` waits for Stripe's answer, in the gateway's words."""

    def __init__(self, stripe: V1Services, call: Call) -> None:
        self._stripe, self._call = stripe, call

    async def balances(self) -> Sequence[Balance]:
        """Tell what is available and what is pending, per currency."""
        balance = await self._call("balances", self._stripe.balance.retrieve_async())
        sums = {each["currency"]: {"available": 0, "pending": 0} for each in balance["available"]}
        for part in ("available", "pending"):
            for each in balance[part]:
                sums.setdefault(each["currency"], {"available": 0, "pending": 0})[part] += each["amount"]
        return [
            Balance(
                available=from_stripe(held["available"], currency),
                pending=from_stripe(held["pending"], currency),
            )
            for currency, held in sums.items()
        ]

    async def lines(self, since: datetime, until: datetime, *, more: str | None = None) -> Lines:
        """Give a page of balance transactions; a partial capture shows as two of one charge."""
        params: Any = {
            "created": {"gte": ceil(since.timestamp()), "lt": ceil(until.timestamp())},
            "limit": PAGE,
            "expand": ["data.source"],
        }
        if more is not None:
            params["starting_after"] = more
        page = await self._call("lines", self._stripe.balance_transactions.list_async(params))
        lines = tuple(_line(each) for each in page["data"])
        return Lines(lines=lines, more=lines[-1].reference if page["has_more"] else None)


def _line(line: Json) -> Line:
    currency, source = line["currency"], line.get("source")
    return Line(
        reference=line["id"],
        kind=KINDS.get(line["reporting_category"], LineKind.UNKNOWN),
        gross=from_stripe(line["amount"], currency),
        fee=from_stripe(line["fee"], currency),
        net=from_stripe(line["net"], currency),
        occurred_at=instant(line["created"]),
        source=id_of(source) or None,
        payment_id=_payment(source),
        available_on=instant(line["available_on"]),
    )


def _payment(source: Any) -> PaymentId | None:
    """Read our payment's id from a charge's label; a refund or dispute carries labels of its own."""
    try:
        return PaymentId(UUID(source["metadata"]["payment_id"]))
    except (KeyError, TypeError, ValueError):
        return None
