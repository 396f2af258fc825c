"""Temporal is down: bookings are accepted, wishes to pay answer 503, and all goes on when it is back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.temporal import Temporal
from tests.support.check import violations
from tests.support.database import Databases
from tests.support.stack import front
from tests.support.temporal import connect, temporal_server
from tests.support.wait import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Temporal]:
    with temporal_server(database=tmp_path / "temporal.db") as running:
        yield running


async def test_selling_goes_on_and_sagas_follow(
    quiet: None, server: Temporal, databases: Databases, sandbox_url: str
) -> None:
    temporal = await connect(server.address)
    async with front(databases, server.address, temporal, sandbox_url) as stack, stack.working():
        before = await stack.book()
        checkout = await stack.checkout(before)
        server.process.kill()

        meanwhile = await stack.book()
        refused = await stack.ask_to_pay(meanwhile, key="the same wish")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert (await stack.read(meanwhile))["status"] == "held"
        await stack.sandbox.pay(checkout["payment_url"])
        await stack.sandbox.drain()

        server.start()
        await stack.wait_for(before, "confirmed")

        async def opened() -> bool:
            return (await stack.ask_to_pay(meanwhile, key="the same wish")).status_code == 201

        await eventually(opened, what="the same wish to be answered")
        await stack.cancel(meanwhile)
        await stack.closed(meanwhile.workflow)
        assert len(await stack.sandbox.checkouts()) == 2
        assert await violations(stack) == []
