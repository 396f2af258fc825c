"""Book, pay, cancel, expire, in any order and number, on the real statements.

PostgreSQL answers what the model answers, refusals and all; its counters, states and tickets are the model's
after every deed.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import ModuleType
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from uuid_utils.compat import uuid7

from db.booking import confirm as pivot
from db.booking.end import end_booking
from db.booking.place import place
from db.booking.read import Booking
from db.inventory import hold as holds, wait
from db.payment import attempt, fold
from domain.aftercare import LateMoney, Settlement
from domain.booking import BookingStatus, ConfirmBooking, EndBooking, EndReason
from domain.ids import BookingId, PaymentId
from domain.inventory import HoldPlaces, KeepPlaces
from domain.payment import CreatePayment, FactKind, StartPayment
from domain.refusal import Refusal
from tests.model.rules import Model, Sale, Time
from tests.support.database import Databases, Urls, connected
from tests.support.shop import fact_of, let_time_pass, open_shop

T = TypeVar("T")

EXAMPLES, STEPS = (500, 50) if os.environ.get("HOLDFAST_TEST_ALL") else (25, 30)
CAPACITY = 3

STANDING = """
select b.id, b.status,
       (select count(*) from tickets t where t.booking_id = b.id and t.status = 'active') as tickets
  from bookings b where b.tenant_id = $1
"""
COUNTER = "select held, sold from counters where tenant_id = $1"

ENDS = {
    EndReason.CANCELLED: BookingStatus.CANCELLED,
    EndReason.EXPIRED: BookingStatus.EXPIRED,
    EndReason.FAILED: BookingStatus.FAILED,
}
# By what would go wrong: a statement of `db.inventory`, a guard in it, and what stands there instead.
TWINS: dict[str, tuple[ModuleType, str, str, str]] = {
    "keeps what is over": (wait, "WAIT", "($4 or expires_at > now())", "($4 or expires_at is not null)"),
    "takes back too early": (holds, "TAKE_BACK", "and kept_until < now()", ""),
    "releases what was sold": (holds, "RELEASE", "and status = 'active'", ""),
}

which = st.integers(min_value=0, max_value=5)


class Selling(RuleBasedStateMachine):
    """One shop with one slot; `run` runs awaitables, for a state machine is no coroutine."""

    databases: Databases
    run: Callable[[Awaitable[Any]], Any]

    def __init__(self) -> None:
        super().__init__()
        self.shop = self.run(open_shop(self.databases.app, capacity=CAPACITY))
        self.model = Model(CAPACITY)
        self.bookings: dict[BookingId, Booking] = {}

    # --- deeds

    @rule(places=st.integers(min_value=1, max_value=2))
    def book(self, places: int) -> None:
        room = self.model.take(places)

        answer = self.word(place(self.databases.app, self.shop.placement(quantities=places)))

        if room:
            booking: Booking = answer.booking
            self.bookings[booking.id] = booking
            self.model.sales[booking.id] = Sale(booking.id, places)
        else:
            assert answer == "SoldOut"

    @precondition(lambda self: self.bookings)
    @rule(n=which)
    def adopt(self, n: int) -> None:
        sale = self.sale(n)
        ask = HoldPlaces(tenant_id=self.shop.tenant_id, booking_id=sale.id)

        answer = self.word(self.in_app(wait.hold_places, ask))

        assert (answer if isinstance(answer, str) else "held") == self.model.adopt(sale)

    @precondition(lambda self: self.bookings)
    @rule(n=which)
    def begin_to_pay(self, n: int) -> None:
        sale, payment_id = self.sale(n), PaymentId(uuid7())
        ask = KeepPlaces(
            tenant_id=self.shop.tenant_id,
            booking_id=sale.id,
            payment_id=payment_id,
            grace=timedelta(minutes=2),
        )

        answer = self.word(self.in_app(wait.keep_places, ask))

        assert (answer if isinstance(answer, str) else "kept") == self.model.begin_to_pay(sale, payment_id)
        if not isinstance(answer, str):
            again = self.word(self.in_app(wait.keep_places, ask))
            assert again.kept_until == answer.kept_until
            self.run(self.open(sale, payment_id))

    @precondition(lambda self: any(sale.captured for sale in self.model.sales.values()))
    @rule(n=which, kind=st.sampled_from([FactKind.CAPTURED, FactKind.CAPTURED, FactKind.DECLINED]))
    def hear_from_the_bank(self, n: int, kind: FactKind) -> None:
        sale = self.sale(n, [each for each in self.model.sales.values() if each.captured])
        payment_id = [*sale.captured][n % len(sale.captured)]

        self.run(self.hear(sale, payment_id, kind))

        sale.captured[payment_id] |= kind is FactKind.CAPTURED

    @precondition(lambda self: self.bookings)
    @rule(n=which)
    def confirm(self, n: int) -> None:
        sale = self.sale(n)
        ask = ConfirmBooking(tenant_id=self.shop.tenant_id, booking_id=sale.id)

        answer = self.word(self.in_app(pivot.confirm, ask))

        assert (answer if isinstance(answer, str) else "confirmed") == self.model.confirm(sale)
        assert isinstance(answer, str) or answer.tickets == sale.places

    @precondition(lambda self: self.bookings)
    @rule(n=which, why=st.sampled_from([*ENDS]))
    def give_up(self, n: int, why: EndReason) -> None:
        """End it as the saga does: the places first, then the booking."""
        sale = self.sale(n)
        places = HoldPlaces(tenant_id=self.shop.tenant_id, booking_id=sale.id)
        ending = EndBooking(tenant_id=self.shop.tenant_id, booking_id=sale.id, reason=why)
        if why is EndReason.FAILED and sale.status is BookingStatus.HELD:
            return  # nothing can fail that was not begun

        self.word(self.in_app(holds.release_places, places))
        ended = self.word(self.in_app(end_booking, ending))

        assert ended.status.value == self.model.end(sale, ENDS[why])

    @precondition(lambda self: any(not sale.over for sale in self.model.sales.values()))
    @rule(n=which, kept=st.booleans())
    def let_the_hold_run_over(self, n: int, *, kept: bool) -> None:
        sale = self.sale(n, [each for each in self.model.sales.values() if not each.over])

        kept_for = timedelta(hours=1) if kept else timedelta(0)
        self.run(let_time_pass(self.databases.urls, sale.id, kept_for=kept_for))

        sale.time = Time.KEPT if kept else Time.OVERDUE

    @precondition(lambda self: self.late())
    @rule(n=which)
    def settle(self, n: int) -> None:
        """Decide on money that came for a booking whose run is over; again, it is the same."""
        sale, payment_id = self.late()[n % len(self.late())]
        ask = LateMoney(tenant_id=self.shop.tenant_id, booking_id=sale.id, payment_id=payment_id)

        first, again = [self.word(self.in_app(pivot.settle_late_money, ask)) for _ in range(2)]

        said = "confirmed" if first.settlement is Settlement.CONFIRMED else first.cause
        assert said == self.model.settle(sale, payment_id)
        assert first == again

    # --- what must hold after each

    @invariant()
    def rows_are_the_models(self) -> None:
        rows = self.run(self.rows(STANDING))
        (counter,) = self.run(self.rows(COUNTER))

        found = {row["id"]: (row["status"], row["tickets"]) for row in rows}
        sold = BookingStatus.CONFIRMED
        assert found == {
            sale.id: (sale.status.value, sale.places if sale.status is sold else 0)
            for sale in self.model.sales.values()
        }
        assert (counter["held"], counter["sold"]) == (self.model.held, self.model.sold)

    # --- inside

    def late(self) -> list[tuple[Sale, PaymentId]]:
        """List the payments that were captured, of bookings that have ended."""
        return [
            (sale, payment)
            for sale in self.model.sales.values()
            if sale.over
            for payment, paid in sale.captured.items()
            if paid
        ]

    def sale(self, n: int, among: list[Sale] | None = None) -> Sale:
        sales = among or [*self.model.sales.values()]
        return sales[n % len(sales)]

    def word(self, deed: Awaitable[T]) -> Any:
        """Give the answer of a deed, or the name of its refusal."""
        try:
            return self.run(deed)
        except Refusal as no:
            return type(no).__name__

    async def in_app(self, statement: Callable[..., Awaitable[T]], ask: Any) -> T:
        async with self.databases.app.tenant(self.shop.tenant_id) as connection:
            return await statement(connection, ask)

    async def open(self, sale: Sale, payment_id: PaymentId) -> None:
        booking = self.bookings[sale.id]
        ask = CreatePayment(
            tenant_id=booking.tenant_id,
            booking_id=booking.id,
            reference=booking.reference,
            wish=StartPayment(
                payment_id=payment_id, provider="stripe", account="default", amount=booking.due, return_url=""
            ),
        )
        async with self.databases.payment.tenant(booking.tenant_id) as connection:
            await attempt.create(connection, ask)

    async def hear(self, sale: Sale, payment_id: PaymentId, kind: FactKind) -> None:
        fact = fact_of(self.bookings[sale.id], payment_id, kind)
        async with self.databases.payment.tenant(self.shop.tenant_id) as connection:
            await fold.record(connection, self.shop.tenant_id, payment_id, [fact])

    async def rows(self, sql: str) -> list[Any]:
        async with self.databases.app.tenant(self.shop.tenant_id) as connection:
            return await connection.fetch(sql, self.shop.tenant_id)


@contextmanager
def selling(urls: Urls) -> Iterator[type[Selling]]:
    """Give the machine on a database, with a loop of its own to run what it awaits."""
    loop = asyncio.new_event_loop()
    roles = connected(urls)

    class Here(Selling):
        databases = loop.run_until_complete(roles.__aenter__())
        run = staticmethod(loop.run_until_complete)

    try:
        yield Here
    finally:
        loop.run_until_complete(roles.__aexit__(None, None, None))
        loop.close()


def some(examples: int, *phases: Phase) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        phases=phases or tuple(Phase),
        suppress_health_check=[*HealthCheck],
    )


@pytest.mark.row("INV-05", partly="one caller at a time here: the race has tests of its own")
def test_the_shop_sells_as_the_model_says(urls: Urls) -> None:
    with selling(urls) as machine:
        run_state_machine_as_test(machine, settings=some(EXAMPLES))


@pytest.mark.parametrize("wrong", TWINS)
def test_a_statement_without_its_guard_is_found_out(
    urls: Urls, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, statement, guard, instead = TWINS[wrong]
    whole = getattr(module, statement)
    assert guard in whole
    monkeypatch.setattr(module, statement, whole.replace(guard, instead))

    with selling(urls) as machine, pytest.raises((AssertionError, asyncpg.CheckViolationError)):
        run_state_machine_as_test(machine, settings=some(300, Phase.generate))
