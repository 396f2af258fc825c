"""What the inbox remembers of a payment, for a provider that cannot be asked: all of it and nothing else."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from db.booking.place import place
from db.payment import attempt
from db.webhook import Delivery, Told, store
from domain.ids import PaymentId
from domain.payment import Checkout, CreatePayment, StartPayment
from tests.support.database import Databases
from tests.support.shop import open_shop

ENDS = datetime(2026, 12, 1, 9, tzinfo=UTC)


def delivery(payment_id: PaymentId | None, body: bytes, **changed: Any) -> Delivery:
    told = Delivery(
        provider="adyen",
        account="default",
        event_id=f"{body.decode()}:CAPTURE:true",
        kind="CAPTURE",
        occurred_at=ENDS,
        body=body,
        about=payment_id,
    )
    return told._replace(**changed)


async def remembered(databases: Databases, *deliveries: Delivery) -> None:
    """Store deliveries one after the other, as they come."""
    for each in deliveries:
        async with databases.app.across() as connection:
            await store(connection, [each])


async def told(databases: Databases, payment_id: PaymentId, account: str = "default") -> list[bytes]:
    return list(await Told(databases.payment, "adyen", account).told(payment_id))


async def test_what_was_told_of_a_payment_is_given_in_the_order_it_came(databases: Databases) -> None:
    mine, other = PaymentId(uuid4()), PaymentId(uuid4())

    await remembered(
        databases,
        delivery(mine, b"second", occurred_at=ENDS),
        delivery(other, b"another's"),
        delivery(None, b"nobody's"),
        delivery(mine, b"first", occurred_at=None, ignored="moves_nothing"),
    )

    assert await told(databases, mine) == [b"second", b"first"]
    assert await told(databases, other) == [b"another's"]
    assert await told(databases, PaymentId(uuid4())) == []


async def test_each_account_has_a_memory_of_its_own(databases: Databases) -> None:
    mine = PaymentId(uuid4())

    await remembered(
        databases,
        delivery(mine, b"ours"),
        delivery(mine, b"another account's", account="second"),
        delivery(mine, b"another provider's", provider="stripe"),
    )

    assert await told(databases, mine) == [b"ours"]
    assert await told(databases, mine, "second") == [b"another account's"]


@pytest.mark.parametrize(
    ("cause", "believed"), [("wrong_mode", False), ("wrong_merchant", False), ("by_hand", True)]
)
async def test_what_was_quarantined_is_not_believed(databases: Databases, cause: str, believed: bool) -> None:
    mine = PaymentId(uuid4())

    await remembered(databases, delivery(mine, b"told", parked=cause))

    assert await told(databases, mine) == ([b"told"] if believed else [])


async def test_what_comes_again_is_remembered_once(databases: Databases) -> None:
    mine = PaymentId(uuid4())

    await remembered(databases, delivery(mine, b"told"), delivery(mine, b"told"))

    assert await told(databases, mine) == [b"told"]


async def test_only_the_payment_role_reads_what_buyers_told_their_provider(databases: Databases) -> None:
    mine = PaymentId(uuid4())
    await remembered(databases, delivery(mine, b"told"))

    assert await Told(databases.app, "adyen", "default").told(mine) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await Told(databases.readonly, "adyen", "default").told(mine)


async def test_the_end_of_a_checkout_is_the_one_that_was_written_down(databases: Databases) -> None:
    booking = (await place(databases.app, (await open_shop(databases.app)).placement())).booking
    opened, unopened = PaymentId(uuid4()), PaymentId(uuid4())
    for payment_id in (opened, unopened):
        wish = StartPayment(
            payment_id=payment_id,
            provider="adyen",
            account="default",
            amount=booking.due,
            return_url="https://shop.example/back",
        )
        ask = CreatePayment(
            tenant_id=booking.tenant_id, booking_id=booking.id, reference=booking.reference, wish=wish
        )
        async with databases.payment.tenant(booking.tenant_id) as connection:
            await attempt.create(connection, ask)
    checkout = Checkout(payment_id=opened, provider="adyen", payment_url="https://page", expires_at=ENDS)
    async with databases.payment.tenant(booking.tenant_id) as connection:
        await attempt.opened(connection, booking.tenant_id, str(opened), checkout)

    memory = Told(databases.payment, "adyen", "default")

    assert await memory.payable_until(opened) == ENDS
    assert await memory.payable_until(unopened) is None
    assert await Told(databases.payment, "stripe", "default").payable_until(opened) is None
    assert await Told(databases.payment, "adyen", "second").payable_until(opened) is None


async def test_reports_are_remembered_by_account_the_newest_first(databases: Databases) -> None:
    kind = "REPORT_AVAILABLE"

    await remembered(
        databases,
        delivery(None, b"older", kind=kind, ignored="moves_nothing"),
        delivery(None, b"newer", kind=kind, ignored="moves_nothing"),
        delivery(None, b"no report"),
        delivery(None, b"another account's", kind=kind, account="second"),
        delivery(None, b"another merchant's", kind=kind, parked="wrong_merchant"),
    )

    assert await Told(databases.payment, "adyen", "default").reports() == [b"newer", b"older"]
    assert await Told(databases.app, "adyen", "default").reports() == []
