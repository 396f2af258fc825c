"""What an operator sees of a run, and what one can do to it."""

import pytest
from temporalio.client import WorkflowExecution

from domain.ids import BookingId
from domain.refusal import Unknown
from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.support.wait import eventually
from workflows import names
from workflows.booking import BookingWorkflow


@pytest.mark.row("SAG-28")
async def test_a_run_is_found_by_its_reference_and_says_where_it_stands(stack: Stack) -> None:
    booking = await stack.book()
    await stack.book()
    checkout = await stack.checkout(booking)

    found = await eventually(lambda: _found(stack, booking), what="the run")
    assert [run.id for run in found] == [booking.workflow]
    attributes = found[0].typed_search_attributes
    assert attributes[names.BOOKING_STATUS] == "held"
    assert attributes[names.OFFER_ID] == str((await stack.request(booking)).offer_id)

    progress = await stack.run_of(booking).query(BookingWorkflow.status)
    assert (progress.step, str(progress.open_payment)) == ("waits for the payment", checkout["payment_id"])

    async with stack.telling() as sagas:
        assert (await sagas.progress(BookingId(booking.id))) == progress


@pytest.mark.row("SAG-28")
async def test_a_refused_undo_waits_for_an_operator_who_has_it_tried_again(stack: Stack) -> None:
    booking = await stack.book()
    await stack.checkout(booking)
    stack.faults.refuse("return_payment", Unknown("ordered by the test"))
    async with stack.telling() as sagas:
        request = await stack.request(booking)
        await stack.ask_to_cancel(booking)
        progress = await eventually(lambda: _parked(stack, booking), what="the undo to be parked")
        assert progress == "return_payment"
        attention = "NeedsAttention = true"
        await eventually(lambda: _found(stack, booking, attention), what="the run that needs attention")

        stack.faults.mend()
        await sagas.retry_step(request, "by the operator")

    await stack.wait_for(booking, "cancelled")
    await stack.closed(booking.workflow)
    assert await violations(stack) == []


async def _found(stack: Stack, booking: Booked, *more: str) -> list[WorkflowExecution]:
    """Look for the reference; tests share the server, so the tenant goes with it."""
    tenant_id = (await stack.request(booking)).tenant_id
    query = (f"BookingReference = '{booking.reference}'", f"TenantId = '{tenant_id}'", *more)
    return [run async for run in stack.temporal.list_workflows(" AND ".join(query))]


async def _parked(stack: Stack, booking: Booked) -> str | None:
    return (await stack.run_of(booking).query(BookingWorkflow.status)).parked
