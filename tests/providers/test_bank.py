"""Our own account at a bank: what buyers are told, and what becomes of what an operator reads there."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from domain.bank import Payee, creditor_reference
from domain.ids import RefundId
from domain.money import Money
from domain.payment import Closing, FactKind, PaymentStatus, fold
from providers.bank import BankGateway, Line, LineKind
from providers.gateway import NotFound, Order, RefundStatus, Refused
from tests.providers.conftest import Delivery, MakeOrder, Told, key_of

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
PAYEE = Payee(holder="Lanternhouse", iban="DE89370400440532013000", bic="COBADEFFXXX")
ASKED = Money(minor=5_000, currency="EUR")


@pytest.fixture
def wished(order: MakeOrder) -> Order:
    return order(amount=ASKED, settles_within=WEEK)


def bank(wished: Order, *lines: Line, at: datetime = NOW) -> BankGateway:
    """Give the account as it stands at an instant, waiting for an order's money for a week."""
    told = Told([Delivery(line.written(), {}) for line in lines], {wished.payment_id: NOW + WEEK})
    return BankGateway("default", PAYEE, told, clock=at.timestamp)


def line(wished: Order, minor: int = ASKED.minor, **more: Any) -> Line:
    return Line(
        **{
            "name": "2026-11-24/0017",
            "kind": LineKind.RECEIPT,
            "tenant_id": wished.tenant_id,
            "payment_id": wished.payment_id,
            "amount": Money(minor=minor, currency="EUR"),
            "booked_at": NOW + timedelta(days=2),
            "live": False,
            **more,
        }
    )


async def standing(wished: Order, *lines: Line, at: datetime = NOW) -> PaymentStatus:
    facts = await bank(wished, *lines, at=at).fetch(wished.payment_id, str(wished.payment_id))
    return fold(ASKED, facts).status


@pytest.mark.row("PAY-09")
async def test_a_buyer_is_told_whom_to_pay_and_naming_what(wished: Order) -> None:
    opened = await bank(wished).open_checkout(wished, op_key=key_of(wished))
    again = await bank(wished).open_checkout(wished, op_key=key_of(wished))

    assert opened == again
    assert opened.transfer is not None
    assert opened.transfer.model_dump() == {
        **PAYEE.model_dump(),
        "amount": ASKED.model_dump(),
        "reference": creditor_reference(wished.payment_id),
    }
    assert (opened.expires_at, opened.payment_url, opened.client_secret) == (NOW + WEEK, None, None)
    assert fold(ASKED, opened.facts).status is PaymentStatus.PROCESSING


async def test_nobody_waits_for_a_bank_who_cannot_wait_so_long(order: MakeOrder) -> None:
    wished = order(amount=ASKED)

    with pytest.raises(Refused):
        await bank(wished).open_checkout(wished, op_key=key_of(wished))


@pytest.mark.row("PAY-09")
@pytest.mark.parametrize(
    ("minor", "status"),
    [(5_000, PaymentStatus.CAPTURED), (4_999, PaymentStatus.CONFLICTED), (5_001, PaymentStatus.CONFLICTED)],
)
async def test_what_came_is_held_against_what_was_asked_for(
    wished: Order, minor: int, status: PaymentStatus
) -> None:
    assert await standing(wished, line(wished, minor)) is status


async def test_money_that_comes_twice_is_a_conflict_and_a_line_that_is_told_twice_is_not(
    wished: Order,
) -> None:
    twice = line(wished), line(wished, name="2026-11-25/0001")

    assert await standing(wished, *twice) is PaymentStatus.CONFLICTED
    assert await standing(wished, line(wished), line(wished)) is PaymentStatus.CAPTURED


@pytest.mark.parametrize(
    ("after", "came", "closing", "status"),
    [
        (WEEK - timedelta(seconds=1), False, Closing.PROCESSING, PaymentStatus.PROCESSING),
        (WEEK, False, Closing.CLOSED, PaymentStatus.EXPIRED),
        (WEEK, True, Closing.PAID, PaymentStatus.CAPTURED),
    ],
)
async def test_a_transfer_is_waited_for_until_its_time_is_over(
    wished: Order, after: timedelta, came: bool, closing: Closing, status: PaymentStatus
) -> None:
    lines = [line(wished)] if came else []
    account = bank(wished, *lines, at=NOW + after)

    assert await account.close_checkout(str(wished.payment_id), op_key="close") is closing
    assert await standing(wished, *lines, at=NOW + after) is status


@pytest.mark.row("PAY-09")
async def test_a_refund_is_owed_until_a_line_says_that_it_has_gone(wished: Order) -> None:
    refund_id, back = RefundId(uuid7()), Money(minor=2_000, currency="EUR")
    gone = line(wished, 2_000, name="out", kind=LineKind.REFUND, refund_id=refund_id)
    ref = str(wished.payment_id)
    before, after = bank(wished, line(wished)), bank(wished, line(wished), gone)

    owed = await before.refund(ref, back, refund_id=str(refund_id), op_key="refund")
    assert (owed.status, owed.amount) == (RefundStatus.PENDING, back)
    assert await before.find_refund(ref, refund_id=str(refund_id)) is None
    found = await after.find_refund(ref, refund_id=str(refund_id))
    assert found is not None
    assert (found.status, found.amount) == (RefundStatus.COMPLETED, back)
    facts = await after.fetch(wished.payment_id, ref)
    assert [(fact.kind, fact.refund_id) for fact in facts] == [
        (FactKind.CAPTURED, None),
        (FactKind.REFUNDED, refund_id),
    ]


async def test_a_line_is_read_as_it_was_written_and_nothing_else_is(wished: Order) -> None:
    told = line(wished)
    (event,) = bank(wished).parse(told.written())

    assert (event.event_id, event.kind, event.live) == (told.name, "receipt", False)
    assert (event.tenant_id, event.payment_id) == (wished.tenant_id, wished.payment_id)
    assert bank(wished).parse(b"{}") == bank(wished).parse(b"\xff") == ()


async def test_another_payments_money_is_not_ours(wished: Order) -> None:
    with pytest.raises(NotFound):
        await bank(wished).fetch(wished.payment_id, str(UUID(int=7)))
