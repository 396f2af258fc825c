"""What a provider lists is read a part at a time: the next sweep goes on where this one has ended."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from activities.relay.telling import tell_each
from activities.sweep import SweepActivities
from db.booking.place import place
from domain.booking import BookingRequest
from domain.ids import BookingId, OfferId, PaymentId, TenantId
from domain.money import Money
from domain.payment import FactKind, PaymentFact
from domain.sweep import ListMissed, SweepRequest, Swept
from providers.gateway import Accounts, GatewayTrouble, Missed, NotExecuted, Order, OutcomeUnknown, Refused
from tests.support.database import Databases, superuser
from tests.support.dummy import Dummy
from tests.support.shop import keep, open_shop, pay
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


class Silent(Dummy):
    """Says nothing of any payment."""

    provider = "stripe"

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:  # noqa: ARG002 - the protocol's
        structlog.get_logger().warning("provider said no")
        raise OutcomeUnknown("no_answer")


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


def steps(databases: Databases, gateway: Dummy) -> SweepActivities:
    return SweepActivities(
        databases.app, databases.relay, Accounts(gateway), Told(), live=False, grace=timedelta(minutes=2)
    )


async def sweep(databases: Databases, gateway: Listing, ask: ListMissed) -> Swept:
    return await ActivityEnvironment().run(steps(databases, gateway).list_missed, ask)


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


async def test_what_is_said_of_an_open_payment_is_joined_to_its_tenant_and_its_booking(
    databases: Databases,
) -> None:
    booking = (await place(databases.app, (await open_shop(databases.app)).placement())).booking
    await keep(databases.app, booking)
    await pay(databases.payment, booking, kind=FactKind.PENDING)
    asking = steps(databases, Silent()).ask_open_payments
    every = SweepRequest(provider="stripe", account="default", every=timedelta(0))

    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        await ActivityEnvironment().run(asking, every)

    [no] = [line for line in lines if line["event"] == "provider said no"]
    assert (no["tenant_id"], no["booking_id"]) == (str(booking.tenant_id), str(booking.id))


async def test_what_is_said_of_a_run_that_cannot_be_begun_is_joined_to_its_tenant_and_its_booking() -> None:
    request = BookingRequest(
        tenant_id=TenantId(uuid7()), booking_id=BookingId(uuid7()), offer_id=OfferId(uuid7()), reference="B1"
    )

    async def stumble(_: BookingRequest) -> None:
        structlog.get_logger().warning("a defect")
        raise ValueError

    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        assert await tell_each([request], stumble) == ([], [])

    [defect] = [line for line in lines if line["event"] == "a defect"]
    assert (defect["tenant_id"], defect["booking_id"]) == (str(request.tenant_id), str(request.booking_id))
