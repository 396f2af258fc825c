"""Opening a checkout at the first account of a route that does it: providers that do what the test says, and
a real database.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from activities.payment import PaymentActivities
from db.booking.place import place
from domain.ids import MethodId, PaymentId
from domain.payment import CreatePayment, StartPayment
from domain.refusal import BookingEnded, Unknown
from domain.route import AccountName
from providers.gateway import (
    Accounts,
    Busy,
    CircuitOpen,
    GatewayTrouble,
    NotExecuted,
    Opened,
    Order,
    OutcomeUnknown,
    Refused,
    Unreachable,
)
from tests.support.database import Databases, superuser
from tests.support.dummy import Dummy
from tests.support.shop import open_shop

FIRST, SECOND, THIRD = map(AccountName.parse, ("first/main", "second/main", "second/spare"))
ROW = "select provider, account, create_calls, status from payments"

Meanwhile = Callable[[], Awaitable[None]]


class Scripted(Dummy):
    """Answers its calls with these troubles, then as it should; `away` is known beforehand."""

    def __init__(self, at: AccountName, *troubles: GatewayTrouble, away: bool = False) -> None:
        super().__init__()
        self.provider, self.account = at.provider, at.name
        self.troubles, self.away = list(troubles), away
        self.calls: list[str] = []
        self.meanwhile: Meanwhile | None = None

    def refuse_if_away(self) -> None:
        if self.away:
            raise CircuitOpen("circuit_open")

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        self.calls.append(op_key)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.troubles:
            raise self.troubles.pop(0)
        return await super().open_checkout(order, op_key=op_key)


class Payer:
    """One payment of one booking, along a route."""

    def __init__(self, databases: Databases, ask: CreatePayment, route: Sequence[Scripted]) -> None:
        self.databases, self.ask = databases, ask
        self.steps = PaymentActivities(databases.payment, Accounts(*route), None)  # type: ignore[arg-type]

    async def create(self) -> AccountName:
        """Open the checkout; gives where."""
        checkout = await ActivityEnvironment().run(self.steps.create_payment, self.ask)
        return AccountName(provider=checkout.provider, name=checkout.account)

    async def undo(self) -> None:
        await ActivityEnvironment().run(self.steps.return_payment, self.ask)

    async def row(self) -> tuple[Any, ...] | None:
        async with superuser(self.databases.urls) as judge:
            row = await judge.fetchrow(ROW)
            return tuple(row) if row else None


async def payer(databases: Databases, *route: Scripted) -> Payer:
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    named = [AccountName(provider=each.provider, name=each.account) for each in route]
    wish = StartPayment(
        payment_id=PaymentId(uuid7()),
        provider=named[0].provider,
        account=named[0].name,
        amount=booking.due,
        return_url="https://shop.example/back",
        otherwise=tuple(named[1:]),
    )
    ask = CreatePayment(
        tenant_id=booking.tenant_id, booking_id=booking.id, reference=booking.reference, wish=wish
    )
    return Payer(databases, ask, route)


@pytest.mark.row("PAY-06")
@pytest.mark.parametrize(
    "trouble", [NotExecuted("rate_limit"), Unreachable("refused"), Busy("too_many_calls")]
)
async def test_who_did_nothing_is_followed_by_the_next_of_the_route(
    databases: Databases, trouble: NotExecuted
) -> None:
    first, second, third = Scripted(FIRST, trouble), Scripted(SECOND, NotExecuted("not now")), Scripted(THIRD)
    buyer = await payer(databases, first, second, third)

    assert await buyer.create() == THIRD

    assert await buyer.row() == ("second", "spare", 1, "pending")
    key = f"{buyer.ask.payment_id}:create:1"
    assert first.calls == second.calls == third.calls == [key]
    assert (first.orders, second.orders, len(third.orders)) == ({}, {}, 1)
    assert await buyer.create() == THIRD  # a repeat asks nobody
    assert len(first.calls + second.calls + third.calls) == 3


@pytest.mark.row("PAY-06")
async def test_who_is_known_to_be_away_is_not_asked(databases: Databases) -> None:
    first, second, third = Scripted(FIRST, away=True), Scripted(SECOND, away=True), Scripted(THIRD)
    buyer = await payer(databases, first, second, third)

    assert await buyer.create() == THIRD

    assert await buyer.row() == ("second", "spare", 1, "pending")
    assert first.calls == second.calls == []


@pytest.mark.row("PAY-06")
async def test_where_all_are_away_nothing_is_written(databases: Databases) -> None:
    buyer = await payer(databases, Scripted(FIRST, away=True), Scripted(SECOND, away=True))

    with pytest.raises(CircuitOpen):
        await buyer.create()

    assert await buyer.row() is None


@pytest.mark.parametrize("changed", [{"method_id": MethodId(uuid7())}, {"account": "closed"}])
async def test_a_wish_that_cannot_be_met_leaves_nothing_written(
    databases: Databases, changed: dict[str, Any]
) -> None:
    buyer = await payer(databases, Scripted(FIRST))
    buyer.ask = buyer.ask.model_copy(update={"wish": buyer.ask.wish.model_copy(update=changed)})

    with pytest.raises((Unknown, Refused)):
        await buyer.create()

    assert await buyer.row() is None


@pytest.mark.row("PAY-06")
async def test_who_gave_no_answer_is_followed_by_nobody(databases: Databases) -> None:
    """It may have opened a page that can be paid; what it says of a later call tells nothing of the first."""
    first, second = Scripted(FIRST, OutcomeUnknown("timeout"), NotExecuted("rate_limit")), Scripted(SECOND)
    buyer = await payer(databases, first, second)

    with pytest.raises(OutcomeUnknown):
        await buyer.create()
    with pytest.raises(NotExecuted):
        await buyer.create()
    first.away = True
    with pytest.raises(CircuitOpen):
        await buyer.create()

    assert await buyer.row() == ("first", "main", 2, "pending")
    first.away = False
    assert await buyer.create() == FIRST
    assert second.calls == []


@pytest.mark.row("PAY-06")
async def test_a_no_is_a_no_and_nobody_else_is_asked(databases: Databases) -> None:
    second = Scripted(SECOND)
    buyer = await payer(databases, Scripted(FIRST, Refused("amount_too_small")), second)

    with pytest.raises(Refused):
        await buyer.create()

    assert second.calls == []


async def test_a_payment_that_another_call_took_over_meanwhile_turns_nowhere(databases: Databases) -> None:
    """A worker that stood still finds its row counted once more: that call may have opened a page."""
    first, second = Scripted(FIRST, NotExecuted("rate_limit")), Scripted(SECOND)
    buyer = await payer(databases, first, second)

    async def another_call() -> None:
        async with superuser(databases.urls) as judge:
            await judge.execute("update payments set create_calls = create_calls + 1")

    first.meanwhile = another_call
    with pytest.raises(NotExecuted):
        await buyer.create()

    assert await buyer.row() == ("first", "main", 2, "pending")
    assert second.calls == []


async def test_a_payment_that_was_given_up_meanwhile_turns_nowhere(databases: Databases) -> None:
    first, second = Scripted(FIRST, NotExecuted("rate_limit")), Scripted(SECOND)
    buyer = await payer(databases, first, second)
    first.meanwhile = buyer.undo

    with pytest.raises(NotExecuted):
        await buyer.create()

    assert await buyer.row() == ("first", "main", 1, "cancelled")
    assert second.calls == []


async def test_what_is_opened_for_a_payment_that_was_given_up_is_closed_where_it_was_opened(
    databases: Databases,
) -> None:
    first, second = Scripted(FIRST, NotExecuted("rate_limit")), Scripted(SECOND)
    buyer = await payer(databases, first, second)
    second.meanwhile = buyer.undo

    with pytest.raises(BookingEnded):
        await buyer.create()

    assert (first.closed, second.closed) == (set(), {f"d_{buyer.ask.payment_id}"})


@pytest.mark.row("PAY-42")
async def test_what_follows_goes_to_the_account_that_opened(databases: Databases) -> None:
    first, second = Scripted(FIRST, Unreachable("refused")), Scripted(SECOND, OutcomeUnknown("timeout"))
    buyer = await payer(databases, first, second)

    with pytest.raises(OutcomeUnknown):
        await buyer.create()
    assert await buyer.create() == SECOND
    await buyer.undo()

    ref = f"d_{buyer.ask.payment_id}"
    assert (first.closed, second.closed) == (set(), {ref})
    assert await buyer.row() == ("second", "main", 2, "cancelled")
