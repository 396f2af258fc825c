"""Paying a payment: where the request is plain, it is answered without the framework and just as by it."""

import json
from typing import Any

import pytest

from tests.sandbox.conftest import Shop

PLAIN, SAME_TO_THE_FRAMEWORK = "application/json", "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("card", "status", "outcome"),
    [("4242424242424242", 200, "paid"), ("4000000000000002", 200, "declined"), ("1234", 422, None)],
)
async def test_plain_request_is_answered_as_the_framework_does(
    shop: Shop, card: str, status: int, outcome: str | None
) -> None:
    answers = [await pay(shop, await opened(shop), json.dumps({"card": card}), way) for way in BOTH]

    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1].get("outcome")) == (status, outcome)


async def test_refusals_are_those_of_the_framework(shop: Shop) -> None:
    paid = await opened(shop)
    await pay(shop, paid, "{}", PLAIN)

    again = [await pay(shop, paid, "{}", way) for way in BOTH]
    unknown = [await pay(shop, "pi_unknown", "{}", way) for way in BOTH]

    assert again[0] == again[1] == (409, {"detail": "payment is captured"}, "application/json")
    assert unknown[0] == unknown[1] == (404, {"detail": "no such payment: pi_unknown"}, "application/json")


@pytest.mark.parametrize(
    ("body", "fields"), [("", ["body"]), ("{", ["body.1"]), ("[]", ["body"]), ('{"card": 5}', ["body.card"])]
)
async def test_framework_says_what_is_wrong_with_a_wish(shop: Shop, body: str, fields: list[str]) -> None:
    payment = await opened(shop)

    status, answer, _ = await pay(shop, payment, body, PLAIN)

    assert (status, [each["field"] for each in answer["detail"]]) == (422, fields)


BOTH = (PLAIN, SAME_TO_THE_FRAMEWORK)


async def opened(shop: Shop) -> str:
    """Open a payment that nobody has paid."""
    intent = await shop.stripe.v1.payment_intents.create_async({"amount": 5000, "currency": "eur"})
    return str(intent.id)


async def pay(shop: Shop, payment: str, body: str, content_type: str) -> tuple[int, dict[str, Any], str]:
    """Ask to pay; return status, answer (less the payment's own id) and its type."""
    url = f"{shop.url}/_sandbox/payment_intents/{payment}/pay"
    async with shop.http.post(url, data=body, headers={"Content-Type": content_type}) as answer:
        told = await answer.json()
        told.pop("payment", None)
        (told.get("decline") or {}).pop("method", None)
        (told.get("decline") or {}).pop("attempt", None)
        return answer.status, told, answer.headers["Content-Type"]
