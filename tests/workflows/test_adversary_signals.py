"""Messages sent by hand straight to a run: none of them may block it."""

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from tests.support.check import violations
from tests.support.stack import Stack
from workflows.client import Away, _reached

ODD: list[list[Any]] = [[], [None], [5], ["\0"], [[]], [{}], [{"event_id": 5}]]


async def test_odd_signals_and_wishes_do_not_block_a_run(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    run = stack.run_of(booking)

    for odd in ODD:
        await run.signal("payment_reported", args=odd)
        for wish in ("start_payment", "check_payment", "retry_step", "unheard_of"):
            with suppress(WorkflowUpdateFailedError):
                await run.execute_update(wish, args=odd, rpc_timeout=timedelta(seconds=60))
    await run.signal("unheard_of", str(uuid4()))
    await stack.sandbox.pay(checkout["payment_url"])

    await stack.wait_for(booking, "confirmed")
    assert await violations(stack) == []


@pytest.mark.parametrize("status", [RPCStatusCode.UNKNOWN, RPCStatusCode.INTERNAL])
async def test_an_engine_that_dies_in_the_midst_of_a_call_is_away(status: RPCStatusCode) -> None:
    async def call() -> None:
        raise RPCError("transport error", status, b"")

    with pytest.raises(Away):
        await _reached(call())
