"""What news of a payment becomes while the places are held: the column of the table that the running saga
acts on. The others are judged over rows by `tests/activities/test_settlement.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from domain.booking import BookingStatus
from tests.simulation.engine import Run
from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.provider import State
from tests.simulation.story import Plot, Story
from workflows import names

# The bank is asked within a minute, and decides behind the end of the hold, before the wait is over.
BEHIND_THE_END = timedelta(seconds=910)
LONG_AFTER = timedelta(hours=3)


@dataclass(frozen=True)
class Held:
    """A story of one buyer, how it ends, and how often its places were taken."""

    name: str
    manner: Manner
    end: BookingStatus
    troubles: tuple[Fault, ...] = ()
    decides_after: timedelta | None = None
    holds: int = 1


HELD = (
    Held("success confirms", Manner.PAYS, BookingStatus.CONFIRMED),
    Held("a decline counts", Manner.DECLINED_ONCE, BookingStatus.CONFIRMED),
    Held("the last decline ends it", Manner.DECLINED, BookingStatus.FAILED),
    Held("the bank is waited for", Manner.BANK_YES, BookingStatus.CONFIRMED, decides_after=BEHIND_THE_END),
    Held("its no ends the wait", Manner.BANK_NO, BookingStatus.FAILED, decides_after=BEHIND_THE_END),
    Held("it is waited for once", Manner.BANK_NO, BookingStatus.EXPIRED, decides_after=LONG_AFTER),
    Held("who leaves loses the places", Manner.LEAVES, BookingStatus.EXPIRED),
    Held("another amount is no pay", Manner.PAYS, BookingStatus.REFUNDED, (Fault.OTHER_AMOUNT,)),
)


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.name)
def test_the_run_does_what_the_table_says_while_the_places_are_held(held: Held) -> None:
    plot = Plot(held.troubles, held.manner, 1, 1, decides_after=held.decides_after)

    stories = [Story(seed, plot).tell() for seed in range(20)]

    struck = [each for each in stories if {*held.troubles} <= each.faults.struck.keys()]
    assert struck
    assert {story.booking.status for story in struck} == {held.end}
    assert {len(story.booking.holds) for story in struck} == {held.holds}


def test_what_lapses_at_the_bank_ends_the_wait_that_was_put_off_for_it() -> None:
    story = Story(3, Plot((), Manner.BANK_YES, 1, 1, decides_after=timedelta(days=400)))
    story.begin()
    story.clock.run(BEHIND_THE_END)
    (checkout,) = story.world.provider.checkouts.values()
    assert checkout.state is State.UNDECIDED

    story.world.provider.lapse(checkout.ref)
    story.clock.run(timedelta(seconds=30))

    assert story.booking.status is BookingStatus.FAILED


def charged(seed: int, *troubles: Fault) -> Story:
    """Tell a story until its buyer has paid."""
    story = Story(seed, Plot(troubles, Manner.PAYS, 1, 1))
    story.begin()
    while not any(each.charged for each in story.world.provider.checkouts.values()):
        story.clock.run(timedelta(milliseconds=5))
    return story


@pytest.mark.parametrize("seed", range(5))
def test_a_payment_about_which_nobody_could_be_asked_is_asked_about_again_before_the_hold_ends(
    seed: int,
) -> None:
    story = charged(seed)

    story.steps.leave(timedelta(minutes=3), foreign=True)
    story.clock.run(timedelta(minutes=5))

    assert story.booking.status is BookingStatus.CONFIRMED


def by_the_buyer(story: Story, run: Run) -> None:
    """Let the buyer say that it is paid."""
    (payment,) = story.booking.payments
    story.engine.update(run, "check_payment", "check:1", payment.id, lambda _: None)


def by_a_run_begun_anew(story: Story, run: Run) -> None:
    """Lose the run, and begin another, which looks after what the first has left."""
    story.engine.forget(run)
    story.relay.begin(story.booking)


@pytest.mark.parametrize("asked", [by_the_buyer, by_a_run_begun_anew])
def test_what_nobody_could_be_asked_about_is_asked_about_again_though_nobody_tells_of_it(
    asked: Callable[[Story, Run], None],
) -> None:
    stories = [charged(seed, Fault.WEBHOOK_LOST) for seed in range(20)]
    untold = [story for story in stories if story.faults.struck[Fault.WEBHOOK_LOST]]

    for story in untold:
        run = story.engine.open(names.booking(story.booking.id))
        assert run
        story.steps.leave(timedelta(minutes=3), foreign=True)
        asked(story, run)
        story.clock.run(timedelta(minutes=5))

    assert {story.booking.status for story in untold} == {BookingStatus.CONFIRMED}


def asked_of_a_partner(seed: int) -> Story:
    """Tell a story until its buyer has paid, and somewhat longer."""
    story = Story(seed, Plot((), Manner.PAYS, 1, 1, partner_within=LONG_AFTER))
    story.begin()
    story.clock.run(timedelta(seconds=90))
    return story


def is_held_for_its_partner(story: Story) -> bool:
    """Say whether a partner thinks, and the money is only held meanwhile."""
    (checkout,) = story.world.provider.checkouts.values()
    return story.booking.status is BookingStatus.AWAITING_PARTNER and checkout.state is State.AUTHORIZED


def test_money_that_goes_while_a_partner_thinks_is_missed_though_nobody_could_be_asked_at_first() -> None:
    waiting = [*filter(is_held_for_its_partner, (asked_of_a_partner(seed) for seed in range(20)))]

    for story in waiting:
        (checkout,) = story.world.provider.checkouts.values()
        story.world.provider.void(checkout.ref)
        story.steps.leave(timedelta(minutes=3), foreign=True)
        story.clock.run(timedelta(minutes=5))

    assert waiting
    assert BookingStatus.AWAITING_PARTNER not in {story.booking.status for story in waiting}
