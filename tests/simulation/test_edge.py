"""The moment in which a hold ends: money, deadline, worker and rivals meet in it."""

from datetime import timedelta
from functools import partial

import pytest

from domain.booking import BookingStatus
from tests.simulation import sdk
from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.story import Plot, Story

STORIES = 1_000

TROUBLES = (
    Fault.WORKER_AWAY,
    Fault.KILLED_IN_TASK,
    Fault.TIMER_LATE,
    Fault.CLOCKS_APART,
    Fault.DATABASE_AWAY,
    Fault.TOLD_TWICE,
    Fault.CANCELLED,
    Fault.ELSEWHERE,
)
LATE = [timedelta(seconds=901), timedelta(hours=1, minutes=15), timedelta(days=3)]


def edge(seed: int) -> Plot:
    """Settle which trouble, if any, comes to a buyer who pays in the last moment."""
    troubles = ((), *((trouble,) for trouble in TROUBLES))
    return Plot(troubles[seed % len(troubles)], Manner.AT_THE_EDGE, bookings=1, capacity=1, by_seed=True)


def test_paid_as_the_hold_ends_is_booked_or_paid_back(seeds: range) -> None:
    """F24, of which tests/crash tells two hundred on real processes."""
    for seed in seeds:
        Story(seed, edge(seed)).tell()


def test_news_and_the_deadline_do_meet_in_one_activation() -> None:
    """The race does occur: else the thousand seeds above would prove nothing."""
    stories = [Story(seed, edge(seed)).tell() for seed in range(60)]

    turns = [turn for story in stories for run in story.engine.all for turn in run.history]
    ends = {story.booking.status for story in stories}
    assert any(map(sdk.is_crowded, turns))
    assert {BookingStatus.CONFIRMED, BookingStatus.EXPIRED} <= ends


@pytest.mark.parametrize("after", LATE, ids=["1 s", "1 h", "3 days"])
def test_paid_after_the_end_is_booked_where_there_is_room(after: timedelta) -> None:
    for seed in range(20):
        story = Story(seed, Plot((), Manner.BANK_YES, bookings=1, decides_after=after)).tell()

        assert story.booking.status is BookingStatus.CONFIRMED


@pytest.mark.parametrize("after", LATE[1:], ids=["1 h", "3 days"])
def test_paid_after_the_end_goes_back_where_the_places_are_gone(after: timedelta) -> None:
    for seed in range(20):
        story = Story(seed, Plot((Fault.ELSEWHERE,), Manner.BANK_YES, 1, capacity=1, decides_after=after))
        story.clock.after(timedelta(minutes=40), partial(story.sell_elsewhere, for_sure=True))
        story.tell()

        assert story.booking.status is BookingStatus.REFUNDED
