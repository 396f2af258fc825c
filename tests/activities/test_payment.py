"""The steps on payments against a provider that does what the test says, and a real database."""

from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from activities.payment import PaymentActivities
from db.booking.place import place
from db.payment import attempt
from domain.ids import PaymentId
from domain.payment import Checkout, CreatePayment, StartPayment
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


async def test_a_checkout_that_was_opened_twice_is_closed_but_for_the_written_one(
    databases: Databases,
) -> None:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    ask = CreatePayment(
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
    slow = Slow(databases, ask)
    steps = PaymentActivities(databases.payment, Accounts(slow), NoTeller())

    checkout = await ActivityEnvironment().run(steps.create_payment, ask)

    assert checkout.payment_url == "https://dummy.example/2"
    assert slow.closed == {f"d_{ask.payment_id}"}
