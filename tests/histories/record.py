"""Records a history of every end a run can come to, for the replay test:

    ./dev test tests/histories/record.py

Not a test by its name, so that only who asks for it runs it. Record anew when the commands of a saga were
changed on purpose; histories of a release that has runs open are kept beside the new ones.
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from devtools.paths import ROOT
from domain.catalog import SalesTerms
from domain.method import MethodWish
from domain.refusal import SoldOut, Unknown
from tests.support.stack import Stack
from tests.support.temporal import kinds
from tests.support.user import User
from tests.support.wait import eventually
from tests.workflows import test_dispute, test_judge, test_parts, test_refund, test_sweep
from workflows import names
from workflows.refund import RefundWorkflow

HERE = Path(__file__).parent
SHORT = SalesTerms(hold_seconds=3)
DECLINED = "visa_chargeDeclinedInsufficientFunds"


async def confirmed(stack: Stack) -> str:
    """Declined once, then paid."""
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    await stack.sandbox.pay(checkout["payment_url"], DECLINED)
    await stack.sandbox.pay(checkout["payment_url"])
    return booking.workflow


async def confirmed_for_nothing(stack: Stack) -> str:
    """A free booking."""
    return (await stack.book(await stack.shop(minor=0))).workflow


async def confirmed_on_the_second_checkout(stack: Stack) -> str:
    """Two checkouts, one after the other."""
    booking = await stack.book()
    await stack.checkout(booking)
    await stack.pay(booking)
    return booking.workflow


async def expired(stack: Stack) -> str:
    """A checkout that nobody paid."""
    booking = await stack.book(await stack.shop(terms=SHORT))
    await stack.checkout(booking)
    return booking.workflow


async def failed(stack: Stack) -> str:
    """Five declines."""
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    for _ in range(5):
        await stack.sandbox.pay(checkout["payment_url"], DECLINED)
    return booking.workflow


async def cancelled(stack: Stack) -> str:
    """Cancelled with an open checkout."""
    booking = await stack.book()
    await stack.checkout(booking)
    await stack.cancel(booking)
    return booking.workflow


async def rejected(stack: Stack) -> str:
    """No place was left for a booking that came without a hold."""
    stack.faults.refuse("hold_places", SoldOut("ordered by the recorder"))
    return (await stack.book()).workflow


async def confirmed_when_the_partner_accepted(stack: Stack) -> str:
    """The money is held first, and taken then."""
    booking = await test_judge.paid(stack)
    await test_judge.answer(stack, booking, test_judge.YES)
    return booking.workflow


async def refused_by_the_partner(stack: Stack) -> str:
    """What was held is released."""
    booking = await test_judge.paid(stack)
    await test_judge.answer(stack, booking, test_judge.NO)
    return booking.workflow


async def confirmed_on_the_second_part(stack: Stack) -> str:
    """Two payments, which together are enough."""
    booking = await stack.book(await stack.shop(minor=10_000, terms=test_parts.PARTS))
    await test_parts.pay_part(stack, booking, 4_000)
    await eventually(lambda: test_parts.has(stack, booking, 4_000), what="the first part")
    await test_parts.pay_part(stack, booking, 6_000)
    return booking.workflow


async def failed_when_the_bank_said_no(stack: Stack) -> str:
    """A direct debit that was sent back after days."""
    booking = await test_parts.by_debit(stack)
    await stack.sandbox.settle(succeeds=False)
    return booking.workflow


async def aftercare_that_confirms(stack: Stack) -> str:
    """Late money, and the places are free."""
    return await _late(stack, close_sales=False)


async def aftercare_that_refunds(stack: Stack) -> str:
    """Late money for a slot that is off sale."""
    return await _late(stack, close_sales=True)


async def notice(stack: Stack) -> str:
    """A mail that was sent."""
    await stack.book(await stack.shop(minor=0))
    told = "select id from notices where status = 'accepted'"
    return names.notice(await eventually(lambda: stack.value(told), what="the mail"))


async def refund(stack: Stack) -> str:
    """A part of a confirmed booking's money goes back."""
    _, payment_id = await test_refund.confirmed(stack)
    return names.refund(UUID((await test_refund.give_back(stack, payment_id, 1_000))["id"]))


async def refund_that_waits_for_funds(stack: Stack) -> str:
    """Our balance is too small until somebody tops it up."""
    _, payment_id = await test_refund.confirmed(stack)
    await stack.sandbox.break_down("POST /v1/refunds", "response_500_before", status=400, saved=True)
    given = await test_refund.give_back(stack, payment_id)
    hindered = "select id from refunds where hindrance = 'needs_funds'"
    await eventually(lambda: stack.value(hindered), what="the refund to wait")
    run = test_refund.run_of(stack, given)
    await eventually(lambda: _waits_for_news(stack, run.id), what="the run to wait")
    await run.signal(RefundWorkflow.payment_reported)
    return run.id


async def refund_that_came_back(stack: Stack) -> str:
    """The bank sends the money back, and it is tried once more."""
    _, payment_id = await test_refund.confirmed(stack, "refundFail")
    given = await test_refund.until(stack, await test_refund.give_back(stack, payment_id), "completed")
    await test_refund.run_of(stack, given).result()
    await stack.sandbox.advance(seconds=10)
    again = "select id from refunds where retry_of is not null"
    await eventually(lambda: stack.value(again), what="the second try")
    return test_refund.run_of(stack, given).id


async def dispute_that_is_won(stack: Stack) -> str:
    """The payer's bank wants the money back, and decides for us."""
    booking, dispute = await test_dispute.disputed(stack)
    await stack.sandbox.decide_dispute(dispute["provider_ref"], won=True)
    await test_dispute.until(stack, booking, "won")
    return names.dispute(UUID(dispute["id"]))


async def method_that_is_stored(stack: Stack) -> str:
    """A user's card, kept at the provider."""
    shop = await stack.shop()
    return names.method(await User(stack, shop.tenant_id).store(), MethodWish.STORE.value)


async def sweep(stack: Stack) -> str:
    """One look, which finds nothing."""
    await test_sweep.sweep(stack, named := f"{stack.settings.queue_prefix}sweep")
    return named


STORIES: tuple[Callable[[Stack], Awaitable[str]], ...] = (
    confirmed,
    confirmed_for_nothing,
    confirmed_on_the_second_checkout,
    expired,
    failed,
    cancelled,
    rejected,
    confirmed_when_the_partner_accepted,
    refused_by_the_partner,
    confirmed_on_the_second_part,
    failed_when_the_bank_said_no,
    aftercare_that_confirms,
    aftercare_that_refunds,
    notice,
    refund,
    refund_that_waits_for_funds,
    refund_that_came_back,
    dispute_that_is_won,
    method_that_is_stored,
    sweep,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_record(stack: Stack, story: Callable[[Stack], Awaitable[str]]) -> None:
    workflow_id = await story(stack)
    if not workflow_id.startswith("aftercare:"):  # that one waits five minutes for more news
        await stack.closed(workflow_id)

    history = await stack.temporal.get_workflow_handle(workflow_id).fetch_history()

    kept = {"workflow_id": workflow_id, "history": _clean(json.loads(history.to_json()))}
    (HERE / f"{story.__name__}.json").write_text(json.dumps(kept, indent=1) + "\n")


async def _late(stack: Stack, *, close_sales: bool) -> str:
    shop = await stack.shop(terms=SHORT)
    booking = await stack.book(shop)
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_swallow")
    stack.faults.refuse("close_payment", Unknown("ordered by the recorder"))
    checkout = await stack.pay(booking)
    if close_sales:
        await stack.judge.execute("update slots set status = 'hidden' where id = $1", shop.slot.id)
    await stack.wait_for(booking, "confirmed", "refunded")
    run = names.aftercare(checkout["payment_id"])
    await eventually(lambda: _waits_for_news(stack, run), what="aftercare to wait for more news")
    return run


async def _waits_for_news(stack: Stack, workflow_id: str) -> bool:
    history = await stack.temporal.get_workflow_handle(workflow_id).fetch_history()
    return kinds(history)[-1] == "TIMER_STARTED"


def _clean(told: Any) -> Any:
    """Take out what only says on which machine it was recorded."""
    if isinstance(told, dict):
        return {key: _clean(value) for key, value in told.items() if key != "identity"}
    if isinstance(told, list):
        return [_clean(each) for each in told]
    return told.replace(f"{ROOT}/", "") if isinstance(told, str) else told
