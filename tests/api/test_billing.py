"""Whom a payment is billed to: asked for where the product or the way to pay needs it, and nowhere else."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from db import billing
from domain.billing import Billing
from domain.catalog import SalesTerms
from domain.ids import PaymentId
from tests.api.conftest import RETURN, Door
from tests.support.shop import open_shop
from tests.support.stack import Booked, bearer

HOME = {"line1": "Rua da Luz 7", "city": "Lisboa", "postal_code": "1200-101", "country": "PT"}


async def pay(door: Door, booking: Booked, **wish: Any) -> httpx2.Response:
    return await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": RETURN, **wish},
        headers=bearer(booking.token) | {"Idempotency-Key": uuid4().hex},
    )


def errors(answer: httpx2.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def accepted(answer: httpx2.Response) -> bool:
    """Say whether every rule holds: nobody is behind this door to open the checkout."""
    return answer.status_code == 503


@pytest.mark.row("PAY-39")
async def test_a_product_that_needs_an_address_takes_no_payment_without_one(door: Door) -> None:
    door.shop = await open_shop(door.databases.app, terms=SalesTerms(billing_address=True))
    booking = await door.book()
    counts = await door.counts()

    assert errors(await pay(door, booking)) == [("/billing/address", "missing")]
    assert errors(await pay(door, booking, billing={})) == [("/billing/address", "missing")]
    assert errors(await door.ask(payment={"return_url": RETURN})) == [("/payment/billing/address", "missing")]
    assert await door.counts() == counts
    assert accepted(await pay(door, booking, billing={"address": HOME}))


@pytest.mark.row("PAY-39")
async def test_a_product_that_needs_none_takes_a_payment_without(door: Door) -> None:
    assert accepted(await pay(door, await door.book()))


@pytest.mark.row("PAY-39")
async def test_a_card_has_a_holder_with_a_name(door: Door) -> None:
    booking = await door.book()

    assert errors(await pay(door, booking, method="card")) == [("/billing/holder_name", "missing")]
    assert accepted(await pay(door, booking, method="card", billing={"holder_name": "Ada Lovelace"}))
    assert accepted(await pay(door, booking, method="ideal"))


ADDRESSES: list[tuple[dict[str, Any], str, str]] = [
    ({"country": "XX"}, "/billing/address/country", "invalid"),
    ({"country": "Portugal"}, "/billing/address/country", "invalid"),
    ({"city": ""}, "/billing/address/city", "too_short"),
    ({"line1": "x" * 201}, "/billing/address/line1", "too_long"),
    ({"line1": None}, "/billing/address/line1", "wrong_type"),
    ({"postal_code": "<script>"}, "/billing/address/postal_code", "invalid"),
    ({"street": "x"}, "/billing/address/street", "unknown_field"),
    ({"line2": "4242424242424242"}, "/billing/address/line2", "card_number"),
]


@pytest.mark.row("PAY-39")
async def test_an_address_is_looked_at(door: Door) -> None:
    booking = await door.book()
    counts = await door.counts()

    for changes, pointer, code in ADDRESSES:
        answer = await pay(door, booking, billing={"address": {**HOME, **changes}})

        assert (pointer, code) in errors(answer), changes
    assert await door.counts() == counts


async def test_whom_an_attempt_is_billed_to_is_kept_with_it(door: Door) -> None:
    booking = await door.book()
    said = {"holder_name": "Ada Lovelace", "address": HOME}

    await pay(door, booking, billing=said)

    payment_id = PaymentId(await door.judge.fetchval("select payment_id from billings"))
    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        assert await billing.of_payment(
            connection, door.shop.tenant_id, payment_id
        ) == Billing.model_validate(said)


OTHER_WAYS: list[tuple[str, dict[str, Any]]] = [
    ("/payments", {"resource_type": "booking", "resource_id": "{reference}", "return_url": RETURN}),
    ("/payments/create-intent", {"booking_reference": "{reference}"}),
]


@pytest.mark.row("PAY-39")
@pytest.mark.parametrize(("path", "body"), OTHER_WAYS)
async def test_no_other_way_to_pay_passes_it_by(door: Door, path: str, body: dict[str, Any]) -> None:
    door.shop = await open_shop(door.databases.app, terms=SalesTerms(billing_address=True))
    booking = await door.book()
    named = {name: value.format(reference=booking.reference) for name, value in body.items()}
    wish = {"amount": 2500, "currency": "EUR", **named}

    async def ask(**more: Any) -> httpx2.Response:
        headers = bearer(booking.token) | {"Idempotency-Key": uuid4().hex}
        return await door.http.post(f"/api/v1{path}", json=wish | more, headers=headers)

    assert errors(await ask()) == [("/billing/address", "missing")]
    assert accepted(await ask(billing={"address": HOME}))
