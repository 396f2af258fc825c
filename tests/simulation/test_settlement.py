"""What news of a payment becomes while the places are held: the column of the table that the running saga
acts on. The others are judged over rows by `tests/activities/test_settlement.py`.
"""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from domain.booking import BookingStatus
from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.provider import State
from tests.simulation.story import Plot, Story

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


@pytest.mark.parametrize("seed", range(5))
def test_a_payment_about_which_nobody_could_be_asked_is_asked_about_again_before_the_hold_ends(
    seed: int,
) -> None:
    story = Story(seed, Plot((), Manner.PAYS, 1, 1))
    story.begin()
    while not any(each.charged for each in story.world.provider.checkouts.values()):
        story.clock.run(timedelta(milliseconds=5))

    story.steps.leave(timedelta(minutes=3), foreign=True)
    story.clock.run(timedelta(minutes=5))

    assert story.booking.status is BookingStatus.CONFIRMED
