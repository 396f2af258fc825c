"""One campaign for the crash points that were chosen."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.crash.campaign import Campaign, seed_of
from tests.crash.point import Point


@pytest.fixture(scope="session")
async def campaign(request: pytest.FixtureRequest, quiet: None) -> AsyncIterator[Campaign]:
    """Take the points of all chosen tests, in their order, a few at a time."""
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    points = [cast("Point", values["point"]) for values in chosen if "point" in values]
    async with Campaign(points, seed_of(request.config)).running() as begun:
        yield begun
