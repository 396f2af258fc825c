"""A run that ends in a task in which more comes: the engine throws the task away, and a wish that it brought
with it. The wish is made again, by us and not by who wished.
"""

import pytest

from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from workflows import client

LAST_STEP = "end_booking"


async def begun(stack: Stack) -> Booked:
    """Book, and wait for the run: a wish that begins it is kept by the engine itself."""
    booking = await stack.book()
    await eventually(lambda: stack.value("select saga_started_at from bookings"), what="the run")
    return booking


async def tell_in_the_last_step(stack: Stack, booking: Booked, *, times: int) -> None:
    """Tell the run something while it ends, so many times."""

    async def tell() -> None:
        if times > 1:
            await tell_in_the_last_step(stack, booking, times=times - 1)
        await stack.run_of(booking).signal("unheard_of")

    stack.faults.before(LAST_STEP, tell)


@pytest.mark.row("SAG-22")
async def test_a_wish_that_a_run_threw_away_is_made_again(stack: Stack) -> None:
    booking = await begun(stack)
    await tell_in_the_last_step(stack, booking, times=1)

    answer = await stack.cancel(booking)

    assert (answer.status_code, answer.json().get("status")) == (200, "cancelled"), answer.text
    assert stack.faults.tried[LAST_STEP] == 2  # it was thrown away
    assert await violations(stack) == []


@pytest.mark.row("SAG-22")
async def test_a_run_that_stays_unready_is_away_and_nothing_is_lost(stack: Stack) -> None:
    booking = await begun(stack)
    tries = len(client.READY_AGAIN_SECONDS) + 1
    await tell_in_the_last_step(stack, booking, times=tries)

    answer = await stack.cancel(booking)

    assert answer.status_code == 503, answer.text
    assert stack.faults.tried[LAST_STEP] == tries
    assert (await stack.cancel(booking)).json()["status"] == "cancelled"
    assert await violations(stack) == []
