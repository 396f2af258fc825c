"""Adyen's settlement reports: each line read to the cent, whatever else stands in the file."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.money import Money
from providers.adyen_gateway.books import read
from providers.books import Books, Line, LineKind
from providers.gateway import NotFound, OutcomeUnknown, Refused
from tests.providers.adyen_item import envelope, item, refunding
from tests.providers.conftest import MERCHANT, Delivery, Desk, MakeOrder, Told, adyen_gateway, key_of
from tests.support.sandbox import Account

EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
HEAD = (
    "Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,"
    "Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),A Column Of Tomorrow,"
    "Batch Number"
)
PAYMENT = UUID(int=1)


def written(**changed: str) -> str:
    """Write a line of 25.00 EUR that was settled for a fee of 0.63."""
    line = {
        "psp": "PSP", "reference": str(PAYMENT), "at": "2026-11-21 20:15:00", "zone": "CET",
        "type": "Settled", "modification": "", "gc": "EUR", "gross_debit": "", "gross_credit": "25.00",
        "nc": "EUR", "net_debit": "", "net_credit": "24.37", "more": "?", "batch": "7", **changed,
    }  # fmt: skip
    return ",".join(line.values())


def books_of(desk: Desk) -> Books:
    assert desk.gateway.books is not None
    return desk.gateway.books


def test_a_line_is_read_by_the_names_of_its_columns() -> None:
    for before in ("", "Settlement details of HoldfastECOM\n"):
        (line,) = read(f"{before}{HEAD}\n{written()}\n")

        assert line == Line(
            reference="7/1",
            kind=LineKind.CHARGE,
            gross=Money(minor=2_500, currency="EUR"),
            fee=Money(minor=63, currency="EUR"),
            net=Money(minor=2_437, currency="EUR"),
            occurred_at=datetime(2026, 11, 21, 19, 15, tzinfo=UTC),
            source="PSP",
            payment_id=PAYMENT,
            payout="7",
        )


@pytest.mark.parametrize(
    ("changed", "net"),
    [
        (
            {"gross_debit": "25.00", "gross_credit": "", "net_debit": "25.00", "net_credit": ""},
            (-2_500, "EUR"),
        ),
        ({"gc": "JPY", "nc": "JPY", "gross_credit": "500", "net_credit": "480"}, (480, "JPY")),
        ({"gc": "KWD", "nc": "KWD", "gross_credit": "5.001", "net_credit": "5.001"}, (5_001, "KWD")),
        ({"gc": "CLP", "nc": "CLP", "gross_credit": "500.00", "net_credit": "480.00"}, (480, "CLP")),
        ({"gc": "ISK", "nc": "ISK", "gross_credit": "500.00", "net_credit": "480.00"}, (480, "ISK")),
        ({"gc": "HUF", "nc": "HUF", "gross_credit": "175.50", "net_credit": "175.50"}, (17_550, "HUF")),
        ({"gc": "GBP", "gross_credit": "20.00"}, (2_437, "EUR")),
    ],
)
def test_an_amount_is_counted_in_its_currency_and_on_its_side(
    changed: dict[str, str], net: tuple[int, str]
) -> None:
    (line,) = read(f"{HEAD}\n{written(**changed)}")

    assert (line.net.minor, line.net.currency) == net


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("Refunded", LineKind.REFUND),
        ("RefundedReversed", LineKind.REFUND_FAILURE),
        ("SettledReversed", LineKind.CHARGE_FAILURE),
        ("Chargeback", LineKind.DISPUTE),
        ("SecondChargeback", LineKind.DISPUTE),
        ("ChargebackReversed", LineKind.DISPUTE_REVERSAL),
        ("Fee", LineKind.FEE),
        ("MerchantPayout", LineKind.PAYOUT),
        ("DepositCorrection", LineKind.ADJUSTMENT),
        ("AKindOfTomorrow", LineKind.UNKNOWN),
    ],
)
def test_each_kind_of_line_means_one_thing_and_none_is_left_out(type_: str, kind: LineKind) -> None:
    (line,) = read(f"{HEAD}\n{written(type=type_, modification='MOD', reference='dashboard-7')}")

    assert (line.kind, line.source, line.payment_id) == (kind, "MOD", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>Bad Gateway</html>",
        f"{HEAD}\nPSP",
        f"{HEAD}\n{written(net_credit='many')}",
        f"{HEAD}\n{written(net_credit='1.001')}",
        f"{HEAD}\n{written(at='yesterday')}",
        f"{HEAD}\n{written(zone='Nowhere/Land')}",
        f"{HEAD}\n{written(nc='EURO')}",
    ],
)
def test_a_report_that_is_not_understood_is_no_report(text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        read(text)


async def settled(desk: Desk, order: MakeOrder) -> None:
    """Pay 599.99, give 200.00 back, and have the batch closed."""
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    await refunding(desk, opened.provider_ref, Money(minor=20_000, currency="USD"))()
    await desk.told()
    await desk.advance(timedelta(minutes=1))
    await desk.account.close_batch(MERCHANT)
    await desk.told()


async def test_the_lines_of_a_batch_and_its_payout_add_up_to_nothing(adyen: Desk, order: MakeOrder) -> None:
    await settled(adyen, order)

    page = await books_of(adyen).lines(*EVER)

    kinds = {line.kind: (line.gross.minor, line.fee.minor) for line in page.lines}
    assert kinds.pop(LineKind.PAYOUT) == (-(39_999 - 925), 0)
    assert kinds == {LineKind.CHARGE: (59_999, 925), LineKind.REFUND: (-20_000, 0)}
    assert sum(line.net.minor for line in page.lines) == 0
    assert page.more is None


async def test_the_newest_report_comes_first_and_a_time_bounds_what_is_told(
    adyen: Desk, order: MakeOrder
) -> None:
    for _ in range(2):
        await settled(adyen, order)
    books = books_of(adyen)

    first = await books.lines(*EVER)
    second = await books.lines(*EVER, more=first.more)
    none = await books.lines(EVER[0], EVER[0] + timedelta(days=1))

    assert {line.payout for line in first.lines} == {"2"}
    assert {line.payout for line in second.lines} == {"1"}
    assert (second.more, none.lines) == (None, ())
    assert (await books.lines(*EVER, more="settlement_detail_report_batch_9.csv")).lines == ()


async def test_nobody_reads_a_file_that_is_no_settlement_or_of_nobody(account: Account) -> None:
    other = item("REPORT_AVAILABLE", pspReference="received_payments_report_2026_11_21.csv")
    books = adyen_gateway(account, Told([Delivery(envelope(other), {}), Delivery(b"{", {})])).books
    assert books is not None

    assert (await books.lines(*EVER)).lines == ()


async def test_adyen_tells_no_balance(adyen: Desk) -> None:
    with pytest.raises(Refused):
        await books_of(adyen).balances()


async def test_a_report_that_is_told_of_and_not_there_is_not_found(adyen: Desk) -> None:
    missing = envelope(item("REPORT_AVAILABLE", pspReference="settlement_detail_report_batch_9.csv"))
    books = adyen_gateway(adyen.account, Told([Delivery(missing, {})])).books
    assert books is not None

    with pytest.raises(NotFound):
        await books.lines(*EVER)


async def test_a_time_is_half_open(adyen: Desk, order: MakeOrder) -> None:
    await settled(adyen, order)
    books = books_of(adyen)
    first = min(line.occurred_at for line in (await books.lines(*EVER)).lines)

    assert (await books.lines(EVER[0], first)).lines == ()
    assert first in {line.occurred_at for line in (await books.lines(first, EVER[1])).lines}
