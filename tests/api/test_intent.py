"""Payments by resource: both shapes, one payment per key, and the amount never the caller's to decide."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.route import AccountName
from tests.support.card import shows_card
from tests.support.stack import Booked, Stack, bearer
from tests.support.wait import eventually
from tests.workflows.test_route import open_account

BACK = "/docs"


def body_of(stack: Stack, booking: Booked, **changes: Any) -> dict[str, Any]:
    return {
        "amount": 2500,
        "currency": "EUR",
        "resource_type": "booking",
        "resource_id": str(booking.id),
        "return_url": f"{stack.settings.api_url}{BACK}",
        "metadata": {"campaign": "autumn"},
        **changes,
    }


def intent_of(booking: Booked, **changes: Any) -> dict[str, Any]:
    return {"amount": 2500, "currency": "EUR", "booking_reference": booking.reference, **changes}


async def ask(
    stack: Stack, booking: Booked, body: dict[str, Any], *, path: str = "", key: str | None = ""
) -> httpx2.Response:
    named = {} if key is None else {"Idempotency-Key": key or uuid4().hex}
    return await stack.http.post(f"/api/v1/payments{path}", json=body, headers=bearer(booking.token) | named)


@pytest.mark.row("PAY-07")
@pytest.mark.row("PAY-03", partly="the other fields are held by the gateway's tests")
async def test_both_shapes_open_a_payment_and_answer_in_their_own_words(stack: Stack) -> None:
    shop = await stack.shop()
    one, other = [await stack.book(shop) for _ in range(2)]

    page = await ask(stack, one, body_of(stack, one))
    intent = await ask(stack, other, intent_of(other, email="ADA@example.com"), path="/create-intent")

    assert (page.status_code, intent.status_code) == (201, 201), (page.text, intent.text)
    assert page.json().keys() == {
        *("payment_id", "provider", "session_data", "publishable_key", "redirect_url")
    }
    assert intent.json().keys() == {"payment_id", "provider", "client_secret", "publishable_key"}
    assert intent.json()["client_secret"].startswith("pi_")
    assert (intent.json()["provider"], intent.json()["publishable_key"]) == ("stripe", "pk_test_sandbox")
    assert await stack.sandbox.pay(page.json()["redirect_url"]) == "paid"
    await stack.wait_for(one, "confirmed")
    row = (await stack.rows("select * from payments where booking_id = $1", one.id))[0]
    assert str(row["id"]) == page.json()["payment_id"]
    assert (row["resource_type"], row["resource_id"]) == ("booking", one.id)
    assert row["metadata"] == '{"campaign": "autumn"}'


@pytest.mark.row("PAY-06")
async def test_an_intent_names_who_took_it_in_anothers_stead(stack: Stack) -> None:
    shop = await stack.shop()
    await open_account(shop, AccountName(provider="adyen", name="default"))
    booking = await stack.book(shop)
    await stack.sandbox.break_down("POST /v1/payment_intents", "rate_limit")

    told = (await ask(stack, booking, intent_of(booking), path="/create-intent")).json()

    assert (told["provider"], told["publishable_key"]) == ("adyen", stack.settings.adyen_client_key)
    assert told["client_secret"]


@pytest.mark.row("PAY-03")
async def test_stripe_hears_exactly_what_an_intent_is_for(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(minor=59_999, currency="USD"))

    answer = await ask(
        stack, booking, intent_of(booking, amount=59_999, currency="USD"), path="/create-intent"
    )

    told, (event,) = answer.json(), await stack.sandbox.events("payment_intent.created")
    intent = event["data"]["object"]
    assert (intent["amount"], intent["currency"]) == (59_999, "usd")
    assert intent["metadata"]["reference"] == booking.reference
    assert intent["metadata"]["payment_id"] == told["payment_id"]
    assert intent["payment_method_options"]["card"]["request_three_d_secure"] == "automatic"
    assert event["request"]["idempotency_key"] == f"{told['payment_id']}:create:1"
    assert told["client_secret"].startswith(f"{intent['id']}_secret_")


@pytest.mark.row("PAY-07")
@pytest.mark.parametrize("path", ["", "/create-intent"])
async def test_the_row_is_there_before_the_provider_is_called(stack: Stack, path: str) -> None:
    booking = await stack.book()
    await stack.sandbox.break_down("*", "response_500_before", times=1_000)
    body = intent_of(booking) if path else body_of(stack, booking)

    asking = asyncio.create_task(ask(stack, booking, body, path=path))

    async def called() -> list[dict[str, Any]]:
        return await stack.rows("select status, provider_ref from payments where create_calls > 0")

    assert await eventually(called, what="the provider to be asked") == [
        {"status": "pending", "provider_ref": None}
    ]
    await stack.sandbox.mend()
    assert (await asking).status_code in (201, 202, 503)


@pytest.mark.row("PAY-08")
@pytest.mark.parametrize("path", ["", "/create-intent"])
async def test_two_at_once_under_one_key_are_one_payment_with_one_answer(stack: Stack, path: str) -> None:
    booking = await stack.book()
    body, key = intent_of(booking) if path else body_of(stack, booking), uuid4().hex

    first, second = await asyncio.gather(*(ask(stack, booking, body, path=path, key=key) for _ in range(2)))
    again = await ask(stack, booking, body, path=path, key=key)

    assert first.status_code == second.status_code == 201
    assert first.content == second.content == again.content
    assert await stack.value("select count(*) from payments") == 1
    opened = await stack.sandbox.payments() if path else await stack.sandbox.checkouts()
    assert len(opened) == 1


@pytest.mark.row("PAY-08")
async def test_a_key_is_required_and_stands_for_one_body(stack: Stack) -> None:
    booking = await stack.book()
    key = uuid4().hex
    await ask(stack, booking, body_of(stack, booking), key=key)

    without = await ask(stack, booking, body_of(stack, booking), key=None)
    other = await ask(stack, booking, body_of(stack, booking, metadata={}), key=key)

    assert (without.status_code, without.json()["code"]) == (400, "key_missing")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


BAD: list[tuple[str, dict[str, Any]]] = [
    ("/amount", {"amount": 1}),
    ("/amount", {"amount": 2501}),
    ("/amount", {"amount": "2500"}),
    ("/amount", {"amount": 25.0}),
    ("/amount", {"amount": 0}),
    ("/currency", {"currency": "USD"}),
    ("/resource_type", {"resource_type": "festival"}),
    ("/return_url", {"return_url": "https://evil.example/"}),
    ("/metadata/X", {"metadata": {"X": "y"}}),
    ("/metadata/note", {"metadata": {"note": "4242 4242 4242 4242"}}),
]


@pytest.mark.parametrize(("pointer", "changes"), BAD)
async def test_a_wish_that_breaks_a_rule_opens_nothing(
    idle_stack: Stack, pointer: str, changes: dict[str, Any]
) -> None:
    booking = await idle_stack.book()

    answer = await ask(idle_stack, booking, body_of(idle_stack, booking, **changes))

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert not shows_card(answer.text)
    assert await idle_stack.value("select count(*) from payments") == 0


async def test_a_booking_that_is_not_the_callers_is_unknown(idle_stack: Stack) -> None:
    shop = await idle_stack.shop()
    mine, theirs = [await idle_stack.book(shop) for _ in range(2)]

    stolen = await ask(idle_stack, mine, body_of(idle_stack, theirs))
    other_mail = await ask(idle_stack, mine, intent_of(mine, email="eve@example.com"), path="/create-intent")

    assert (stolen.status_code, other_mail.status_code) == (404, 422)
