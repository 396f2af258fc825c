"""What operators read on the statement of our own account, and tell: once, understood, and on record."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from uuid_utils.compat import uuid7

from db.booking.read import find
from db.payment import attempt
from db.refund import intent
from domain.bank import BankTransfer, creditor_reference
from domain.ids import BookingId, PaymentId, RefundId
from domain.money import Money
from domain.payment import Checkout, CreatePayment, StartPayment
from domain.refund import RefundPayment
from tests.api.conftest import Door
from tests.support.shop import pay

WEEK = datetime.now(UTC) + timedelta(days=7)
ASKED = Money(minor=2_500, currency="EUR")


async def transfer(door: Door) -> PaymentId:
    """Book a place, and have it wait for a transfer."""
    booking, payment_id = await door.book(), PaymentId(uuid7())
    wish = StartPayment(
        payment_id=payment_id, provider="bank", account="default", amount=ASKED, return_url="https://x.test"
    )
    told = BankTransfer(
        holder="Organizer",
        iban="DE89370400440532013000",
        bic="COBADEFFXXX",
        amount=ASKED,
        reference=creditor_reference(payment_id),
    )
    ask = CreatePayment(
        tenant_id=door.shop.tenant_id,
        booking_id=BookingId(booking.id),
        reference=booking.reference,
        wish=wish,
    )
    checkout = Checkout(payment_id=payment_id, provider="bank", transfer=told, expires_at=WEEK)
    async with door.databases.payment.tenant(door.shop.tenant_id) as connection:
        await attempt.create(connection, ask)
        await attempt.opened(connection, door.shop.tenant_id, str(payment_id), checkout)
    return payment_id


async def refunded_by_card(door: Door) -> RefundId:
    """Have a booking paid by card, and its money owed back."""
    booking, refund_id = await door.book(), RefundId(uuid7())
    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        found = await find(connection, door.shop.tenant_id, BookingId(booking.id))
    ask = RefundPayment(
        tenant_id=door.shop.tenant_id,
        booking_id=found.id,
        payment_id=await pay(door.databases.payment, found),
        refund_id=refund_id,
        amount=None,
        cause="by_hand",
    )
    async with door.databases.payment.tenant(door.shop.tenant_id) as connection:
        await intent.ask(connection, ask)
    return refund_id


async def tell(door: Door, payment_id: UUID, name: str = "0017", **changes: Any) -> httpx2.Response:
    line = {
        "line": name,
        "reference": creditor_reference(PaymentId(payment_id)),
        "amount": ASKED.model_dump(),
        "booked_at": "2026-11-24T00:00:00Z",
        **changes,
    }
    headers = door.user("grace", ["operator"])
    return await door.http.post("/api/v1/admin/bank-receipts", json=line, headers=headers)


async def kept(door: Door) -> list[tuple[str, str, UUID]]:
    """List what lies in the inbox and waits to be told."""
    rows = await door.judge.fetch(
        "select provider, event_id, about from webhook_events where status = 'received' order by id"
    )
    return [tuple(row) for row in rows]


async def acts(door: Door) -> list[tuple[str, UUID]]:
    rows = await door.judge.fetch("select action, subject from audit_entries order by id")
    return [tuple(row) for row in rows]


@pytest.mark.row("PAY-09")
async def test_a_line_is_told_once_and_answers_what_it_is_about(door: Door) -> None:
    payment_id = await transfer(door)
    grouped = " ".join(creditor_reference(payment_id).lower()[at : at + 4] for at in range(0, 20, 4))

    answers = [await tell(door, payment_id), await tell(door, payment_id)]
    spaced = await tell(door, payment_id, "0018", reference=grouped)

    assert [each.status_code for each in (*answers, spaced)] == [201] * 3
    assert answers[0].content == answers[1].content
    told = answers[0].json()
    assert (told["payment_id"], told["asked"]) == (str(payment_id), ASKED.model_dump())
    assert await kept(door) == [("bank", "0017", payment_id), ("bank", "0018", payment_id)]
    assert await acts(door) == [("bank.receipt", payment_id)] * 2


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"reference": "RF18539007547035"}, "/reference", "misspelt"),
        ({"reference": "RF18539007547034"}, "/reference", "unknown"),
        ({"account": "another"}, "/reference", "unknown"),
        ({"amount": {"minor": 1, "currency": "EUR"}}, "/line", "used"),
    ],
)
async def test_what_fits_nothing_is_refused_and_named(
    door: Door, changes: dict[str, Any], pointer: str, code: str
) -> None:
    payment_id = await transfer(door)
    await tell(door, payment_id)

    no = await tell(door, payment_id, **changes)

    assert no.status_code == 422
    assert [(each["pointer"], each["code"]) for each in no.json()["errors"]] == [(pointer, code)]
    assert len(await kept(door)) == len(await acts(door)) == 1


async def test_a_line_whose_key_was_forgotten_counts_no_second_time(door: Door) -> None:
    payment_id = await transfer(door)
    await tell(door, payment_id)
    await door.judge.execute("delete from idempotency_keys")

    no = await tell(door, payment_id, amount={"minor": 1, "currency": "EUR"})

    assert (no.status_code, no.json()["errors"][0]["code"]) == (422, "used")
    assert len(await kept(door)) == 1


async def test_a_refund_that_goes_back_another_way_is_not_transferred(door: Door) -> None:
    refund_id = await refunded_by_card(door)
    line = {"line": "0019", "booked_at": "2026-11-24T00:00:00Z"}

    answers = [
        await door.http.post(
            f"/api/v1/admin/refunds/{each}/transferred", json=line, headers=door.user("grace", ["operator"])
        )
        for each in (refund_id, uuid4())
    ]

    assert [each.status_code for each in answers] == [409, 404]
    assert await kept(door) == []


@pytest.mark.parametrize(("status", "answer"), [("processing", 201), ("completed", 409), ("failed", 409)])
async def test_what_is_owed_no_more_is_not_transferred(door: Door, status: str, answer: int) -> None:
    refund_id = await refunded_by_card(door)
    await door.judge.execute("update payments set provider = 'bank'")
    await door.judge.execute("update refunds set status = $1", status)
    line = {"line": "0019", "booked_at": "2026-11-24T00:00:00Z"}

    told = await door.http.post(
        f"/api/v1/admin/refunds/{refund_id}/transferred", json=line, headers=door.user("grace", ["operator"])
    )

    assert told.status_code == answer
    assert len(await kept(door)) == (1 if answer == 201 else 0)
