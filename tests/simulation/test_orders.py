"""The facts of one payment in every order, together or apart, wherever its hold stands, also before our own
call has returned.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import permutations
from typing import Any, NamedTuple

import pytest

from domain.booking import BookingStatus, CancelBooking
from domain.ids import PaymentId
from domain.money import Money
from domain.payment import FactKind, PaymentFact
from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.provider import AtProvider, Provider
from tests.simulation.story import Plot, Story
from workflows import names

KINDS = (
    FactKind.REQUIRES_ACTION,
    FactKind.PROCESSING,
    FactKind.DECLINED,
    FactKind.AUTHORIZED,
    FactKind.CAPTURED,
)
PLOT = Plot(troubles=(), manner=Manner.LEAVES, bookings=1, capacity=1)
LONG = timedelta(hours=3)
AT_ONCE, ONE_BY_ONE = timedelta(0), timedelta(seconds=3)


def unheard(fact: PaymentFact) -> None:
    """Lose a webhook."""


def over(story: Story) -> None:
    """Wait until the hold has ended, and all that was put off for the bank."""
    story.clock.run(LONG)


def gone(story: Story) -> None:
    """Wait for the end, and sell the place to somebody else."""
    over(story)
    story.sell_elsewhere(for_sure=True)


def cancelled(story: Story) -> None:
    """Have the buyer cancel, as the judge has to know."""
    run = story.engine.open(names.booking(story.booking.id))
    assert run
    story.faults.struck[Fault.CANCELLED] += 1
    story.engine.update(run, "cancel", "cancel", CancelBooking(by="buyer"), lambda _: None)
    story.clock.run(timedelta(minutes=1))


class Hold(NamedTuple):
    """What comes before the bank's yes, how the booking stands by then, and how it ends."""

    meanwhile: Callable[[Story], None]
    stands: BookingStatus
    ends: BookingStatus


HOLDS = {
    "active": Hold(lambda _: None, BookingStatus.AWAITING_PAYMENT, BookingStatus.CONFIRMED),
    "over, its place free": Hold(over, BookingStatus.EXPIRED, BookingStatus.CONFIRMED),
    "over, its place gone": Hold(gone, BookingStatus.EXPIRED, BookingStatus.REFUNDED),
    "cancelled": Hold(cancelled, BookingStatus.CANCELLED, BookingStatus.REFUNDED),
}


def paid(hold: Hold) -> tuple[Story, list[PaymentFact]]:
    """Tell a story until its buyer's bank has said yes, unheard by us; gives the facts that could be told."""
    story = Story(3, PLOT)
    provider = story.world.provider = Provider(story.clock, unheard)
    story.begin()
    story.clock.run(timedelta(minutes=2))
    (checkout,) = provider.checkouts.values()
    provider.bring_to_bank(checkout.ref)
    hold.meanwhile(story)
    assert story.booking.status is hold.stands
    provider.decide(checkout.ref, yes=True)
    captured = checkout.facts[-1]
    changes = ({"kind": kind, "event_id": f"evt_{kind}", "operation": f"op_{kind}"} for kind in KINDS[:-1])
    return story, [*(captured.model_copy(update=each) for each in changes), captured]


def tellings() -> Iterator[Any]:
    """Give each hold with the facts one by one and at once; the latter is heavy where the run is over."""
    for name, hold in HOLDS.items():
        often = () if name == "active" else pytest.mark.heavy
        yield pytest.param(hold, ONE_BY_ONE, id=f"{name}-one by one")
        yield pytest.param(hold, AT_ONCE, id=f"{name}-at once", marks=often)


@pytest.mark.row("WHK-07", partly="the saga's half: the rows' half is proved on PostgreSQL")
@pytest.mark.parametrize(("hold", "apart"), [*tellings()])
def test_five_facts_in_any_order_end_in_the_same_state(hold: Hold, apart: timedelta) -> None:
    for order in permutations(range(len(KINDS))):
        story, facts = paid(hold)
        for place, number in enumerate(order):
            story.clock.after(place * apart, partial(tell, story, facts[number]))
        story.clock.run()

        story.look()
        assert story.booking.status is hold.ends


class Hasty(Provider):
    """A provider whose buyers pay in the moment in which a checkout is opened."""

    def open(self, payment_id: PaymentId, amount: Money, *, key: str, manual: bool) -> AtProvider:
        opened = super().open(payment_id, amount, key=key, manual=manual)
        self.pay(opened.ref)
        return opened


def test_money_that_is_told_before_our_call_has_returned_is_heard() -> None:
    story = Story(3, PLOT)
    story.world.provider = Hasty(story.clock, story.relay.arrive)
    story.tell()

    told = [what for _, what in story.clock.trace if "is told" in what or what.startswith("create_payment")]
    assert "is told payment_reported" in told[0]
    assert story.booking.status is BookingStatus.CONFIRMED


def tell(story: Story, fact: PaymentFact) -> None:
    """Tell the booking's run, or whoever looks after the payment once that is over."""
    ended = story.engine.open(names.booking(story.booking.id)) is None
    story.relay.report(fact, story.booking, ended=ended)
