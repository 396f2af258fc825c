"""PostgreSQL is away for longer than a step's quick tries: nothing is undone, all goes on when it is back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

import worker
from tests.support.check import violations
from tests.support.database import Cluster
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from workflows import names
from workflows.steps import UNHURRIED

QUICK_TRIES = 8
CUT = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}' and usename {who}
"""


@pytest.mark.row("SAG-21", partly="the case: test_operator_routes.py")
async def test_a_paid_booking_is_confirmed_though_the_database_went_away_after_the_capture(
    stack: Stack, cluster: Cluster
) -> None:
    booking = await stack.book()
    closed = closing(stack, cluster)
    stack.faults.before("confirm_booking", closed.__aenter__)

    await stack.pay(booking)
    await eventually(lambda: tried(stack, "confirm_booking", QUICK_TRIES + 1), what="the patient try")
    await closed.__aexit__(None, None, None)

    await stack.wait_for(booking, "confirmed")
    assert await given(stack, booking, "confirm_booking") == UNHURRIED
    assert await eventually(lambda: fate(stack), what="the notice's end") == "accepted"
    assert len(await stack.sandbox.mailbox()) == 1
    assert await violations(stack) == []


async def test_the_relay_goes_on_when_its_connections_are_cut(stack: Stack, cluster: Cluster) -> None:
    await stack.book()
    for _ in range(3):
        await cluster.command(CUT.format(database=name_of(stack), who="= 'holdfast_relay'"))
        booking = await stack.book(await stack.shop(minor=0))

        await stack.wait_for(booking, "confirmed")


@asynccontextmanager
async def closing(stack: Stack, cluster: Cluster) -> AsyncIterator[None]:
    """Take the test's database away meanwhile: nobody connects, and who was connected is cut off."""
    name = name_of(stack)
    await cluster.command(f"alter database {name} allow_connections false")
    await cluster.command(CUT.format(database=name, who="<> current_user"))
    try:
        yield
    finally:
        await cluster.command(f"alter database {name} allow_connections true")


def name_of(stack: Stack) -> str:
    """Name the test's database."""
    return stack.databases.urls.admin.rpartition("/")[2]


async def fate(stack: Stack) -> str | None:
    """Say what became of the one notice, once it is known."""
    fates = await stack.rows("select status from notices where status not in ('owed', 'claimed')")
    return fates[0]["status"] if fates else None


async def given(stack: Stack, booking: Booked, step: str) -> timedelta:
    """Read how long the ordinary tries of a step may take."""
    history = await stack.run_of(booking).fetch_history()
    scheduled = (event.activity_task_scheduled_event_attributes for event in history.events)
    (found,) = (each for each in scheduled if each.activity_type.name == step)
    return found.start_to_close_timeout.ToTimedelta()


async def tried(stack: Stack, step: str, times: int) -> bool:
    """Say whether a step was tried so often."""
    return stack.faults.tried[step] >= times


async def test_no_more_steps_begin_than_there_are_connections(idle_stack: Stack) -> None:
    """A step's deadline counts from its beginning: in a rush, who has to wait for a connection would be given
    up, begin anew, and wait again.
    """
    async with worker.parts(idle_stack.settings) as built:
        (bookings,) = worker.workers(built, [names.BOOKINGS])

    limits = bookings.config()
    connections = idle_stack.settings.database_pool_size
    assert limits["max_concurrent_local_activities"] == connections
    assert limits["max_concurrent_activities"] == connections
