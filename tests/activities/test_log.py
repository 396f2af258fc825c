"""What every log line of a step is about."""

from typing import Any
from uuid import uuid4

import pytest
import structlog
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.log import Lines
from domain.ids import BookingId, PaymentId, TenantId
from domain.payment import AskPayment

TENANT, BOOKING = TenantId(uuid4()), BookingId(uuid4())
ASK = AskPayment(tenant_id=TENANT, booking_id=BOOKING, payment_id=PaymentId(uuid4()))
IDS = {"tenant_id": str(TENANT), "booking_id": str(BOOKING)}


class Step(ActivityInboundInterceptor):
    """A step at the end of the chain; a provider says no to it."""

    def __init__(self) -> None:  # nothing follows
        pass

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ARG002
        structlog.get_logger().warning("provider said no")


@pytest.mark.parametrize(("args", "ids"), [([ASK], IDS), ([], {})])
async def test_what_a_provider_said_is_joined_to_the_run_its_tenant_and_its_booking(
    args: list[AskPayment], ids: dict[str, str]
) -> None:
    environment, step = ActivityEnvironment(), Step()
    ask = ExecuteActivityInput(fn=step.execute_activity, args=args, executor=None, headers={})
    named = Lines().intercept_activity(step)

    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        await environment.run(named.execute_activity, ask)
        structlog.get_logger().warning("later")

    about = {"workflow_id": environment.info.workflow_id, **ids}
    [no, later] = lines
    assert {name: no[name] for name in no if name.endswith("_id")} == about
    assert later.keys().isdisjoint(about)
