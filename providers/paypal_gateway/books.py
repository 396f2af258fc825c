"""PayPal's balance, and the transactions that make it up.

A search covers 31 days at most and comes oldest first, so it is read from its last page, and what is longer
month by month. PayPal lists a transaction up to three hours after it happened.
Source: PayPal, "Transaction Search v1" and "Transaction event codes".
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from domain.money import Money
from providers.books import Balance, Line, LineKind, Lines
from providers.gateway import OutcomeUnknown
from providers.paypal_gateway.amount import signed_from_paypal
from providers.paypal_gateway.client import Json, PayPalClient, understood
from providers.paypal_gateway.fact import instant
from providers.paypal_gateway.order import labels

BALANCES, TRANSACTIONS = "/v1/reporting/balances", "/v1/reporting/transactions"
PAGE = 100
LONGEST = timedelta(days=31)
INSTANT = "%Y-%m-%dT%H:%M:%SZ"

# By transaction event code; else by its group, the first three letters.
KINDS = {
    "T0001": LineKind.TRANSFER,
    "T1100": LineKind.REFUND_FAILURE,
    "T1106": LineKind.CHARGE_FAILURE,
    "T1107": LineKind.REFUND,
    "T1110": LineKind.DISPUTE,
    "T1111": LineKind.DISPUTE_REVERSAL,
    "T1114": LineKind.TRANSFER_REVERSAL,
    "T1115": LineKind.TRANSFER_REVERSAL,
    "T1201": LineKind.DISPUTE,
    "T1202": LineKind.DISPUTE_REVERSAL,
}
GROUPS = {"T00": LineKind.CHARGE, "T01": LineKind.FEE, "T04": LineKind.PAYOUT, "T12": LineKind.ADJUSTMENT}
# Lines that are themselves what they are about.
OWN = frozenset({LineKind.CHARGE, LineKind.REFUND})


class PayPalBooks:
    """The books of one account."""

    def __init__(self, client: PayPalClient) -> None:
        self._client = client

    async def balances(self) -> Sequence[Balance]:
        """Tell what is available and what is withheld, per currency."""
        answer = await self._client.ask("balances", "GET", f"{BALANCES}?currency_code=ALL")
        with understood():
            return [
                Balance(
                    available=signed_from_paypal(each["available_balance"]),
                    pending=signed_from_paypal(each["withheld_balance"]),
                )
                for each in answer["balances"]
            ]

    async def lines(self, since: datetime, until: datetime, *, more: str | None = None) -> Lines:
        """Give a page of transactions, the newest first; `more` names the end of its month, and the page."""
        with understood():
            end, page = _read(more) if more else (until, 0)
        begin = max(since, end - LONGEST)
        found = await self._page(begin, end, page or 1)
        with understood():
            if not page and found["total_pages"] > 1:
                page = int(found["total_pages"])
                found = await self._page(begin, end, page)
            lines = [_line(each["transaction_info"]) for each in reversed(found["transaction_details"])]
        within = sorted(
            (each for each in lines if begin <= each.occurred_at < end),
            key=lambda each: each.occurred_at,
            reverse=True,
        )
        return Lines(lines=tuple(within), more=_onward(since, begin, end, page))

    async def _page(self, begin: datetime, end: datetime, page: int) -> Json:
        query = {
            "start_date": begin.astimezone(UTC).strftime(INSTANT),
            "end_date": end.astimezone(UTC).strftime(INSTANT),
            "fields": "transaction_info",
            "balance_affecting_records_only": "Y",
            "page_size": PAGE,
            "page": page,
        }
        return await self._client.ask("lines", "GET", f"{TRANSACTIONS}?{urlencode(query)}")


def _onward(since: datetime, begin: datetime, end: datetime, page: int) -> str | None:
    if page > 1:
        return f"{end.isoformat()} {page - 1}"
    return f"{begin.isoformat()} 0" if begin > since else None


def _read(more: str) -> tuple[datetime, int]:
    end, _, page = more.partition(" ")
    return instant(end), int(page)


def _line(told: Json) -> Line:
    code, gross = str(told["transaction_event_code"]), signed_from_paypal(told["transaction_amount"])
    kept = told.get("fee_amount")
    fee = -signed_from_paypal(kept) if kept else Money(minor=0, currency=gross.currency)
    if fee.currency != gross.currency:
        raise OutcomeUnknown("not_understood")
    kind = KINDS.get(code) or GROUPS.get(code[:3], LineKind.UNKNOWN)
    whose = labels(told.get("custom_field"))
    reference = str(told["transaction_id"])
    return Line(
        reference=reference,
        kind=kind,
        gross=gross,
        fee=fee,
        net=gross - fee,
        occurred_at=instant(told["transaction_initiation_date"]),
        source=reference if kind in OWN else told.get("paypal_reference_id"),
        payment_id=whose.payment_id if whose else None,
    )
