"""Faults that are no single crash: nothing of anybody is lost, doubled or stuck."""

from collections.abc import Callable, Iterator

import pytest

from tests.crash.campaign import Campaign
from tests.crash.fault import Fault, deaths, last_moments, sleeps, storms

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("crash")]

Note = Callable[[str, object], None]


def each(faults: Callable[[], Iterator[Fault]]) -> pytest.MarkDecorator:
    """Try a test with each of these faults."""
    return pytest.mark.parametrize("fault", [*faults()], ids=lambda fault: fault.name)


@each(deaths)
async def test_all_processes_die_at_once_and_again(
    campaign: Campaign, fault: Fault, record_property: Note
) -> None:
    await survive(campaign, fault, record_property)


@each(sleeps)
async def test_a_worker_that_wakes_up_too_late_changes_nothing(
    campaign: Campaign, fault: Fault, record_property: Note
) -> None:
    await survive(campaign, fault, record_property)


@each(last_moments)
async def test_a_hold_may_end_while_it_is_paid(
    campaign: Campaign, fault: Fault, record_property: Note
) -> None:
    await survive(campaign, fault, record_property)


@each(storms)
async def test_a_link_may_be_bad(campaign: Campaign, fault: Fault, record_property: Note) -> None:
    await survive(campaign, fault, record_property)


async def survive(campaign: Campaign, fault: Fault, note: Note) -> None:
    note("fault", fault.says)
    verdict = await campaign.verdict(fault)
    note("told", ", ".join(filter(None, (f"{verdict.bookings} bookings", verdict.told))))
    note("violations", verdict.violations)

    assert verdict.violations == []
