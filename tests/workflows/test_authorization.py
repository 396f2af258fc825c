"""Payments that are not taken yet: let go by their buyer or an operator, or taken in part."""

import asyncio
from typing import Any

import httpx2
import pytest

from domain.booking import Judge, Verdict
from domain.catalog import Capture, SalesTerms
from tests.support.check import violations
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack, bearer, idempotent
from tests.support.user import User
from tests.support.wait import eventually

ACCEPTED = SalesTerms(partner_accepts=True)
DEPOSIT = SalesTerms(partner_accepts=True, capture=Capture.MANUAL, deposit_percent=30)
CONFLICTED = """
select exists (select from cases c join payments p on p.id = c.subject
                where p.status = 'conflicted' and c.closed_at is null)
"""
YES = Verdict(judge=Judge.PARTNER, accepted=True, by="partner")


def eur(minor: int) -> dict[str, object]:
    return {"minor": minor, "currency": "EUR"}


async def ask(
    stack: Stack, token: str, payment_id: object, what: str, key: str | None = None, **wish: Any
) -> httpx2.Response:
    return await stack.http.post(
        f"/api/v1/payments/{payment_id}/{what}", json=wish, headers=bearer(token) | idempotent(key)
    )


async def authorised(stack: Stack, shop: Shop, **wish: Any) -> tuple[Booked, str]:
    booking = await stack.book(shop)
    checkout = await stack.checkout(booking, **wish)
    await stack.sandbox.pay(checkout["payment_url"])
    await stack.wait_for(booking, "awaiting_partner")
    return booking, checkout["payment_id"]


async def at(stack: Stack, shop: Shop, provider: str) -> Stack:
    return await stack.at_paypal(shop) if provider == "paypal" else stack


async def money(stack: Stack) -> list[tuple[str, int]]:
    return [(each["status"], each["captured"]) for each in await stack.sandbox.payments()]


@pytest.mark.row("PAY-12", "PAY-08")
async def test_a_buyer_lets_a_checkout_go_and_pays_by_another(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)

    answers = await asyncio.gather(
        *(ask(stack, booking.token, checkout["payment_id"], "cancel", "one") for _ in range(2))
    )
    again = await ask(stack, booking.token, checkout["payment_id"], "cancel")
    other_body = await ask(stack, booking.token, checkout["payment_id"], "cancel", "one", reason="x")

    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert answers[0].content == answers[1].content
    assert answers[0].json()["status"] == again.json()["status"] == "expired"
    assert (other_body.status_code, other_body.json()["code"]) == (422, "key_reused")
    assert [each["status"] for each in await stack.sandbox.checkouts()] == ["expired"]
    assert (await stack.read(booking))["status"] == "awaiting_payment"
    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")
    assert await stack.value("select count(*) from audit_entries where action = 'payment.cancel'") == 0
    assert await violations(stack) == []


@pytest.mark.row("PAY-12")
async def test_an_operator_releases_what_was_authorised_and_is_written_down(stack: Stack) -> None:
    shop = await stack.shop(terms=ACCEPTED)
    booking, payment_id = await authorised(stack, shop)
    operator = User(stack, shop.tenant_id, "olga", "operator")

    answer = await ask(stack, operator.token, payment_id, "cancel", reason="Called in.")
    again = await ask(stack, operator.token, payment_id, "cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    assert again.json()["status"] == "cancelled"
    assert await money(stack) == [("cancelled", 0)]
    await stack.wait_for(booking, "refunded")  # nothing pays for it, so it ends
    [act] = await stack.rows("select * from audit_entries where action = 'payment.cancel'")
    assert (act["actor"], str(act["subject"])) == ("user:olga", payment_id)
    assert act["after"] == '{"reason": "Called in.", "status": "cancelled"}'
    assert await violations(stack) == []


@pytest.mark.row("PAY-12")
async def test_what_was_taken_is_not_let_go(stack: Stack) -> None:
    booking = await stack.book()
    checkout = await stack.checkout(booking)
    await stack.sandbox.pay(checkout["payment_url"])

    # The webhook may or may not have been heard by now: the provider has been paid.
    answer = await ask(stack, booking.token, checkout["payment_id"], "cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "already_captured"), answer.text
    assert answer.json()["captured"] == 2_500
    await stack.wait_for(booking, "confirmed")
    late = await ask(stack, booking.token, checkout["payment_id"], "cancel")
    assert (late.status_code, late.json()["code"]) == (409, "already_captured")
    assert await violations(stack) == []


@pytest.mark.row("PAY-11", "PAY-08")
@pytest.mark.parametrize("provider", ["stripe", "paypal"])
async def test_a_part_is_taken_and_the_rest_released(stack: Stack, provider: str) -> None:
    """F13: a partial capture."""
    shop = await stack.shop(minor=10_000, terms=DEPOSIT)
    stack = await at(stack, shop, provider)
    booking, payment_id = await authorised(stack, shop, amount=eur(10_000))
    assert await money(stack) == [("authorized", 0)]
    token = User(stack, shop.tenant_id, "olga", "organizer").token

    refused = [
        (await ask(stack, token, payment_id, "capture", amount=amount)).json()
        for amount in (eur(10_001), {"minor": 6_000, "currency": "USD"}, eur(2_999))
    ]
    taken = await ask(stack, token, payment_id, "capture", "one", amount=eur(6_000))
    repeated = await ask(
        stack, token, payment_id, "capture", "one", amount={"minor": 6_000, "currency": "EUR"}
    )
    second = await ask(stack, token, payment_id, "capture", amount=eur(4_000))

    assert [no["code"] for no in refused] == ["exceeds_authorized", "exceeds_authorized", "less_than_due"]
    assert (refused[0]["most"], refused[2]["least"]) == (10_000, 3_000)
    assert (taken.status_code, taken.json()["captured_minor"]) == (200, 6_000), taken.text
    assert repeated.content == taken.content
    assert (second.status_code, second.json()["code"]) == (409, "already_captured")
    assert await money(stack) == [("captured", 6_000)]
    async with stack.telling() as sagas:
        await sagas.decide(await stack.request(booking), YES)
    await stack.wait_for(booking, "confirmed")
    assert await stack.value("select count(*) from audit_entries where action = 'payment.capture'") == 1
    assert await violations(stack) == []


@pytest.mark.row("WHK-18", partly="what is taken at once: tests/workflows/test_webhook.py")
@pytest.mark.parametrize("provider", ["stripe", "paypal"])
async def test_less_that_is_held_than_was_asked_for_asks_nobody_and_is_released_in_the_end(
    stack: Stack, provider: str
) -> None:
    """F13: a partial authorisation."""
    shop = await stack.shop(terms=ACCEPTED)
    stack = await at(stack, shop, provider)
    booking = await stack.book(shop)
    checkout = await stack.checkout(booking)
    await stack.judge.execute("update payments set amount_minor = amount_minor + 1")

    await stack.sandbox.pay(checkout["payment_url"])

    await eventually(lambda: stack.value(CONFLICTED), what="a person to be told")
    assert ((await stack.read(booking))["status"], await money(stack)) == (
        "awaiting_payment",
        [("authorized", 0)],
    )
    await stack.ask_to_cancel(booking)
    await stack.wait_for(booking, "cancelled")
    await stack.closed(booking.workflow)
    assert await money(stack) == [("cancelled", 0)]
    assert await violations(stack) == []


async def test_less_that_is_held_when_the_booking_has_ended_is_released_as_well(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(terms=ACCEPTED))
    checkout = await stack.checkout(booking)
    await stack.judge.execute("update payments set amount_minor = amount_minor + 1")
    await stack.cancel(booking)
    await stack.closed(booking.workflow)

    await stack.sandbox.pay(checkout["payment_url"], after_expiry=True)

    async def released() -> bool:
        return await money(stack) == [("cancelled", 0)]

    await eventually(released, what="the money to be released")
    assert await violations(stack) == []
