"""A process dies at a step while fifty others book: nothing of anybody is lost, doubled or stuck."""

from collections.abc import Callable

import pytest

from tests.crash.campaign import Campaign
from tests.crash.crowd import Crowd, crowds

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("crash")]


@pytest.mark.parametrize("crowd", crowds(), ids=lambda crowd: crowd.name)
async def test_a_process_may_die_at_each_step_while_fifty_book(
    campaign: Campaign, crowd: Crowd, record_property: Callable[[str, object], None]
) -> None:
    verdict = await campaign.verdict(crowd)
    record_property("crowd", crowd.name)
    record_property("bookings", verdict.bookings)
    record_property("told", verdict.told)
    record_property("violations", verdict.violations)

    assert verdict.violations == []
