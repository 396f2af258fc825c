"""Every event of the catalogue is told by some story, once and in order (WHK-12); what each says is held
against its schema where the stack ends.
"""

import asyncio
from collections import Counter

import pytest

from domain.catalog import SalesTerms
from domain.schema import SCHEMAS
from tests.support.check import events_of, violations
from tests.support.stack import Stack, bearer
from tests.support.wait import eventually
from tests.workflows import test_dispute, test_refund
from tests.workflows.test_declined import INSUFFICIENT

BEGUN = ["booking.created", "booking.initiated", "inventory.reserved"]

# What may be told of one thing again: another choice, another decline.
AGAIN = {"booking.changed", "payment.failed"}


async def given_back(stack: Stack) -> None:
    """The bank sends a refund back that had arrived; it is tried again, and all is given back in the end."""
    booking, payment_id = await test_refund.confirmed(stack, "refundFail")
    given = await test_refund.until(stack, await test_refund.give_back(stack, payment_id), "completed")
    await stack.closed(f"refund:{given['id']}")
    await stack.sandbox.advance(seconds=10)
    failed = "select exists (select from events where type = 'refund.failed')"
    await eventually(lambda: stack.value(failed), what="the refund to come back")
    story = [*BEGUN, "payment.processed", "booking.confirmed"]
    assert (await events_of(stack, booking))[: len(story)] == story


async def disputed(stack: Stack) -> None:
    """The payer's bank asks about the money, wants it back, and decides."""
    booking, inquiry = await test_dispute.disputed(stack, "warning", inquiry=True)
    await stack.sandbox.control(f"disputes/{inquiry['provider_ref']}/escalate")
    await test_dispute.until(stack, booking, "open")
    await stack.sandbox.decide_dispute(inquiry["provider_ref"], won=True)
    await test_dispute.until(stack, booking, "won")


async def changed_and_cancelled(stack: Stack) -> None:
    """The buyer chooses anew, and thinks better of it."""
    shop = await stack.shop()
    booking = await stack.book(shop)
    wish = {"lines": [{"variant_id": str(shop.variant.id), "quantity": 2}]}
    answer = await stack.http.patch(
        f"/api/v1/bookings/{booking.id}", json=wish, headers=bearer(booking.token)
    )
    assert answer.status_code == 200, answer.text
    await stack.cancel(booking)
    assert await events_of(stack, booking) == [*BEGUN, "booking.changed", "booking.cancelled"]


async def given_up(stack: Stack) -> None:
    """The buyer leaves while the partner decides."""
    booking = await stack.book(await stack.shop(terms=SalesTerms(partner_accepts=True)))
    await stack.pay(booking)
    await stack.wait_for(booking, "awaiting_partner")
    await stack.cancel(booking)
    assert await events_of(stack, booking) == [
        *BEGUN,
        *("booking.partner_asked", "booking.cancelled", "booking.refunded"),
    ]


async def reviewed(stack: Stack) -> None:
    """The provider finds the card risky."""
    booking = await stack.book()
    await stack.pay(booking, "riskLevelElevated")
    await stack.wait_for(booking, "payment_review")
    assert await events_of(stack, booking) == [*BEGUN, "booking.review_asked"]


async def too_late(stack: Stack) -> None:
    """Nobody pays."""
    booking = await stack.book(await stack.shop(terms=SalesTerms(hold_seconds=1)))
    await stack.wait_for(booking, "expired")
    assert await events_of(stack, booking) == [*BEGUN, "booking.expired"]


async def declined(stack: Stack) -> None:
    """The only try that is allowed is declined."""
    booking = await stack.book(await stack.shop(terms=SalesTerms(payment_attempts=1)))
    await stack.pay(booking, INSUFFICIENT)
    await stack.wait_for(booking, "failed")
    assert await events_of(stack, booking) == [*BEGUN, "booking.failed"]


@pytest.mark.row("WHK-12", partly="the events of nouns that are still to come")
async def test_every_event_is_told_once_and_in_order(stack: Stack) -> None:
    await given_back(stack)  # moves the provider's clock, so it comes first
    await disputed(stack)  # looks for the newest payment
    await asyncio.gather(
        *(story(stack) for story in (changed_and_cancelled, given_up, reviewed, too_late, declined))
    )

    async def all_told() -> bool:
        return {row["type"] for row in await stack.rows("select distinct type from events")} == set(SCHEMAS)

    await eventually(all_told, what="every event of the catalogue")
    told = Counter((row["subject"], row["type"]) for row in await stack.rows("select * from events"))
    assert {kind for (_, kind), times in told.items() if times > 1} <= AGAIN
    assert [row for row in await violations(stack) if row.startswith("feed has a gap")] == []
