"""Every step of every saga breaks in turn, in each way a step can break. Whatever becomes of the booking, at
rest nothing is held, charged or valid that should not be.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.booking import Judge, Verdict
from domain.catalog import Capture, SalesTerms
from domain.refusal import (
    BookingEnded,
    HoldEnded,
    IllegalMove,
    PaymentNotCompleted,
    ProviderRefused,
    Refusal,
    SoldOut,
    Unknown,
)
from tests.support.check import violations
from tests.support.stack import ENDS, Booked, Stack
from tests.support.temporal import kinds
from tests.support.user import User
from tests.support.wait import eventually
from tests.workflows.test_sweep import silence, sweep
from workflows.booking import BookingWorkflow
from workflows.steps import STEPS, Step

# The no that a step may say. Steps that are not here say none: what they are asked has to be done.
NOS: dict[str, Refusal] = {
    "hold_places": SoldOut("ordered"),
    "keep_places": HoldEnded("ordered"),
    "create_payment": ProviderRefused("ordered"),
    "check_payment": Unknown("ordered"),
    "close_payment": Unknown("ordered"),
    "confirm_booking": SoldOut("ordered"),
    "ask_judge": HoldEnded("ordered"),
    "capture_payment": PaymentNotCompleted("ordered"),
    "release_places": IllegalMove("ordered"),
    "return_payment": Unknown("ordered"),
}
HELD_FIRST = SalesTerms(capture=Capture.MANUAL)
UNDOS = {step.undo.name for step in STEPS if step.undo}
QUICK_TRIES = 8
# How much longer holds are on a machine that stood still until the hold before was over.
LONGER = (1, 8, 60)


async def paid(stack: Stack, hold_seconds: int) -> Booked:
    """Book and pay."""
    booking = await stack.book(await stack.shop(terms=SalesTerms(hold_seconds=hold_seconds), capacity=1))
    wish = await stack.ask_to_pay(booking)
    if wish.status_code == 201:
        await stack.sandbox.pay(wish.json()["payment_url"])
    return booking


async def expired(stack: Stack, hold_seconds: int) -> Booked:
    """Open a checkout and leave."""
    terms = SalesTerms(hold_seconds=hold_seconds)
    booking = await stack.book(await stack.shop(terms=terms, capacity=1))
    await stack.ask_to_pay(booking)
    return booking


async def paid_too_late(stack: Stack, hold_seconds: int) -> Booked:
    """Pay without our hearing of it, then cancel: the money is found when the checkout is closed."""
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_swallow")
    booking = await stack.book(await stack.shop(capacity=1))
    await stack.pay(booking)
    await stack.ask_to_cancel(booking)
    return booking


async def told_while_undoing(stack: Stack, hold_seconds: int) -> Booked:
    """Pay, cancel, and let the news of the money come while the undo is under way."""
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_hold")
    booking = await stack.book(await stack.shop(capacity=1))
    stack.faults.fail("return_payment", times=2)
    await stack.pay(booking)
    await stack.ask_to_cancel(booking)
    await stack.sandbox.release()
    await eventually(lambda: _was_told(stack, booking), what="the news")
    return booking


async def unheard(stack: Stack, hold_seconds: int) -> Booked:
    """Pay, and let nobody tell of it: the sweep reads it in the provider's list."""
    await silence(stack)
    booking = await paid(stack, 900)
    await sweep(stack)
    return booking


async def unlisted(stack: Stack, hold_seconds: int) -> Booked:
    """Pay, let nobody tell of it nor list it: the sweep asks."""
    await silence(stack, lists_nothing=True)
    booking = await paid(stack, 900)
    await sweep(stack)
    return booking


async def lost(stack: Stack, hold_seconds: int) -> Booked:
    """Open a checkout, lose the run and leave: the sweep begins it anew when the time is over."""
    booking = await expired(stack, hold_seconds)
    await stack.run_of(booking).terminate("ordered by the test")

    async def found() -> bool:
        await sweep(stack)
        return bool((await stack.read(booking))["status"] in ENDS)

    await eventually(found, what="the end of the booking")
    return booking


async def paid_with_stored(stack: Stack, hold_seconds: int) -> Booked:
    """Store a method and pay with it."""
    shop = await stack.shop(terms=SalesTerms(hold_seconds=900), capacity=1)
    ada = User(stack, shop.tenant_id)
    method_id = await ada.store()
    booking = await ada.book(shop)
    await ada.ask_to_pay(booking, method_id)
    return booking


async def paid_after_forgetting(stack: Stack, hold_seconds: int) -> Booked:
    """Store a method and delete it, then pay as anybody would."""
    shop = await stack.shop(terms=SalesTerms(hold_seconds=900), capacity=1)
    ada = User(stack, shop.tenant_id)
    await ada.delete(await ada.store())
    await eventually(lambda: stack.sandbox.events("payment_method.detached"), what="the method to be let go")
    booking = await ada.book(shop)
    await stack.pay(booking)
    return booking


async def held_first(stack: Stack, hold_seconds: int) -> Booked:
    """Pay what is authorised first and taken right before the tickets."""
    booking = await stack.book(await stack.shop(terms=HELD_FIRST, capacity=1))
    await stack.pay(booking)
    return booking


async def authorised_too_late(stack: Stack, hold_seconds: int) -> Booked:
    """Cancel, and authorise a payment all the same."""
    booking = await stack.book(await stack.shop(terms=HELD_FIRST, capacity=1))
    checkout = await stack.checkout(booking)
    await stack.cancel(booking)
    await stack.sandbox.pay(checkout["payment_url"], after_expiry=True)
    return booking


async def wanted_back(stack: Stack, hold_seconds: int) -> Booked:
    """Pay, and have the payer's bank want the money back."""
    booking = await paid(stack, 900)
    await stack.wait_for(booking, "confirmed")
    await stack.sandbox.charge_back()
    return booking


async def judged(stack: Stack, hold_seconds: int) -> Booked:
    """Pay, and have the partner accept as soon as it is asked."""
    booking = await stack.book(await stack.shop(terms=SalesTerms(partner_accepts=True), capacity=1))
    await stack.pay(booking)
    yes = Verdict(judge=Judge.PARTNER, accepted=True, by="partner")

    async def answered() -> bool:
        try:
            async with stack.telling() as sagas:
                await sagas.decide(await stack.request(booking), yes)
        except (IllegalMove, BookingEnded):  # not asked yet, or no more
            return bool((await stack.read(booking))["status"] in ENDS)
        return True

    await eventually(answered, what="the partner's word")
    return booking


Story = Callable[[Stack, int], Awaitable[Booked]]
STORY: dict[str, Story] = {
    "hold_places": paid,
    "keep_places": paid,
    "create_payment": paid,
    "check_payment": paid,
    "confirm_booking": paid,
    "send_notice": paid,
    "close_payment": expired,
    "return_payment": expired,
    "release_places": expired,
    "end_booking": expired,
    "settle_late_money": paid_too_late,
    "open_refund": paid_too_late,
    "refund_payment": paid_too_late,
    "record_refund": paid_too_late,
    "hand_over": told_while_undoing,
    "store_method": paid_with_stored,
    "forget_method": paid_after_forgetting,
    "list_missed": unheard,
    "ask_open_payments": unlisted,
    "begin_lost": lost,
    "follow_dispute": wanted_back,
    "capture_payment": held_first,
    "void_payment": authorised_too_late,
    "ask_judge": judged,
}


def test_every_declared_step_has_a_story_that_reaches_it() -> None:
    assert STORY.keys() == {step.name for step in STEPS}


@pytest.mark.row("SAG-04", partly="vouchers")
@pytest.mark.parametrize("step", NOS)
async def test_nothing_is_stranded_when_a_step_says_no(stack: Stack, step: str) -> None:
    stack.faults.refuse(step, NOS[step])

    async for booking in told(stack, step, hold_seconds=1):
        if step in UNDOS:
            await eventually(partial(_parked_or_over, stack, booking), what="the undo to be parked")
        if stack.faults.tried[step] and step in UNDOS:
            stack.faults.mend()
            async with stack.telling() as sagas:
                await sagas.retry_step(await stack.request(booking), "by the operator")
        await comes_to_rest(stack, booking)


@pytest.mark.row("SAG-04", partly="vouchers")
@pytest.mark.parametrize("step", STORY)
async def test_nothing_is_stranded_when_the_answer_of_a_step_is_lost(stack: Stack, step: str) -> None:
    stack.faults.fail(step, times=1, afterwards=True)

    async for booking in told(stack, step, hold_seconds=5):
        await comes_to_rest(stack, booking)

    await eventually(lambda: _tried(stack, step, 2), what="the second try")


@pytest.mark.row("SAG-04", partly="vouchers")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
async def test_nothing_is_stranded_when_what_a_step_needs_is_away(stack: Stack, step: Step[Any, Any]) -> None:
    """Away for longer than the quick local tries, so that the step goes on as an ordinary, patient one."""
    tries = QUICK_TRIES + 1 if step.queue is None else 2
    stack.faults.fail(step.name, times=tries)

    async for booking in told(stack, step.name, hold_seconds=10):
        await comes_to_rest(stack, booking)

    await eventually(lambda: _tried(stack, step.name, tries + 1), what="the try that succeeds")


async def told(stack: Stack, step: str, *, hold_seconds: int) -> AsyncIterator[Booked]:
    """Tell the story of a step; again, with a longer hold, where the hold was over before the step was tried.
    One that is to run over is two seconds long.
    """
    story = STORY[step]
    for times in LONGER:
        yield await story(stack, times * (2 if story in (expired, lost) else hold_seconds))
        if stack.faults.tried[step] or story not in (paid, expired, lost):
            return
    pytest.fail(f"{step} was never tried")


async def comes_to_rest(stack: Stack, booking: Booked) -> None:
    """Wait until the booking's run is over, everybody was told, and there is nothing to object to."""
    await stack.wait_for(booking, *ENDS)
    handle = stack.run_of(booking)
    await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    owed = "select count(*) = 0 from notices where status in ('owed', 'claimed')"
    await eventually(lambda: stack.value(owed), what="all notices to be sent")
    objections: list[str] = []

    async def rests() -> bool:
        objections[:] = await violations(stack)
        return not objections

    try:
        await eventually(rests)
    except AssertionError:
        pytest.fail(f"does not come to rest: {objections}")


async def _tried(stack: Stack, step: str, times: int) -> bool:
    return stack.faults.tried[step] >= times


async def _parked_or_over(stack: Stack, booking: Booked) -> bool:
    try:
        progress = await stack.run_of(booking).query(BookingWorkflow.status)
    except RPCError:
        return False
    return progress.parked is not None or (await stack.read(booking))["status"] in ENDS


async def _was_told(stack: Stack, booking: Booked) -> bool:
    return "WORKFLOW_EXECUTION_SIGNALED" in kinds(await stack.run_of(booking).fetch_history())
