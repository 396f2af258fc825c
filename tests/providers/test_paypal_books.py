"""PayPal's books as we read them: every transaction, newest first, over months and pages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from domain.money import Money
from providers.books import Books, Line, LineKind
from providers.gateway import OutcomeUnknown
from providers.paypal_gateway.books import PayPalBooks
from tests.providers.conftest import Delivery, MakeOrder, PayPalDesk, key_of, paypal_desk
from tests.support.sandbox import Account

DAY = timedelta(days=1)
UNTIL = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
async def paypal_account(
    account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]
) -> PayPalDesk:
    return await paypal_desk(account, http, received)


async def everything(books: Books, since: datetime, until: datetime) -> list[Line]:
    lines, more = list[Line](), None
    while True:
        page = await books.lines(since, until, more=more)
        lines += page.lines
        more = page.more
        if more is None:
            return lines


async def test_the_lines_of_a_life_add_up_to_the_balance(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    desk, wished = paypal_account, order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, "refundFail")
    part = Money(minor=9_999, currency="USD")
    refund = await desk.gateway.refund(opened.provider_ref, part, refund_id="r", op_key="r:refund:1")
    await desk.advance(timedelta(seconds=10))
    books, now = desk.gateway.books, datetime.now(UTC)
    assert books is not None

    lines = await everything(books, now - DAY, now + DAY)
    (held,) = await books.balances()

    assert [(each.kind, each.gross.minor, each.fee.minor) for each in lines] == [
        (LineKind.REFUND_FAILURE, 9_999, 0),
        (LineKind.REFUND, -9_999, 0),
        (LineKind.CHARGE, 59_999, 925),
    ]
    assert sum(each.net.minor for each in lines) == held.available.minor
    assert {each.payment_id for each in lines} == {wished.payment_id}
    assert [each.source for each in lines[:2]] == [refund.provider_ref] * 2
    assert len({each.reference for each in lines}) == 3


class Statement:
    """PayPal's search over transactions of given times, two to a page, the oldest first."""

    def __init__(self, *times: datetime, **changed: Any) -> None:
        self.times, self.changed, self.asked = sorted(times), changed, list[str]()

    async def ask(self, operation: str, method: str, path: str) -> dict[str, Any]:
        assert (operation, method) == ("lines", "GET")
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        begin, end = (datetime.fromisoformat(query[name]) for name in ("start_date", "end_date"))
        assert end - begin <= 31 * DAY
        self.asked.append(query["page"])
        within = [each for each in self.times if begin <= each <= end]
        at = 2 * (int(query["page"]) - 1)
        return {
            "transaction_details": [{"transaction_info": self._told(each)} for each in within[at : at + 2]],
            "total_pages": -(-len(within) // 2),
        }

    def _told(self, at: datetime) -> dict[str, Any]:
        return {
            "transaction_id": str(self.times.index(at)),
            "transaction_event_code": "T0006",
            "transaction_initiation_date": at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "transaction_amount": {"currency_code": "EUR", "value": "10.00"},
            **self.changed,
        }


async def listed(statement: Statement, since: datetime) -> Sequence[Line]:
    client: Any = statement
    return await everything(PayPalBooks(client), since, UNTIL)


async def test_months_and_pages_are_read_from_the_newest_to_the_oldest_and_nothing_twice() -> None:
    statement = Statement(*(UNTIL - n * DAY for n in (1, 2, 3, 4, 5, 31, 40, 62, 70)))

    lines = await listed(statement, UNTIL - 65 * DAY)

    assert [each.reference for each in lines] == ["8", "7", "6", "5", "4", "3", "2", "1"]
    assert [each.occurred_at for each in lines] == sorted((each.occurred_at for each in lines), reverse=True)


async def test_a_statement_begins_at_its_first_instant_and_ends_before_its_last() -> None:
    since = UNTIL - DAY

    lines = await listed(Statement(since, UNTIL, since - timedelta(seconds=1)), since)

    assert [each.occurred_at for each in lines] == [since]


async def test_a_statement_of_nothing_is_empty() -> None:
    assert await listed(Statement(), UNTIL - DAY) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("T0000", LineKind.CHARGE),
        ("T0001", LineKind.TRANSFER),
        ("T0006", LineKind.CHARGE),
        ("T0106", LineKind.FEE),
        ("T0400", LineKind.PAYOUT),
        ("T1106", LineKind.CHARGE_FAILURE),
        ("T1107", LineKind.REFUND),
        ("T1110", LineKind.DISPUTE),
        ("T1111", LineKind.DISPUTE_REVERSAL),
        ("T1114", LineKind.TRANSFER_REVERSAL),
        ("T1115", LineKind.TRANSFER_REVERSAL),
        ("T1200", LineKind.ADJUSTMENT),
        ("T1201", LineKind.DISPUTE),
        ("T1202", LineKind.DISPUTE_REVERSAL),
        ("T1300", LineKind.UNKNOWN),
    ],
)
async def test_every_code_has_its_kind_and_one_we_do_not_know_is_not_left_out(
    code: str, kind: LineKind
) -> None:
    (line,) = await listed(Statement(UNTIL - DAY, transaction_event_code=code), UNTIL - 2 * DAY)

    assert line.kind is kind


async def test_a_fee_in_another_currency_is_no_line_that_we_understand() -> None:
    fee = {"currency_code": "USD", "value": "-1.00"}

    with pytest.raises(OutcomeUnknown):
        await listed(Statement(UNTIL - DAY, fee_amount=fee), UNTIL - 2 * DAY)
