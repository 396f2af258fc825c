"""Settlement reports of Adyen's: told when they are there, and adding up to nothing with their payout."""

import csv
from decimal import Decimal
from typing import Any

from tests.sandbox.merchant import EUR, MERCHANT, Merchant


async def closed(merchant: Merchant, of: str = MERCHANT) -> list[dict[str, str]]:
    """Close a batch; gives the lines of its report, as somebody downloads it."""
    await merchant.control("POST", "/clock/advance", seconds=60, account=merchant.key)
    await merchant.control("POST", f"/accounts/{merchant.key}/batches", merchant=of)
    address = (await merchant.told("REPORT_AVAILABLE"))[-1]["reason"]
    async with merchant.http.get(address, headers={"X-API-Key": merchant.key}) as file:
        assert (file.status, file.content_type) == (200, "text/csv")
        return list(csv.DictReader((await file.text()).splitlines()))


def total(lines: list[dict[str, str]]) -> Decimal:
    """Add up what the lines move, net."""
    credit, debit = (
        sum(Decimal(each[f"Net {side} (NC)"] or 0) for each in lines) for side in ("Credit", "Debit")
    )
    return Decimal(credit - debit)


async def test_a_batch_has_each_movement_once_and_its_payout(merchant: Merchant) -> None:
    psp = await merchant.paid()
    body: dict[str, Any] = {"merchantAccount": MERCHANT, "amount": {**EUR, "value": 500}, "reference": "r1"}
    await merchant.call("modifications_api.refund_captured_payment", body, psp)
    await merchant.told()

    lines, again = await closed(merchant), await closed(merchant)

    assert sorted(each["Type"] for each in lines) == ["MerchantPayout", "Refunded", "Settled"]
    by = {each["Type"]: each for each in lines}
    assert (by["Settled"]["Psp Reference"], by["Settled"]["Gross Credit (GC)"]) == (psp, "25.00")
    assert (by["Settled"]["Commission (NC)"], by["Settled"]["Net Credit (NC)"]) == ("0.63", "24.37")
    assert (by["Refunded"]["Gross Debit (GC)"], by["Refunded"]["Modification Merchant Reference"]) == (
        "5.00",
        "r1",
    )
    assert total(lines) == 0
    assert again == []
    assert {each["Batch Number"] for each in lines} == {"1"}


async def test_a_report_is_its_owners_alone(merchant: Merchant) -> None:
    await merchant.paid()
    await closed(merchant)
    name = (await merchant.told("REPORT_AVAILABLE"))[-1]["pspReference"]
    base = f"{merchant.url}/adyen/reports/download/MerchantAccount"

    statuses = []
    for path, key in (
        (f"{MERCHANT}/{name}", "AQEsomebodyelse"),
        (f"Another/{name}", merchant.key),
        (f"{MERCHANT}/unknown.csv", merchant.key),
        (f"{MERCHANT}/{name}", "nobody"),
    ):
        async with merchant.http.get(f"{base}/{path}", headers={"X-API-Key": key}) as answer:
            statuses.append(answer.status)

    assert statuses == [404, 404, 404, 401]
    assert await closed(merchant, "Another") == []
