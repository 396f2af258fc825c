"""A run that waits for a year, while workers come and go and its code changes twice."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio import workflow

from domain.booking import BookingStatus, Judge, Verdict
from tests.simulation.people import Manner
from tests.simulation.relay import Judges
from tests.simulation.story import Plot, Story
from tests.simulation.world.rows import Violation
from workflows.checkout import Checkouts

A_YEAR = timedelta(days=365)
PLOT = Plot((), Manner.PAYS, bookings=1, capacity=1, partner_within=A_YEAR + timedelta(days=1))

original = Checkouts.capture


async def second_version(self: Checkouts) -> bool:
    """Does something more before it takes the money."""
    if workflow.patched("think twice"):
        await workflow.sleep(timedelta(seconds=2))
    return await original(self)


async def third_version(self: Checkouts) -> bool:
    """Does something else instead, and lets old runs go the old way."""
    if workflow.patched("think three times"):
        await workflow.sleep(timedelta(seconds=3))
    elif workflow.patched("think twice"):
        await workflow.sleep(timedelta(seconds=2))
    return await original(self)


async def heedless_version(self: Checkouts) -> bool:
    """Does something more, whatever a history says."""
    await workflow.sleep(timedelta(seconds=2))
    return await original(self)


@pytest.mark.row("SAG-25", partly="the wait of a year; the rest is proved on a real engine")
def test_a_run_waits_for_a_year_and_sees_three_versions_of_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    story = waiting_for_its_partner()

    for version in (second_version, third_version):
        story.clock.run(A_YEAR / 3)
        deploy(story, version, monkeypatch)
    story.clock.run(A_YEAR / 3)
    accept(story)

    story.clock.run()
    story.look()
    assert story.booking.status is BookingStatus.CONFIRMED


def test_a_version_that_heeds_no_history_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: a change without a patch marker, met by a run that has gone past it."""
    story = waiting_for_its_partner()
    accept(story)
    story.clock.run()
    story.look()

    deploy(story, heedless_version, monkeypatch)

    with pytest.raises(Violation, match="does not replay"):
        story.look()


class Silent(Judges):
    """A partner who says nothing by himself."""

    def asked(self, booking_id: UUID, judge: Judge) -> None:
        pass


def waiting_for_its_partner() -> Story:
    """Tell a story until it is paid for, and the partner, who takes his time, is asked."""
    story = Story(1, PLOT)
    story.relay.judges = Silent(story.clock, story.faults, story.engine)
    story.begin()
    story.clock.run(timedelta(minutes=5))
    assert story.booking.status is BookingStatus.AWAITING_PARTNER
    return story


def deploy(story: Story, capture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers with other code take over."""
    monkeypatch.setattr(Checkouts, "capture", capture)
    story.engine.restart()


def accept(story: Story) -> None:
    """Let the partner say yes."""
    verdict = Verdict(judge=Judge.PARTNER, accepted=True, by="partner")
    story.relay.judges.decide(story.booking.id, verdict, 1)
