"""The facts of one payment in every order, together or apart, also before our own call has returned."""

from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest

from domain.booking import BookingStatus
from domain.ids import PaymentId
from domain.money import Money
from domain.payment import FactKind, PaymentFact
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


def unheard(fact: PaymentFact) -> None:
    """Lose a webhook."""


def paid() -> tuple[Story, list[PaymentFact]]:
    """Tell a story until its buyer has paid, unheard by us; gives the facts that could be told."""
    story = Story(3, PLOT)
    story.world.provider = Provider(story.clock, unheard)
    story.begin()
    story.clock.run(timedelta(minutes=2))
    (checkout,) = story.world.provider.checkouts.values()
    story.world.provider.pay(checkout.ref)
    captured = checkout.facts[-1]
    changes = ({"kind": kind, "event_id": f"evt_{kind}", "operation": f"op_{kind}"} for kind in KINDS[:-1])
    return story, [*(captured.model_copy(update=each) for each in changes), captured]


@pytest.mark.row("WHK-07", partly="the saga's half: the rows' half is proved on PostgreSQL")
@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=3)], ids=["at once", "one by one"])
def test_five_facts_in_any_order_end_in_the_same_state(apart: timedelta) -> None:
    for order in permutations(range(len(KINDS))):
        story, facts = paid()
        for place, number in enumerate(order):
            story.clock.after(place * apart, partial(tell, story, facts[number]))
        story.clock.run()

        story.look()
        assert story.booking.status is BookingStatus.CONFIRMED


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
