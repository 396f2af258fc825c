"""Settlement detail reports: a batch is closed, paid out, written as a file, and the merchant told of it.

A file has one line per movement of the balance, in major units, its payout among them: so they add up to
nothing. Source: Adyen, "Settlement details report".
"""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, NamedTuple

from sandbox import ledger
from sandbox.adyen import money
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import AdyenError
from sandbox.adyen.modification import Modification
from sandbox.adyen.typed import brand_of
from sandbox.dispute import Dispute
from sandbox.ledger import Movement
from sandbox.payment import Attempt, Method, Payment
from sandbox.record import Json, NotFound, Record
from sandbox.refund import Refund
from sandbox.work import Work

COLUMNS = (
    "Company Account", "Merchant Account", "Psp Reference", "Merchant Reference", "Payment Method",
    "Creation Date", "TimeZone", "Type", "Modification Reference", "Gross Currency", "Gross Debit (GC)",
    "Gross Credit (GC)", "Exchange Rate", "Net Currency", "Net Debit (NC)", "Net Credit (NC)",
    "Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)", "Payment Method Variant",
    "Modification Merchant Reference", "Batch Number",
)  # fmt: skip
TYPES = {
    "charge": "Settled",
    "payment": "Settled",
    "capture_failure": "SettledReversed",
    "refund": "Refunded",
    "payment_refund": "Refunded",
    "refund_failure": "RefundedReversed",
    "dispute": "Chargeback",
    "dispute_reversal": "ChargebackReversed",
    "transfer": "Balancetransfer",
    "transfer_reversal": "Balancetransfer",
    "payout": "MerchantPayout",
}


@dataclass(kw_only=True)
class Report(Record):
    """One closed batch of a merchant, with the movements that are in it."""

    kind: ClassVar[str] = "report"

    merchant: str
    number: int
    movements: list[str]
    text: str

    @property
    def name(self) -> str:
        """Return what the file is called."""
        return f"settlement_detail_report_batch_{self.number}.csv"


class About(NamedTuple):
    """What a movement is about, as far as a line names it."""

    payment: Payment
    attempt: Attempt
    modification: str = ""
    reference: str = ""


def close_batch(work: Work, merchant: str) -> Report:
    """Pay out what has been settled since the last batch, write its file, and tell of it."""
    before = work.store.all(Report, work.account.id)
    closed = {movement for each in before for movement in each.movements}
    batch = [each for each in work.store.all(Movement, work.account.id) if each.id not in closed]
    lines = [(each, _about(work, each)) for each in batch]
    mine = [(each, about) for each, about in lines if about.payment.about["merchant"] == merchant]
    number = sum(each.merchant == merchant for each in before) + 1
    rows = [_row(work, each, about, number) for each, about in mine]
    paid = [_pay_out(work, merchant, number, *total) for total in _totals([each for each, _ in mine]).items()]
    report = Report(
        id=work.new_id("report"),
        account=work.account.id,
        created=work.now,
        merchant=merchant,
        number=number,
        movements=[each.id for each, _ in mine] + [each.id for each, _ in paid],
        text=_written([*rows, *(row for _, row in paid)]),
    )
    work.add(report)
    work.tell("report.available", report)
    return report


def download(call: Call) -> Reply:
    """Give a file to whoever owns it."""
    merchant, name = call.ids
    for report in call.work.store.all(Report, call.work.account.id):
        if (report.merchant, report.name) == (merchant, name):
            return Reply(None, text=report.text)
    raise AdyenError(404, "000", "Not found", "configuration")


def _totals(movements: list[Movement]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for each in movements:
        totals[each.currency] = totals.get(each.currency, 0) + each.net
    return totals


def _pay_out(work: Work, merchant: str, number: int, currency: str, total: int) -> tuple[Movement, Json]:
    moved = ledger.move(work, "payout", source=f"batch {number}", currency=currency, amount=-total)
    return moved, _line(moved, number) | {"Merchant Account": merchant}


def _about(work: Work, movement: Movement) -> About:
    """Find what a movement is about: an attempt, a refund or a dispute of it."""
    try:
        attempt = work.get(Attempt, movement.source)
        return About(work.get(Payment, attempt.payment), attempt)
    except NotFound:
        pass
    try:
        dispute = work.get(Dispute, movement.source)
        return About(work.get(Payment, dispute.payment), work.get(Attempt, dispute.attempt), dispute.id)
    except NotFound:
        refund = work.get(Refund, movement.source)
    payment, attempt = work.get(Payment, refund.payment), work.get(Attempt, refund.attempt)
    if "modification" not in refund.about:
        return About(payment, attempt, refund.id)
    asked = work.get(Modification, refund.about["modification"])
    return About(payment, attempt, asked.id, asked.reference or "")


def _row(work: Work, movement: Movement, about: About, number: int) -> Json:
    brand = brand_of(work.get(Method, about.attempt.method))
    return _line(movement, number) | {
        "Merchant Account": about.payment.about["merchant"],
        "Psp Reference": about.attempt.id,
        "Merchant Reference": about.payment.about["reference"],
        "Payment Method": brand,
        "Payment Method Variant": brand,
        "Modification Reference": about.modification,
        "Modification Merchant Reference": about.reference,
    }


def _line(movement: Movement, number: int) -> Json:
    currency = movement.currency
    created = datetime.fromtimestamp(movement.created, UTC)
    return {
        "Company Account": "Sandbox",
        "Creation Date": created.strftime("%Y-%m-%d %H:%M:%S"),
        "TimeZone": "UTC",
        "Type": TYPES.get(movement.type, "MiscCosts"),
        "Gross Currency": currency,
        "Exchange Rate": "1",
        "Net Currency": currency,
        "Commission (NC)": money.major(movement.fee, currency) if movement.fee else "",
        "Batch Number": str(number),
        **_sides("Gross", "(GC)", movement.amount, currency),
        **_sides("Net", "(NC)", movement.net, currency),
    }


def _sides(name: str, unit: str, amount: int, currency: str) -> Json:
    """Write an amount on its side of the books, the other one empty."""
    side = "Credit" if amount >= 0 else "Debit"
    return {f"{name} {side} {unit}": money.major(abs(amount), currency)}


def _written(rows: list[Json]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
