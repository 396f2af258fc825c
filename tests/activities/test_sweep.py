"""What a provider lists is read a part at a time: the next sweep goes on where this one has ended."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from activities.sweep import SweepActivities
from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from domain.sweep import ListMissed, Swept
from providers.gateway import Accounts, GatewayTrouble, Missed, NotExecuted, Order, OutcomeUnknown, Refused
from tests.support.database import Databases, superuser
from tests.support.dummy import Dummy
from tests.support.told import Told

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
ASK = ListMissed(provider="dummy", account="default", since=NOON, until=NOON + timedelta(minutes=1), most=2)


class Listing(Dummy):
    """Lists so many events, the newest first; a page is found by the last event of the one before."""

    def __init__(self, events: int) -> None:
        super().__init__()
        self.orders = {f"d_{number}": order() for number in range(events)}
        self.no: GatewayTrouble | None = None

    async def missed(self, since: datetime, *, onward: str = "", most: int = 100) -> Missed:  # noqa: ARG002 - the protocol's
        if onward and self.no:
            raise self.no
        told = [*self.orders][::-1]
        older = told[told.index(onward) + 1 :] if onward else told
        deliveries = tuple(json.dumps({"paid": ref}).encode() for ref in reversed(older[:most]))
        return Missed(deliveries=deliveries, onward=older[most - 1] if len(older) > most else "")


def order() -> Order:
    return Order(
        tenant_id=TenantId(uuid7()),
        booking_id=BookingId(uuid7()),
        payment_id=PaymentId(uuid7()),
        reference="B1",
        amount=Money(minor=2_500, currency="EUR"),
        description="",
        hosted=True,
        return_url="",
    )


async def sweep(databases: Databases, gateway: Listing, ask: ListMissed) -> Swept:
    steps = SweepActivities(
        databases.app, databases.relay, Accounts(gateway), Told(), live=False, grace=timedelta(minutes=2)
    )
    return await ActivityEnvironment().run(steps.list_missed, ask)


async def inbox(databases: Databases) -> list[str]:
    async with superuser(databases.urls) as judge:
        return [row["event_id"] for row in await judge.fetch("select event_id from webhook_events")]


@pytest.mark.row("PAY-33", partly="over the whole stack: tests/workflows/test_sweep.py")
async def test_a_long_list_is_read_by_several_sweeps_each_where_the_one_before_has_ended(
    databases: Databases,
) -> None:
    gateway = Listing(5)

    first = await sweep(databases, gateway, ASK)
    assert first.left
    gateway.orders["d_new"] = order()  # told meanwhile: the next list has it
    second = await sweep(databases, gateway, first.left)
    assert second.left
    third = await sweep(databases, gateway, second.left)

    assert first == Swept(missed=2, left=ASK.model_copy(update={"onward": "d_3"}))
    assert second == Swept(missed=2, left=ASK.model_copy(update={"onward": "d_1"}))
    assert third == Swept(missed=1, until=ASK.until)
    assert sorted(await inbox(databases)) == [f"e_d_{number}" for number in range(5)]


@pytest.mark.parametrize("no", [NotExecuted("rate_limit"), OutcomeUnknown("timeout")])
async def test_a_list_that_breaks_off_goes_on_at_the_next_sweep(
    databases: Databases, no: GatewayTrouble
) -> None:
    gateway = Listing(101)
    gateway.no = no

    swept = await sweep(databases, gateway, ASK.model_copy(update={"most": 1_000}))

    assert swept.left is not None
    assert (swept.missed, swept.left.onward, swept.until) == (100, "d_1", None)


async def test_a_list_whose_page_is_not_known_any_more_begins_again(databases: Databases) -> None:
    gateway = Listing(101)
    gateway.no = Refused("no_such_page")

    swept = await sweep(databases, gateway, ASK.model_copy(update={"most": 1_000}))

    assert swept == Swept(missed=100)
