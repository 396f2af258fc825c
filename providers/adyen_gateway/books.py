"""Adyen's books: the settlement detail report of each closed batch, which a notification announces.

A report is read by the names of its columns, whatever else stands in it. Amounts are in major units, a debit
and a credit column for the gross and for the net; what lies between is the fee. The lines of a batch, its
payout among them, add up to nothing. Source: Adyen, "Settlement details report".
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from domain.money import Money
from providers.adyen_gateway import reference, webhook
from providers.adyen_gateway.amount import decimals, from_adyen
from providers.adyen_gateway.client import AdyenClient
from providers.adyen_gateway.memory import Memory
from providers.books import Balance, Line, LineKind, Lines
from providers.gateway import OutcomeUnknown, Refused

SETTLEMENT = "settlement_detail_report"
KINDS: Mapping[str, LineKind] = {
    "Settled": LineKind.CHARGE,
    "SettledReversed": LineKind.CHARGE_FAILURE,
    "Refunded": LineKind.REFUND,
    "RefundedReversed": LineKind.REFUND_FAILURE,
    "Chargeback": LineKind.DISPUTE,
    "SecondChargeback": LineKind.DISPUTE,
    "ChargebackReversed": LineKind.DISPUTE_REVERSAL,
    "Fee": LineKind.FEE,
    "MiscCosts": LineKind.FEE,
    "InvoiceDeduction": LineKind.FEE,
    "Balancetransfer": LineKind.TRANSFER,
    "DepositCorrection": LineKind.ADJUSTMENT,
    "MerchantPayout": LineKind.PAYOUT,
}
_HEADER = "Psp Reference"

Row = Mapping[str, str]


class AdyenBooks:
    """The reports of one merchant account; `memory` knows which there are."""

    def __init__(self, client: AdyenClient, memory: Memory) -> None:
        self._client, self._memory = client, memory

    async def balances(self) -> Sequence[Balance]:
        """Refuse: Adyen tells nobody what it holds for a merchant account before it is settled."""
        raise Refused("tells_no_balance")

    async def lines(self, since: datetime, until: datetime, *, more: str | None = None) -> Lines:
        """Give what was booked in that time of one report, the newest report first.

        A line is in the report of the batch that settles it, which may close days after it was booked.
        """
        names = await self._reports()
        if more is not None:
            names = names[names.index(more) :] if more in names else []
        if not names:
            return Lines(lines=())
        lines = read(await self._client.report(names[0]))
        booked = [each for each in reversed(lines) if since <= each.occurred_at < until]
        return Lines(lines=tuple(booked), more=names[1] if len(names) > 1 else None)

    async def _reports(self) -> list[str]:
        """List the settlement reports there are, the newest first: their names are signed."""
        told = [name for raw in await self._memory.reports() for name in webhook.reports(raw)]
        return list(dict.fromkeys(name for name in told if name.startswith(SETTLEMENT)))


def read(text: str) -> list[Line]:
    """Read a report. Raises OutcomeUnknown for one that is not understood."""
    rows = text.splitlines()
    heads = [place for place, row in enumerate(rows) if _HEADER in row]
    try:
        return [_line(row, number) for number, row in enumerate(csv.DictReader(rows[heads[0] :]), 1)]
    except (ValueError, LookupError, TypeError, InvalidOperation):  # no such zone is a LookupError
        raise OutcomeUnknown("not_understood") from None


def _line(row: Row, number: int) -> Line:
    gross, net = _amount(row, "Gross", "(GC)"), _amount(row, "Net", "(NC)")
    batch, about = row["Batch Number"], reference.read(row["Merchant Reference"])
    if gross.currency != net.currency:
        gross = net  # converted on the way: what it cost stands in no line of its own
    return Line(
        reference=f"{batch}/{number}",
        kind=KINDS.get(row["Type"], LineKind.UNKNOWN),
        gross=gross,
        fee=gross - net,
        net=net,
        occurred_at=_instant(row),
        source=row["Modification Reference"] or row["Psp Reference"] or None,
        payment_id=about.payment_id if about else None,
        payout=batch,
    )


def _amount(row: Row, name: str, unit: str) -> Money:
    """Read one amount of a line: credit less debit, one of which is empty."""
    currency = row[f"{name} Currency"]
    credit, debit = (Decimal(row[f"{name} {side} {unit}"] or 0) for side in ("Credit", "Debit"))
    value = (credit - debit).scaleb(decimals(currency))
    if value != int(value):
        raise ValueError("an amount between units")
    return from_adyen(int(value), currency)


def _instant(row: Row) -> datetime:
    at = datetime.fromisoformat(row["Creation Date"])
    return at.replace(tzinfo=ZoneInfo(row["TimeZone"])).astimezone(UTC)
