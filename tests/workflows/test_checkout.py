"""The checkout's steps end where a payment starts: nothing may be missing, and nothing changes any more."""

import asyncio

import pytest

from domain.catalog import SalesTerms
from domain.consent import ConsentText
from tests.support.check import violations
from tests.support.people import BOTH, FLIGHT, REACHABLE, traveller
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack, bearer


async def send(stack: Stack, booking: Booked, method: str, path: str, body: object) -> int:
    url = f"/api/v1/bookings/{booking.id}{path}"
    return (await stack.http.request(method, url, json=body, headers=bearer(booking.token))).status_code


@pytest.mark.row("SAG-32")
@pytest.mark.row("SAG-15")
@pytest.mark.row("SAG-14")
async def test_a_payment_waits_for_passengers_and_consents_and_ends_the_changes(stack: Stack) -> None:
    shop = await stack.shop(terms=FLIGHT)
    booking = await stack.book(shop)

    refused = await stack.ask_to_pay(booking)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/passengers",
        "/contact/phone",
        "/consents/dangerous_goods",
        "/consents/carriage",
    ]
    assert await stack.value("select count(*) from payments") == 0
    assert (await stack.read(booking))["status"] == "held"

    assert await send(stack, booking, "PATCH", "", {"contact": REACHABLE}) == 200
    assert await send(stack, booking, "PUT", "/passengers", {"passengers": [traveller()]}) == 200
    assert await send(stack, booking, "POST", "/consents", {"consents": BOTH}) == 201
    checkout = await stack.checkout(booking)

    assert await send(stack, booking, "PUT", "/passengers", {"passengers": [traveller()]}) == 409
    assert await send(stack, booking, "PATCH", "", {"lines": _lines(shop, 2)}) == 409
    await stack.sandbox.pay(checkout["payment_url"])
    await stack.wait_for(booking, "confirmed")
    assert await send(stack, booking, "PATCH", "", {"contact": REACHABLE}) == 409
    assert await violations(stack) == []


@pytest.mark.row("SAG-15")
async def test_a_consent_that_is_missing_stops_the_payment_alone_and_not_the_booking(stack: Stack) -> None:
    terms = SalesTerms(consents=(ConsentText(code="terms", version="1", text="…"),))
    booking = await stack.book(await stack.shop(terms=terms))

    key = "the same request"
    answers = [await stack.ask_to_pay(booking, key=key) for _ in range(2)]
    await send(stack, booking, "POST", "/consents", {"consents": [{"code": "terms", "version": "1"}]})
    await stack.pay(booking)

    assert {answer.status_code for answer in answers} == {422}
    assert answers[0].content == answers[1].content
    await stack.wait_for(booking, "confirmed")


@pytest.mark.row("SAG-32")
@pytest.mark.parametrize("quantity", [1, 3])
async def test_what_is_paid_is_what_was_chosen_last(stack: Stack, quantity: int) -> None:
    shop = await stack.shop()
    booking = await stack.book(shop, quantity=2)

    assert await send(stack, booking, "PATCH", "", {"lines": _lines(shop, quantity)}) == 200
    await stack.pay(booking)

    confirmed = await stack.wait_for(booking, "confirmed")
    assert len(confirmed["tickets"]) == quantity
    assert await stack.sandbox.kept() == 2_500 * quantity
    assert await violations(stack) == []


@pytest.mark.row("SAG-32")
async def test_changes_and_wishes_to_pay_at_once_end_in_one_price_for_what_is_held(stack: Stack) -> None:
    shop = await stack.shop(capacity=40)
    bookings = [await stack.book(shop, quantity=2) for _ in range(4)]

    await asyncio.gather(
        *(send(stack, each, "PATCH", "", {"lines": _lines(shop, n)}) for each in bookings for n in (1, 3)),
        *(stack.ask_to_pay(each) for each in bookings),
    )
    for booking in bookings:
        await _pay_what_is_due(stack, booking)

    assert await violations(stack) == []


async def _pay_what_is_due(stack: Stack, booking: Booked) -> None:
    """Pay until it is confirmed: a wish that was overtaken by a change may have asked for less."""
    for _ in range(3):
        checkout = await stack.pay(booking)
        if (await stack.confirm(booking, checkout["payment_id"])).status_code == 200:
            return
    raise AssertionError(f"{booking.reference} is never paid")


@pytest.mark.row("SAG-13")
@pytest.mark.row("PAY-40")
async def test_a_cart_is_one_booking_one_payment_and_a_ticket_for_each(stack: Stack) -> None:
    shop = await stack.shop()
    vip = await shop.add_variant(9_900, quota=2, name="VIP")
    lines = [{"variant_id": str(vip.id), "quantity": 2}, *_lines(shop, 1)]

    booking = await stack.book(shop, lines=lines)
    before = await stack.read(booking)
    checkout = await stack.pay(booking)
    confirmed = await stack.wait_for(booking, "confirmed")

    assert before["paid_by"] == []
    [paid] = confirmed["paid_by"]
    assert paid["payment_id"] == checkout["payment_id"]
    assert (paid["status"], paid["method"]) == ("captured", "card")
    assert (paid["card_brand"], paid["card_last4"]) == ("visa", "4242")
    assert paid["amount"]["minor"] == 2 * 9_900 + 2_500
    assert paid["transaction_id"]
    assert paid["paid_at"]
    assert [ticket["variant_id"] for ticket in confirmed["tickets"]].count(str(vip.id)) == 2
    assert len(confirmed["tickets"]) == 3
    assert await violations(stack) == []


def _lines(shop: Shop, quantity: int) -> list[dict[str, object]]:
    return [{"variant_id": str(shop.variant.id), "quantity": quantity}]


@pytest.mark.row("PAY-36")
async def test_a_buyer_of_an_app_comes_back_to_the_app(stack: Stack) -> None:
    app = "holidaibutler://booking/complete"
    shop = await stack.shop()
    await stack.judge.execute("update channels set return_origins = '{holidaibutler://booking}'")
    booking = await stack.book(shop)

    checkout = await stack.checkout(booking, return_url=app)
    await stack.sandbox.pay(checkout["payment_url"])

    await stack.wait_for(booking, "confirmed")
    page = await stack.value("select return_url from payments")
    answer = await stack.http.get(page, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, app)
