"""What a provider says of one payment, written down in every order: the rows end the same."""

from itertools import permutations

import pytest
from uuid_utils.compat import uuid7

from db import event, ledger
from db.booking.place import place
from db.payment import attempt, fold, read as payments
from domain.event import PAYMENT_AUTHORIZED
from domain.ids import PaymentId
from domain.payment import CreatePayment, FactKind, StartPayment
from tests.support.database import Databases
from tests.support.shop import Shop, fact_of, open_shop

FACTS = (FactKind.PROCESSING, FactKind.DECLINED, FactKind.AUTHORIZED, FactKind.CAPTURED, FactKind.REFUNDED)


@pytest.mark.row("WHK-07")
async def test_five_facts_in_all_120_orders_end_in_the_same_rows(databases: Databases) -> None:
    shop = await open_shop(databases.app, capacity=200)

    ends = {order: await told(databases, shop, order) for order in permutations(FACTS)}

    assert len(ends) == 120
    assert set(ends.values()) == {ends[FACTS]}
    assert "'captured'" in ends[FACTS]


@pytest.mark.row("WHK-07")
async def test_told_again_nothing_changes(databases: Databases) -> None:
    shop = await open_shop(databases.app)

    assert await told(databases, shop, FACTS * 2) == await told(databases, shop, FACTS)


async def told(databases: Databases, shop: Shop, order: tuple[FactKind, ...]) -> str:
    """Tell the facts of a new payment one by one; gives what is known then, but for its id.

    That it was authorised is an event only where it was so for a while.
    """
    booking = (await place(databases.app, shop.placement())).booking
    payment_id = PaymentId(uuid7())
    wish = StartPayment(
        payment_id=payment_id, provider="stripe", account="default", amount=booking.due, return_url=""
    )
    ask = CreatePayment(
        tenant_id=booking.tenant_id, booking_id=booking.id, reference=booking.reference, wish=wish
    )
    before = await balances(databases, shop)
    async with databases.payment.tenant(shop.tenant_id) as connection:
        await attempt.create(connection, ask)
    for kind in order:
        async with databases.payment.tenant(shop.tenant_id) as connection:
            await fold.record(connection, shop.tenant_id, payment_id, [fact_of(booking, payment_id, kind)])
    async with databases.payment.tenant(shop.tenant_id) as connection:
        report = await payments.report(connection, shop.tenant_id, booking.id, payment_id)
    async with databases.app.tenant(shop.tenant_id) as connection:
        events = await event.of_subject(connection, shop.tenant_id, payment_id)
    after = await balances(databases, shop)
    moved = {account: minor - before.get(account, 0) for account, minor in after.items()}
    types = sorted(one.type for one in events if one.type != PAYMENT_AUTHORIZED)
    known = report.model_dump(exclude={"payment_id"}, mode="json")
    return f"{known} {types} {sorted(moved.items())}"


async def balances(databases: Databases, shop: Shop) -> dict[tuple[str, str], int]:
    """Give what stands on each account of the books, in minor units."""
    async with databases.app.tenant(shop.tenant_id) as connection:
        return await ledger.balances(connection, shop.tenant_id)
