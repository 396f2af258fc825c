"""A run that is lost: what another one, or somebody's aftercare, makes of the rows."""

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from tests.support.check import violations
from tests.support.database import Databases
from tests.support.stack import Stack, front
from tests.support.temporal import temporal_server


async def test_a_run_on_a_fresh_engine_adopts_hold_and_payment(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> None:
    """The engine has lost its whole memory; the webhook tells a run that is begun anew."""
    async with front(databases, temporal_address, temporal, sandbox_url) as stack:
        booking = await stack.book()
        with temporal_server() as forgetful:
            elsewhere = stack.on(forgetful.address)
            async with elsewhere.working() as sagas:
                checkout = await sagas.start_payment(
                    await stack.request(booking), await stack.wish_to_pay(booking)
                )

        async with stack.working():
            await stack.sandbox.pay(checkout.payment_url or "")
            await stack.wait_for(booking, "confirmed")
            await stack.closed(booking.workflow)

        assert await violations(stack) == []


async def test_money_for_a_run_that_somebody_terminated_is_settled_by_aftercare(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    await stack.run_of(booking).terminate("by hand")

    await stack.sandbox.pay(checkout["payment_url"])

    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


@pytest.mark.row("SAG-02")
async def test_an_ended_booking_is_not_begun_again(stack: Stack) -> None:
    booking = await stack.book()
    await stack.cancel(booking)
    await stack.closed(booking.workflow)
    ended = await stack.run_of(booking).describe()
    assert ended.status is WorkflowExecutionStatus.COMPLETED

    answer = await stack.ask_to_pay(booking)

    assert answer.status_code == 409
    assert (await stack.run_of(booking).describe()).run_id == ended.run_id
