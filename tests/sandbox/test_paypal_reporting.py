"""PayPal's reports in the sandbox: the balance, and the statement that adds up to it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.sandbox.paypal_merchant import PayPalMerchant, issue_of

TRANSACTIONS = "/v1/reporting/transactions"


def between(*, days: int = 2, more: dict[str, str] | None = None) -> str:
    """Write the query for the days around now."""
    begin = datetime.now(UTC) - timedelta(days=1)
    dates = {"start_date": begin.isoformat(), "end_date": (begin + timedelta(days=days)).isoformat()}
    return urlencode(dates | (more or {}))


async def listed(paypal: PayPalMerchant, **more: str) -> list[dict[str, Any]]:
    status, page = await paypal.ask("GET", f"{TRANSACTIONS}?{between(more=more)}")
    assert status == 200, page
    return [each["transaction_info"] for each in page["transaction_details"]]


async def total(paypal: PayPalMerchant) -> Decimal:
    _, told = await paypal.ask("GET", "/v1/reporting/balances?currency_code=ALL")
    return sum((Decimal(each["total_balance"]["value"]) for each in told["balances"]), Decimal(0))


def net(line: dict[str, Any]) -> Decimal:
    fee = line.get("fee_amount", {"value": "0"})
    return Decimal(line["transaction_amount"]["value"]) + Decimal(fee["value"])


async def test_the_statement_tells_all_that_moved_and_adds_up(paypal: PayPalMerchant) -> None:
    capture = await paypal.captured("100.00")
    _, refund = await paypal.ask("POST", f"/v2/payments/captures/{capture['id']}/refund", {
        "amount": {"currency_code": "EUR", "value": "30.00"}
    })  # fmt: skip
    (payment,) = await paypal.control("GET", f"/accounts/{paypal.client}/payments")
    await paypal.control("POST", f"/payments/{payment['id']}/dispute")

    lines = await listed(paypal)

    assert [(each["transaction_event_code"], net(each)) for each in lines] == [
        ("T0006", Decimal("98.25")),
        ("T1107", Decimal("-30.00")),
        ("T1201", Decimal("-90.00")),
    ]
    assert [each["transaction_id"] for each in lines[:2]] == [capture["id"], refund["id"]]
    assert lines[1]["paypal_reference_id"] == capture["id"]
    assert lines[0]["custom_field"] == "mine"
    assert sum(map(net, lines)) == await total(paypal)


async def test_a_refund_that_fails_and_a_payout_that_comes_back_are_lines_of_their_own(
    paypal: PayPalMerchant,
) -> None:
    capture = await paypal.captured("100.00", card="refundFail")
    await paypal.ask("POST", f"/v2/payments/captures/{capture['id']}/refund")
    await paypal.advance(5)
    item = {"receiver": "unclaimed@shop.example", "amount": {"currency": "EUR", "value": "10.00"}}
    wish = {"sender_batch_header": {"sender_batch_id": "march"}, "items": [item]}
    _, made = await paypal.ask("POST", "/v1/payments/payouts", wish)
    await paypal.advance(2)
    _, batch = await paypal.ask("GET", f"/v1/payments/payouts/{made['batch_header']['payout_batch_id']}")
    await paypal.ask("POST", f"/v1/payments/payouts-item/{batch['items'][0]['payout_item_id']}/cancel")

    lines = await listed(paypal)

    codes = [each["transaction_event_code"] for each in lines]
    assert codes == ["T0006", "T1107", "T1100", "T0001", "T1115"]
    assert len({each["transaction_id"] for each in lines}) == len(lines)
    assert sum(map(net, lines)) == await total(paypal) == Decimal("98.25")


async def test_a_statement_comes_page_by_page(paypal: PayPalMerchant) -> None:
    captures = [(await paypal.captured())["id"] for _ in range(3)]

    pages = [
        (await paypal.ask("GET", f"{TRANSACTIONS}?{between(more={'page_size': '2', 'page': str(page)})}"))[1]
        for page in (1, 2)
    ]

    seen = [
        each["transaction_info"]["transaction_id"] for page in pages for each in page["transaction_details"]
    ]
    assert seen == captures
    assert [(page["total_items"], page["total_pages"]) for page in pages] == [(3, 2)] * 2
    assert await listed(paypal, transaction_currency="USD") == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "start_date=2026-11-01T00:00:00Z",
        "start_date=2026-11-01T00:00:00&end_date=2026-11-02T00:00:00",
        "start_date=yesterday&end_date=today",
        between(days=32),
        between(days=-1),
        between(more={"page": "9"}),
        between(more={"page_size": "501"}),
        between(more={"fields": "everything"}),
        between(more={"colour": "blue"}),
    ],
)
async def test_a_report_that_cannot_be_made_is_refused(paypal: PayPalMerchant, query: str) -> None:
    status, told = await paypal.ask("GET", f"{TRANSACTIONS}?{query}")

    assert (status, told["name"]) == (400, "INVALID_REQUEST")
    assert issue_of(told)


@pytest.mark.parametrize(("doing", "event"), [("refund", "REFUNDED"), ("reverse", "REVERSED")])
async def test_what_goes_back_past_the_api_is_told_without_a_label(
    paypal: PayPalMerchant, doing: str, event: str
) -> None:
    await paypal.captured("100.00")
    (payment,) = await paypal.control("GET", f"/accounts/{paypal.client}/payments")

    made = await paypal.control("POST", f"/payments/{payment['id']}/{doing}", amount=4000)
    _, refund = await paypal.ask("GET", f"/v2/payments/refunds/{made['id']}")

    assert (await paypal.event_types())[-1] == f"PAYMENT.CAPTURE.{event}"
    assert (refund["amount"]["value"], "invoice_id" in refund) == ("40.00", False)
