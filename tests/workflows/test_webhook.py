"""What providers tell us: once, many times, too early, beside the buyer's own word, or about nobody."""

import asyncio
import hashlib
import hmac
import json
import os
import time
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.check import violations
from tests.support.stack import Stack
from tests.support.temporal import kinds
from tests.support.wait import PATIENCE_SECONDS, eventually

RACES, AT_ONCE = 100, 10
# What an hour leaves behind: ten thousand with `./dev test --all`.
EVENTS, POISON, BUYERS = (10_000 if os.environ.get("HOLDFAST_TEST_ALL") else 1_000), 10, 3
INBOX = "select status, cause, attempts from webhook_events where event_id = $1"
# What waits for its next try, and nobody is at, is due now.
HURRY = """
with hurried as (
    update webhook_events set next_at = now()
     where event_id = $1 and status in ('parked', 'failed') and next_at > now()
       and attempts = jsonb_array_length(tries)
    returning id
)
select pg_notify('holdfast_relay', '') from hurried
"""
# By the clock of the transaction that planned each.
WAITS = """
select (try->>'next_at')::timestamptz - (try->>'at')::timestamptz as wait, try->>'status' as status
  from webhook_events, jsonb_array_elements(tries) with ordinality as told (try, n)
 where event_id = $1 order by n
"""


@pytest.mark.row("WHK-06")
@pytest.mark.row("SEC-10")
async def test_the_same_event_ten_times_at_once_has_one_effect(stack: Stack) -> None:
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_duplicate", n=10)
    booking = await stack.book()

    await stack.pay(booking)

    assert len((await stack.wait_for(booking, "confirmed"))["tickets"]) == 1
    await stack.sandbox.drain()
    sent = [each for each in await stack.sandbox.deliveries() if each["type"] == "payment_intent.succeeded"]
    assert len(sent) == 10
    assert {each["status"] for each in sent} == {"delivered"}
    stored = "select count(*) from webhook_events where kind = 'payment_intent.succeeded'"
    assert await stack.value(stored) == 1
    await eventually(stack.sandbox.mailbox, what="the confirmation")
    assert await violations(stack) == []


async def test_an_event_sent_again_later_changes_nothing(stack: Stack) -> None:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)
    [event] = await stack.sandbox.events("payment_intent.succeeded")

    await stack.sandbox.redeliver(event["id"])
    await stack.sandbox.drain()

    assert await stack.value("select count(*) from tickets") == 1
    assert await violations(stack) == []


@pytest.mark.row("WHK-09")
async def test_an_event_becomes_a_signal_of_the_bookings_run(stack: Stack) -> None:
    booking = await stack.book()
    await stack.pay(booking)
    await stack.closed(booking.workflow)

    history = await stack.run_of(booking).fetch_history()

    assert kinds(history).count("WORKFLOW_EXECUTION_SIGNALED") == 1
    processed = "select status = 'processed' from webhook_events where kind = 'payment_intent.succeeded'"
    await eventually(lambda: stack.value(processed), what="the word that the event was told")


@pytest.mark.row("WHK-08", partly="the time it takes: ./dev bench")
async def test_what_an_hour_left_behind_comes_at_once_while_nobody_works_and_others_book(
    idle_stack: Stack,
) -> None:
    """F22: nobody heard what was told, then all of it comes; some cannot be read by anybody, which holds
    nobody up, and they are a person's in the end (F33).
    """
    stack, shop = idle_stack, await idle_stack.shop()
    await stack.sandbox.break_down("*", "webhook_hold", times=EVENTS)
    async with stack.working("bookings", "providers"):
        paid = [await stack.book(shop) for _ in range(BUYERS)]
        checkouts = [await stack.pay(booking) for booking in paid]
    await stack.sandbox.mend()

    released = asyncio.create_task(stack.sandbox.release())
    told = asyncio.create_task(flooded(stack, checkouts[0]))
    meanwhile = [await stack.book(shop) for _ in range(BUYERS)]
    poison = (await told)[:: EVENTS // POISON]
    await released
    await stack.sandbox.drain()
    assert {each["status"] for each in await stack.sandbox.deliveries()} == {"delivered"}
    await stack.judge.execute("update webhook_events set body = 'poison' where event_id = any($1)", poison)

    async with stack.working():
        for booking in meanwhile:
            await stack.pay(booking)
        for booking in (*paid, *meanwhile):
            await stack.wait_for(booking, "confirmed")
        patience = PATIENCE_SECONDS * EVENTS / 1_000
        await eventually(
            lambda: _told(stack, EVENTS - POISON), what="the events to be told", seconds=patience
        )
        for event_id in poison:
            await hurried_to_its_end(stack, event_id)

    cases = await stack.rows("select cause, count(*) from cases group by cause")
    assert cases == [{"cause": "unreadable", "count": POISON}]
    assert await violations(stack) == []


@pytest.mark.row("SAG-08")
async def test_buyer_and_webhook_at_once_confirm_once(stack: Stack) -> None:
    """The events are held until the buyers' own words are on their way, then they race; a hundred times."""
    await stack.sandbox.break_down("payment_intent.succeeded", "webhook_hold", times=RACES)
    shop = await stack.shop(capacity=RACES)

    for _ in range(RACES // AT_ONCE):
        bookings = [await stack.book(shop) for _ in range(AT_ONCE)]
        paid = await asyncio.gather(*(stack.pay(booking) for booking in bookings))
        words = (stack.confirm(each, its["payment_id"]) for each, its in zip(bookings, paid, strict=True))
        answers, _ = await asyncio.gather(asyncio.gather(*words), stack.sandbox.release())
        assert {answer.status_code for answer in answers} <= {200, 202}  # 202: no answer within 8 s
        for booking in bookings:
            await stack.closed(booking.workflow)

    tickets = await stack.rows("select count(*) from tickets group by booking_id")
    assert [row["count"] for row in tickets] == [1] * RACES
    mails = "select count(*) from notices where kind = 'booking_confirmed'"
    assert await stack.value(mails) == RACES
    assert await violations(stack) == []


@pytest.mark.row("SAG-07", partly="what the route answers is proved with the routes")
async def test_the_buyers_word_alone_confirms_nothing(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)

    answer = await stack.confirm(booking, checkout["payment_id"])

    assert answer.status_code == 402
    assert (await stack.read(booking))["status"] == "awaiting_payment"


@pytest.mark.row("PAY-32")
async def test_the_buyers_word_after_a_real_payment_confirms_without_any_webhook(stack: Stack) -> None:
    """The provider tells nobody; the word makes us ask, and the answer is the confirmed booking."""
    for kind in ("payment_intent.succeeded", "checkout.session.completed", "charge.succeeded"):
        await stack.sandbox.break_down(kind, "webhook_swallow", times=5)
    booking = await stack.book()
    paid = await stack.pay(booking)

    async def answered() -> int:
        answer = await stack.confirm(booking, paid["payment_id"])
        assert answer.status_code in (200, 202), answer.text  # 202: no answer within the door's patience
        return int(answer.status_code == 200)

    await eventually(answered, what="the confirmed booking")
    assert (await stack.read(booking))["status"] == "confirmed"
    assert await stack.value("select count(*) from webhook_events where kind like '%succeeded'") == 0
    assert await violations(stack) == []


async def test_an_event_that_comes_before_our_create_call_returned_is_not_lost(stack: Stack) -> None:
    """The answer of the create call is lost when the buyer could pay already: it is found again."""
    await stack.sandbox.break_down("POST /v1/checkout/sessions", "response_lost")
    booking = await stack.book()

    checkout = await stack.checkout(booking)
    await stack.sandbox.pay(checkout["payment_url"])

    await stack.wait_for(booking, "confirmed")
    assert len(await stack.sandbox.checkouts()) == 1
    assert await violations(stack) == []


@pytest.mark.row("WHK-18")
@pytest.mark.row("WHK-10")
async def test_an_event_about_nobody_is_tried_again_ever_later_and_then_given_to_a_person(
    stack: Stack,
) -> None:
    event_id = await deliver(stack, {"payment_id": str(uuid4())})

    row = await hurried_to_its_end(stack, event_id)

    assert (row["status"], row["cause"], row["attempts"]) == ("dead", "unknown_reference", 6)
    tries = await stack.rows(WAITS, event_id)
    planned = [timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 32)]
    assert [each["wait"] for each in tries] == [*planned, None]
    assert [each["status"] for each in tries] == ["parked"] * 5 + ["dead"]
    assert await stack.value("select count(*) from cases") == 1
    assert await stack.value("select count(*) from bookings") == 0


async def test_an_event_of_the_live_mode_is_put_aside_here(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)

    event_id = await deliver(stack, await labels(stack, checkout), livemode=True)

    parked = await eventually(lambda: _row(stack, event_id, "parked"), what="the event to be parked")
    assert parked["cause"] == "wrong_mode"
    assert (await stack.read(booking))["status"] == "awaiting_payment"


@pytest.mark.row("WHK-18")
@pytest.mark.parametrize(
    "changes",
    [{"amount_received": 2_499}, {"currency": "usd"}, {"amount_received": 999_999}],
    ids=["less", "another currency", "more"],
)
async def test_an_event_over_another_amount_is_taken_parked_and_one_case(
    stack: Stack, changes: dict[str, Any]
) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    named = await labels(stack, checkout)

    for event_id in [await deliver(stack, named, **changes) for _ in range(2)]:
        look = partial(_row, stack, event_id, "parked")
        parked = await eventually(look, what="the event to be parked")
        assert parked["cause"] == "amount_mismatch"

    [case] = await stack.rows("select kind, cause, subject::text from cases")
    assert case == {"kind": "payment", "cause": "amount_mismatch", "subject": checkout["payment_id"]}
    seen = await stack.read(booking)
    assert (seen["status"], seen["tickets"]) == ("awaiting_payment", [])


async def test_an_event_that_claims_money_is_not_believed_before_the_provider_was_asked(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)

    event_id = await deliver(stack, await labels(stack, checkout))

    await eventually(lambda: _row(stack, event_id, "processed"), what="the event to be told")
    await eventually(lambda: _asked(stack, booking.workflow), what="the provider to be asked")
    assert (await stack.read(booking))["status"] == "awaiting_payment"


async def flooded(stack: Stack, checkout: dict[str, Any]) -> list[str]:
    """Deliver as many events about a payment as an hour leaves behind, some at once; gives their ids."""
    named, turns = await labels(stack, checkout), asyncio.Semaphore(20)
    about = {"id": "pi_x", "object": "payment_intent", "status": "processing", "metadata": named}

    async def delivered() -> str:
        async with turns:
            return await deliver_object(stack, "payment_intent.processing", about)

    return await asyncio.gather(*(delivered() for _ in range(EVENTS)))


async def labels(stack: Stack, checkout: dict[str, Any]) -> dict[str, str]:
    """Give what our own objects at the provider are labelled with."""
    [payment] = await stack.rows(
        "select tenant_id, booking_id from payments where id = $1", UUID(checkout["payment_id"])
    )
    return {
        "payment_id": checkout["payment_id"],
        "tenant": str(payment["tenant_id"]),
        "booking_id": str(payment["booking_id"]),
    }


async def deliver(stack: Stack, metadata: dict[str, str], *, livemode: bool = False, **changes: Any) -> str:
    """Deliver an event with our secret: what the provider itself could send, about whomever."""
    intent = {
        "id": "pi_of_nobody",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 2_500,
        "amount_received": 2_500,
        "currency": "eur",
        "latest_charge": "ch_of_nobody",
        "metadata": metadata,
        **changes,
    }
    return await deliver_object(stack, "payment_intent.succeeded", intent, livemode=livemode)


async def deliver_object(stack: Stack, kind: str, about: dict[str, Any], *, livemode: bool = False) -> str:
    """Deliver an event of this kind about this object."""
    event_id, stamp = f"evt_{uuid4().hex}", int(time.time())
    event: dict[str, Any] = {
        "id": event_id,
        "object": "event",
        "type": kind,
        "created": stamp,
        "livemode": livemode,
        "data": {"object": about},
    }
    body = json.dumps(event).encode()
    secret = stack.settings.stripe_webhook_secret.encode()
    signature = hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    answer = await stack.http.post(
        "/api/v1/webhooks/stripe",
        content=body,
        headers={"Stripe-Signature": f"t={stamp},v1={signature}", "Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    return event_id


async def _row(stack: Stack, event_id: str, status: str) -> dict[str, Any] | None:
    rows = await stack.rows(INBOX, event_id)
    return rows[0] if rows and rows[0]["status"] == status else None


async def hurried_to_its_end(stack: Stack, event_id: str) -> dict[str, Any]:
    """Let the waits between the tries of an event pass at once, until it is dead."""

    async def dead() -> dict[str, Any] | None:
        await stack.judge.execute(HURRY, event_id)
        return await _row(stack, event_id, "dead")

    return await eventually(dead, what="the event to be dead")


async def _told(stack: Stack, count: int) -> bool:
    told = (
        "select count(*) from webhook_events where kind = 'payment_intent.processing' and told_at is not null"
    )
    return bool(await stack.value(told) >= count)


async def _asked(stack: Stack, workflow_id: str) -> bool:
    history = await stack.temporal.get_workflow_handle(workflow_id).fetch_history()
    return kinds(history).count("ACTIVITY_TASK_COMPLETED") >= 2
