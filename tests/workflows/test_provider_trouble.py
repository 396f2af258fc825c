"""The provider fails us in the ways networks fail; each time one checkout, one charge, one refund."""

import pytest

from tests.support.check import violations
from tests.support.stack import Stack

# What goes wrong with the first call, and its details at the sandbox. `saved`: the provider answers the same
# key with this failure from now on.
TROUBLES: dict[str, dict[str, float]] = {
    "response_lost": {},
    "response_cut": {},
    "response_500_after": {},
    "response_500_before": {},
    "response_500_before, saved": {"saved": True},
    "drop_before": {},
    "html_error": {},
    "wrong_type": {},
    "rate_limit": {"seconds": 1},
}
# Done and not heard of, not done and said so for ever, never arrived, not now: what a saga can tell apart. Of
# the others each adapter tells, in tests/providers/test_faults.py; here they are told with --all.
CHIEF = ("response_lost", "response_500_before, saved", "drop_before", "rate_limit")
OF_REFUNDS = [
    pytest.param(trouble, marks=() if trouble in CHIEF else pytest.mark.heavy) for trouble in TROUBLES
]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_checkout_is_opened_once_whatever_became_of_the_first_call(
    stack: Stack, trouble: str
) -> None:
    await order(stack, "POST /v1/checkout/sessions", trouble)
    booking = await stack.book()

    await stack.pay(booking)

    await stack.wait_for(booking, "confirmed")
    assert len(await stack.sandbox.checkouts()) == 1
    assert await violations(stack) == []


@pytest.mark.parametrize("trouble", OF_REFUNDS)
async def test_money_goes_back_once_whatever_became_of_the_first_call(stack: Stack, trouble: str) -> None:
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_hold")
    await order(stack, "POST /v1/refunds", trouble)
    booking = await stack.book()
    await stack.pay(booking)

    await stack.cancel(booking)

    await stack.wait_for(booking, "refunded")
    assert [refund["amount"] for refund in await stack.sandbox.refunds()] == [2_500]
    assert await violations(stack) == []


async def order(stack: Stack, route: str, trouble: str) -> None:
    """Order the trouble for the next call of a route."""
    await stack.sandbox.break_down(route, trouble.partition(",")[0], times=1, **TROUBLES[trouble])
