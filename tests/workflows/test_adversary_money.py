"""Money in the hands of somebody who means ill, or of an engine that has lost its memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from temporalio.client import Client

from domain.ids import BookingId
from domain.payment import Checkout
from tests.support.check import violations
from tests.support.database import Databases
from tests.support.shop import let_time_pass
from tests.support.stack import Booked, Stack, front
from tests.support.temporal import temporal_server
from tests.support.wait import eventually
from tests.workflows.test_late_money import paid_but_expired
from workflows import names
from workflows.refund import RefundWorkflow


@pytest.fixture
async def forgetful(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> AsyncIterator[Stack]:
    """Serve a stack without workers, whose bookings' first runs are on an engine that is gone by now."""
    async with front(databases, temporal_address, temporal, sandbox_url) as stack:
        yield stack


@asynccontextmanager
async def lost_run(stack: Stack, booking: Booked) -> AsyncIterator[Checkout]:
    """Open a checkout by a run that nobody remembers afterwards."""
    with temporal_server() as engine:
        async with stack.on(engine.address).working() as sagas:
            yield await sagas.start_payment(await stack.request(booking), await stack.wish_to_pay(booking))


async def test_a_checkout_of_a_run_that_is_lost_is_closed_before_the_next_is_opened(forgetful: Stack) -> None:
    booking = await forgetful.book()
    async with lost_run(forgetful, booking):
        pass

    async with forgetful.working():
        await forgetful.pay(booking)
        await forgetful.wait_for(booking, "confirmed")
        await forgetful.closed(booking.workflow)

    assert [each["status"] for each in await forgetful.sandbox.checkouts()] == ["expired", "complete"]
    assert await violations(forgetful) == []


async def test_cancelling_returns_the_money_that_a_lost_run_has_asked_for(forgetful: Stack) -> None:
    booking = await forgetful.book()
    async with lost_run(forgetful, booking) as checkout:
        pass
    await forgetful.sandbox.break_down("payment_intent.succeeded", "webhook_swallow")
    await forgetful.sandbox.pay(checkout.payment_url or "")

    cancelling = asyncio.create_task(forgetful.cancel(booking))  # begins the run, which finds it at its start
    async with forgetful.working():
        await forgetful.wait_for(booking, "refunded")
        assert (await cancelling).status_code in (200, 409)

    assert await violations(forgetful) == []


async def test_money_that_a_lost_run_took_is_settled_though_the_hold_is_over(forgetful: Stack) -> None:
    """The capture is written down, so the webhook is no news; the places are gone meanwhile."""
    shop = await forgetful.shop(capacity=1)
    booking = await forgetful.book(shop)
    forgetful.faults.fail("confirm_booking", times=1_000)
    async with lost_run(forgetful, booking) as checkout:
        await forgetful.sandbox.pay(checkout.payment_url or "")

        async def captured() -> bool:
            return bool(await forgetful.value("select captured_minor from payments"))

        await eventually(captured, what="the capture")
    forgetful.faults.mend()
    await let_time_pass(forgetful.databases.urls, BookingId(booking.id))
    await forgetful.book(shop)  # the place is somebody else's
    async with forgetful.working() as sagas:
        await sagas.begin(await forgetful.request(booking))
        await forgetful.wait_for(booking, "refunded")

    assert await forgetful.sandbox.kept() == 0


async def test_a_refund_that_the_bank_sends_back_twice_is_a_persons(stack: Stack) -> None:
    """The bank takes each refund and sends it back later, for ever."""
    await paid_but_expired(stack, close_sales=True, card="refundFail")

    async def waits_for_a_person() -> bool:
        await stack.sandbox.advance(seconds=10)
        case = "select exists (select from cases where kind = 'refund' and cause = 'sent_back_twice')"
        return bool(await stack.value(case))

    await eventually(waits_for_a_person, what="a person to be told")

    assert [each["status"] for each in await stack.sandbox.refunds()] == ["failed", "failed"]
    assert await stack.rows("select status from refunds") == [{"status": "failed"}] * 2
    mails = "select count(*) from notices where kind = $1"

    async def told() -> bool:
        return [await stack.value(mails, kind) for kind in ("payment_refunded", "refund_failed")] == [2, 2]

    await eventually(told, what="the mails")


async def test_late_money_outlasts_a_key_that_the_provider_does_not_take(stack: Stack) -> None:
    await stack.sandbox.break_down("POST /v1/refunds", "response_500_before", status=401)
    booking = await paid_but_expired(stack, close_sales=True)

    async def asked() -> UUID | None:
        found: UUID | None = await stack.value("select id from refunds where hindrance = 'provider_refuses'")
        return found

    run = stack.temporal.get_workflow_handle(names.refund(await eventually(asked, what="the refusal")))

    async def needs_attention() -> bool:
        return bool((await run.describe()).typed_search_attributes.get(names.NEEDS_ATTENTION))

    await eventually(needs_attention, what="a person to be told")
    await run.signal(RefundWorkflow.payment_reported)

    await stack.wait_for(booking, "refunded")
    await run.result()
    assert not await needs_attention()
    assert len(await stack.sandbox.refunds()) == 1
    assert await violations(stack) == []


@pytest.mark.parametrize("hosted", [True, False])
async def test_a_checkout_that_is_open_while_the_one_before_is_paid_is_closed(
    stack: Stack, hosted: bool
) -> None:
    booking = await stack.book()
    first = await stack.checkout(booking)
    await stack.checkout(booking, hosted=hosted)

    await stack.sandbox.pay(first["payment_url"], after_expiry=True)
    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)

    assert await violations(stack) == []
