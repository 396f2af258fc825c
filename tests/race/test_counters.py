"""Whatever is done, in whatever order: the counters say what the holds and tickets add up to (I1)."""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from db.booking.confirm import confirm
from db.booking.end import end_booking
from db.booking.place import place
from db.booking.read import Booking
from db.inventory import hold as holds, wait
from db.session import Connection
from domain.booking import ConfirmBooking, EndBooking, EndReason
from domain.ids import CounterId
from domain.inventory import HoldPlaces
from domain.refusal import Refusal
from tests.support.database import Databases, superuser
from tests.support.shop import Shop, keep, let_time_pass, open_shop, pay

DEEDS = (
    "place",
    "place",
    "place two",
    "release",
    "let pass",
    "keep",
    "pay",
    "confirm",
    "end",
    "adopt",
    "sweep",
)

BOOKS = """
select c.capacity, c.held, c.sold,
       coalesce(sum(h.places) filter (where h.status = 'active'), 0) as active,
       coalesce(sum(h.places) filter (where h.status = 'purchased'), 0) as bought
  from counters c left join holds h on h.tenant_id = c.tenant_id and h.counter_id = c.id
 where c.tenant_id = $1 group by c.tenant_id, c.id
"""

TICKETS = "select count(*) from tickets where tenant_id = $1 and slot_id = $2"
SOLD = "select sold from counters where tenant_id = $1 and id = $2"


class Story:
    """What happens in one shop, deed by deed; a refusal is an answer like any other."""

    def __init__(self, databases: Databases, shop: Shop) -> None:
        self.databases, self.shop = databases, shop
        self.bookings: list[Booking] = []

    async def do(self, deed: str, which: int) -> None:
        """Do one deed to the `which`-th booking."""
        booking = self.bookings[which % len(self.bookings)] if self.bookings else None
        try:
            if deed.startswith("place"):
                await self.place(quantity=2 if deed.endswith("two") else 1)
            elif booking is not None:
                await self.do_to(booking, deed)
        except Refusal:
            pass

    async def place(self, *, quantity: int) -> None:
        quantities = {variant.id: quantity for variant in self.shop.variants}
        self.bookings.append(
            (await place(self.databases.app, self.shop.placement(quantities=quantities))).booking
        )

    async def do_to(self, booking: Booking, deed: str) -> None:
        if deed == "let pass":
            await let_time_pass(self.databases.urls, booking.id)
        elif deed == "keep":
            await keep(self.databases.app, booking)
        elif deed == "pay":
            await pay(self.databases.payment, booking)
        else:
            async with self.databases.app.tenant(booking.tenant_id) as connection:
                await self.write(connection, booking, deed)

    async def write(self, connection: Connection, booking: Booking, deed: str) -> None:
        places = HoldPlaces(tenant_id=booking.tenant_id, booking_id=booking.id)
        if deed == "release":
            await holds.release_places(connection, places)
        elif deed == "adopt":
            await wait.hold_places(connection, places)
        elif deed == "confirm":
            await confirm(connection, ConfirmBooking(tenant_id=booking.tenant_id, booking_id=booking.id))
        elif deed == "end":
            await holds.release_places(connection, places)
            reason = EndReason.EXPIRED
            ask = EndBooking(tenant_id=booking.tenant_id, booking_id=booking.id, reason=reason)
            await end_booking(connection, ask)
        else:
            await holds.take_back(connection, booking.tenant_id, [*await self.counters(connection)])

    async def counters(self, connection: Connection) -> list[CounterId]:
        return [row["id"] for row in await connection.fetch("select id from counters")]

    async def check(self) -> None:
        """The counters are what the rows add up to."""
        tenant_id, slot = self.shop.tenant_id, self.shop.slot
        async with superuser(self.databases.urls) as judge:
            for row in await judge.fetch(BOOKS, tenant_id):
                assert (row["held"], row["sold"]) == (row["active"], row["bought"])
                assert row["held"] + row["sold"] <= row["capacity"]
            assert await judge.fetchval(TICKETS, tenant_id, slot.id) == await judge.fetchval(
                SOLD, tenant_id, slot.id
            )


@pytest.mark.row("INV-03", partly="the slot record of the availability routes")
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 7)), min_size=4, max_size=25))
async def test_counters_are_what_holds_and_tickets_add_up_to(
    databases: Databases, deeds: list[tuple[str, int]]
) -> None:
    shop = await open_shop(databases.app, capacity=5)
    await shop.add_variant(9_000, quota=3, name="VIP")
    story = Story(databases, shop)

    for deed, which in deeds:
        await story.do(deed, which)

    await story.check()
