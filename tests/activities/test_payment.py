"""The steps on payments against a provider that does what the test says, and a real database."""

from collections.abc import Sequence

import pytest
from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from activities.payment import PaymentActivities
from db.booking.place import place
from db.payment import attempt
from domain.ids import BookingId, PaymentId
from domain.money import Money
from domain.payment import (
    AskPayment,
    Checkout,
    CreatePayment,
    FactKind,
    PaymentFact,
    PaymentStatus,
    StartPayment,
)
from domain.refusal import Unknown
from providers.gateway import Accounts, Opened, Order
from tests.support.database import Databases
from tests.support.dummy import Dummy
from tests.support.shop import open_shop


class NoTeller:
    """Nobody to tell: nothing here comes after an end."""

    async def owns(self, booking_id: object) -> bool:
        raise AssertionError(booking_id)

    async def after(self, fact: object, request: object) -> None:
        raise AssertionError(fact, request)


class Slow(Dummy):
    """Answers a call only when another call, made later, has had its answer written."""

    def __init__(self, databases: Databases, ask: CreatePayment) -> None:
        super().__init__()
        self.databases, self.ask = databases, ask

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        other = Checkout(payment_id=order.payment_id, provider="dummy", payment_url="https://dummy.example/2")
        async with self.databases.payment.tenant(self.ask.tenant_id) as connection:
            await attempt.opened(connection, self.ask.tenant_id, "d_of_a_later_call", other)
        return await super().open_checkout(order, op_key=op_key)


class Holding(Dummy):
    """Holds so much (minor units) of what was asked for, whether its checkout is closed or not, until it is
    told to let go.
    """

    def __init__(self, held_minor: int) -> None:
        super().__init__()
        self.held_minor, self.voided = held_minor, False

    async def void(self, provider_ref: str, *, op_key: str) -> None:  # noqa: ARG002 - the protocol's
        self.voided = True

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        [fact] = await super().fetch(payment_id, provider_ref)
        held = Money(minor=self.held_minor, currency=self.orders[provider_ref].amount.currency)
        if self.voided:
            return [fact.model_copy(update={"kind": FactKind.CANCELLED, "amount": None})]
        return [fact.model_copy(update={"kind": FactKind.AUTHORIZED, "amount": held})]


async def wish_to_pay(databases: Databases) -> CreatePayment:
    """Place a booking, and write the wish to pay it over the dummy."""
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    return CreatePayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        reference=booking.reference,
        wish=StartPayment(
            payment_id=PaymentId(uuid7()),
            provider="dummy",
            account="default",
            amount=booking.due,
            return_url="https://shop.example/back",
        ),
    )


async def test_a_checkout_that_was_opened_twice_is_closed_but_for_the_written_one(
    databases: Databases,
) -> None:
    ask = await wish_to_pay(databases)
    slow = Slow(databases, ask)
    steps = PaymentActivities(databases.payment, Accounts(slow), NoTeller())

    checkout = await ActivityEnvironment().run(steps.create_payment, ask)

    assert checkout.payment_url == "https://dummy.example/2"
    assert slow.closed == {f"d_{ask.payment_id}"}


@pytest.mark.parametrize("less", [0, 1])
async def test_what_is_held_is_released_with_its_payment_whether_it_is_what_was_asked_for_or_less(
    databases: Databases, less: int
) -> None:
    ask = await wish_to_pay(databases)
    provider = Holding(ask.wish.amount.minor - less)
    steps, run = (
        PaymentActivities(databases.payment, Accounts(provider), NoTeller()),
        ActivityEnvironment().run,
    )
    await run(steps.create_payment, ask)

    await run(steps.return_payment, ask)

    assert provider.voided


async def test_a_payment_is_asked_about_where_it_was_opened_by_whoever_opened_it_and_by_others(
    databases: Databases,
) -> None:
    ask = await wish_to_pay(databases)
    accounts, run = Accounts(Holding(ask.wish.amount.minor)), ActivityEnvironment().run
    opener, other = (PaymentActivities(databases.payment, accounts, NoTeller()) for _ in range(2))
    await run(opener.create_payment, ask)
    about = AskPayment(tenant_id=ask.tenant_id, booking_id=ask.booking_id, payment_id=ask.payment_id)
    of_another = about.model_copy(update={"booking_id": BookingId(uuid7())})

    for steps in (opener, other):
        report = await run(steps.check_payment, about)
        assert (report.status, report.payment_id) == (PaymentStatus.AUTHORIZED, ask.payment_id)
        with pytest.raises(Unknown):
            await run(steps.check_payment, of_another)
