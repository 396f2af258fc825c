"""One seed, told to its rest: what is sold to whom, and what goes wrong."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from domain.booking import BookingRequest, BookingStatus
from domain.inventory import HoldStatus
from domain.money import Money
from domain.refusal import SoldOut
from tests.simulation import judge
from tests.simulation.clock import Clock, Restless
from tests.simulation.engine import Engine
from tests.simulation.fault import Fault, Faults
from tests.simulation.people import Buyer, Manner, Operator
from tests.simulation.relay import Relay
from tests.simulation.sdk import Defect
from tests.simulation.step import Steps
from tests.simulation.world.rows import Booking, Violation
from tests.simulation.world.world import World
from workflows.aftercare import AftercareWorkflow
from workflows.booking import BookingWorkflow
from workflows.notice import NoticeWorkflow
from workflows.refund import RefundWorkflow
from workflows.sweep import SweepWorkflow

KINDS: tuple[type, ...] = (BookingWorkflow, AftercareWorkflow, RefundWorkflow, NoticeWorkflow, SweepWorkflow)
HOLD = timedelta(minutes=15)
PRICE, NOTHING = Money(minor=2_500, currency="EUR"), Money(minor=0, currency="EUR")

# What can only be made good by whoever looks for it: with these the provider is asked from time to time.
SWEPT = {Fault.WEBHOOK_LOST, Fault.RUN_LOST}
ONCE = {Fault.REFUND_RETURNED, Fault.CANCELLED, Fault.CANCELLED_BY_HAND, Fault.OFF_SALE, Fault.LONG_HISTORY}


@dataclass(frozen=True)
class Plot:
    """What is settled about a story beforehand; what is None is left to its seed.

    `decides_after` is how long a bank thinks, `partner_within` how long a partner may; `by_seed` says that
    the seed alone tells it again.
    """

    troubles: tuple[Fault, ...] | None = None
    manner: Manner | None = None
    bookings: int | None = None
    capacity: int | None = None
    decides_after: timedelta | None = None
    partner_within: timedelta | None = None
    by_seed: bool = False


ANYTHING = Plot(by_seed=True)


class Story:
    """A small shop, a few bookings, and trouble; `kinds` are the workflow classes, or broken twins."""

    def __init__(self, seed: int, plot: Plot = ANYTHING, *, kinds: Iterable[type] = KINDS) -> None:
        self.seed, self.plot = seed, plot
        self.chance = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.clock = Clock()
        self.faults = Faults(self.clock, self.chance, self._allowed())
        capacity = self.chance.choice([1, 1, 2, 3])
        self.world = World(self.clock, self.faults, capacity=plot.capacity or capacity)
        self.steps = Steps(self.world.doers, self.clock, self.faults)
        self.engine = Engine(self.clock, self.faults, kinds, self.steps)
        self.relay = self.world.teller = Relay(self.clock, self.faults, self.world, self.engine)

    def tell(self) -> "Story":
        """Let it happen, and judge what is left. Raises Violation with the trace."""
        try:
            self.begin()
            self.clock.run()
            self.look()
        except (AssertionError, Defect, Restless) as error:
            told = f"seed {self.seed}: {error}\n\n{self.clock.told()}\n\nagain: {self.again}"
            raise Violation(told) from error
        return self

    def begin(self) -> None:
        """Settle what will happen by itself."""
        bookings = self.chance.choice([1, 1, 1, 2, 3])
        for number in range(self.plot.bookings or bookings):
            self.clock.after(self.faults.between(0, 400 * number), partial(self._sell, number))
        if self.faults.allows(Fault.ELSEWHERE):
            for _ in range(6):
                self.clock.after(self.faults.between(0, 2_400), self.sell_elsewhere)
        if self.faults.strike(Fault.OFF_SALE):
            self.clock.after(self.faults.between(0, 2_000), partial(setattr, self.world, "on_sale", False))
        if any(self.faults.allows(fault) for fault in SWEPT):
            self.relay.sweep_from_time_to_time()
        Operator(self.clock, self.engine).look_from_time_to_time()

    def look(self) -> None:
        """Judge what is left. Raises Violation."""
        wrong = [*judge.wrong_in_world(self.world, self.faults)]
        for run in self.engine.all:
            wrong += judge.wrong_with_run(run)
        if wrong:
            raise Violation("; ".join(wrong))

    @property
    def again(self) -> str:
        """What tells this story again."""
        if self.plot.by_seed:
            return f"./dev test tests/simulation --seed {self.seed}"
        return f"Story({self.seed}, {self.plot}).tell()"

    @property
    def booking(self) -> Booking:
        """The first booking."""
        return next(iter(self.world.bookings.values()))

    def sell_elsewhere(self, *, for_sure: bool = False) -> None:
        """Sell what is free to somebody who is no concern of ours, by chance or for sure."""
        request = BookingRequest(
            tenant_id=self._id(), booking_id=self._id(), offer_id=self._id(), reference="elsewhere"
        )
        booking = Booking(request, NOTHING, NOTHING, HOLD, status=BookingStatus.CONFIRMED, tickets=1)
        if self.faults.strike(Fault.ELSEWHERE) or for_sure:
            try:
                self.world.inventory.take(booking, None)
            except SoldOut:
                return
            booking.holds[-1].status = HoldStatus.PURCHASED
            self.world.bookings[booking.id] = booking

    # --- inside

    def _allowed(self) -> dict[Fault, int]:
        troubles: Iterable[Fault] | None = self.plot.troubles
        if troubles is None:
            troubles = self.chance.sample([*Fault], self.chance.choice([0, 1, 2, 2, 3, 4, 6, 9]))
        return {fault: 1 if fault in ONCE else self.chance.randint(1, 4) for fault in troubles}

    def _sell(self, number: int) -> None:
        """Take a booking at the door, begin its run, and let its buyer come."""
        partner = self.plot.partner_within
        if self.plot == ANYTHING and self.chance.random() < 0.15:
            partner = timedelta(hours=1)
        price = NOTHING if self.plot == ANYTHING and self.chance.random() < 0.05 else PRICE
        request = BookingRequest(
            tenant_id=self._id(),
            booking_id=self._id(),
            offer_id=self._id(),
            reference=f"B{number}",
            attempts=3,
            partner_within=partner,
            review_within=timedelta(hours=2),
            history_limit=25 if self.faults.strike(Fault.LONG_HISTORY) else 8_000,
        )
        booking = Booking(request, total=price, due=price, hold_for=HOLD)
        try:
            self.world.inventory.place(booking)
        except SoldOut:
            return
        self._let_buyer_come(booking)
        told_after = self.faults.between(0, self.chance.choice([0.1, 1, 60]))
        self.clock.after(told_after, lambda: self._to_run(booking, lambda _: None))
        for fault, does in (
            (Fault.CANCELLED_BY_HAND, self.engine.cancel),
            (Fault.RUN_LOST, self.engine.forget),
        ):
            if self.faults.strike(fault):
                self.clock.after(self.faults.between(0.1, 1_200), partial(self._to_run, booking, does))

    def _let_buyer_come(self, booking: Booking) -> None:
        manner = self.plot.manner or self.chance.choice([*Manner])
        self.clock.note(f"{booking.request.reference}: a buyer who {manner}")
        buyer = Buyer(self.clock, self.faults, self.world, self.relay, booking, manner)
        buyer.decides_after = self.plot.decides_after
        buyer.manual = booking.request.partner_within is not None and self.chance.random() < 0.7
        buyer.review = booking.reviewed = self.plot == ANYTHING and self.chance.random() < 0.1
        buyer.come()

    def _to_run(self, booking: Booking, does: Any) -> None:
        run = self.relay.begin(booking)
        if run:
            does(run)

    def _id(self) -> Any:
        return UUID(int=self.chance.getrandbits(128), version=4)
