"""Paying later over Stripe: on Klarna's or Afterpay's page the buyer approves, declines or leaves."""

from typing import Any

import pytest

from domain.money import Money
from domain.payment import Closing, FactKind, PaymentFact, PaymentStatus, fold
from providers.gateway import Opened, Order
from tests.providers.conftest import Desk, MakeOrder, key_of

ASKED = Money(minor=59_999, currency="USD")
PLANS = pytest.mark.parametrize("plan", ["klarna", "afterpay"])


async def gone_there(desk: Desk, order: MakeOrder, plan: str, **more: Any) -> tuple[Order, Opened]:
    """Open a page, and let its buyer go on to whoever lets them pay later."""
    wished = order(amount=ASKED, method=plan, **more)
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.account.control(f"checkout/{opened.provider_ref}/pay", later=plan)
    return wished, opened


async def told(desk: Desk, wished: Order, opened: Opened) -> list[PaymentFact]:
    return [*await desk.gateway.fetch(wished.payment_id, opened.provider_ref)]


@pytest.mark.row("PAY-09")
@PLANS
@pytest.mark.parametrize(
    ("held", "kind"), [(False, FactKind.CAPTURED), (True, FactKind.AUTHORIZED)], ids=["taken", "held"]
)
async def test_a_plan_that_is_approved_is_paid_by_our_name_of_it(
    desk: Desk, order: MakeOrder, plan: str, held: bool, kind: FactKind
) -> None:
    wished, opened = await gone_there(desk, order, plan, manual_capture=held)

    await desk.answer_challenge(rightly=True)

    (fact,) = (fact for fact in await told(desk, wished, opened) if fact.kind is kind)
    assert (fact.amount, fact.method) == (ASKED, plan)


@pytest.mark.row("PAY-09")
@PLANS
async def test_a_plan_that_is_declined_is_a_decline_and_may_be_tried_again(
    desk: Desk, order: MakeOrder, plan: str
) -> None:
    wished, opened = await gone_there(desk, order, plan)

    await desk.answer_challenge(rightly=False)

    state = fold(ASKED, await told(desk, wished, opened))
    assert (state.status, len(state.declines)) == (PaymentStatus.PENDING, 1)
    await desk.account.control(f"checkout/{opened.provider_ref}/pay", later=plan)
    await desk.answer_challenge(rightly=True)
    assert fold(ASKED, await told(desk, wished, opened)).status is PaymentStatus.CAPTURED


@pytest.mark.row("PAY-09")
@PLANS
async def test_a_buyer_who_leaves_pays_nothing_once_the_page_is_closed(
    desk: Desk, order: MakeOrder, plan: str
) -> None:
    wished, opened = await gone_there(desk, order, plan)
    assert fold(ASKED, await told(desk, wished, opened)).status is PaymentStatus.REQUIRES_ACTION

    closing = await desk.gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))

    assert closing is Closing.CLOSED
    assert fold(ASKED, await told(desk, wished, opened)).status in (
        PaymentStatus.CANCELLED,
        PaymentStatus.EXPIRED,
    )
