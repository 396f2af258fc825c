"""A process dies at a step, before it, behind it, or once it was told: nothing is lost, doubled or stuck."""

from collections.abc import Callable

import pytest

from tests.crash.campaign import Campaign
from tests.crash.point import Point, is_on_money_path, pairs, singles

pytestmark = pytest.mark.xdist_group("crash")  # one campaign takes all points

Note = Callable[[str, object], None]

ALWAYS = [point for point in singles() if is_on_money_path(point) and not point.void]
OFTEN = [point for point in (*pairs(), *singles()) if not is_on_money_path(point) and not point.void]


@pytest.mark.row("SAG-10")
@pytest.mark.row("SAG-20")
@pytest.mark.row("SAG-21")
@pytest.mark.parametrize("point", ALWAYS, ids=lambda point: point.name)
async def test_a_process_may_die_on_the_way_of_the_money(
    campaign: Campaign, point: Point, record_property: Note
) -> None:
    await survive(campaign, point, record_property)


@pytest.mark.heavy
@pytest.mark.parametrize("point", OFTEN, ids=lambda point: point.name)
async def test_a_process_may_die_at_any_step(campaign: Campaign, point: Point, record_property: Note) -> None:
    await survive(campaign, point, record_property)


async def survive(campaign: Campaign, point: Point, note: Note) -> None:
    verdict = await campaign.verdict(point)
    note("point", point.name)
    note("seconds", verdict.seconds)
    note("violations", verdict.violations)

    assert verdict.violations == []
