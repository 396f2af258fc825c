"""The checkout's steps end where a payment starts: nothing may be missing, and nothing changes any more."""

import asyncio

import pytest

from db.booking.change import choose
from domain.catalog import SalesTerms
from domain.consent import ConsentText
from domain.ids import BookingId
from tests.support.check import violations
from tests.support.people import BOTH, FLIGHT, REACHABLE, traveller
from tests.support.shop import Shop, choice
from tests.support.stack import Booked, Stack, bearer
from tests.support.wait import eventually

UNLIKE_WHAT_IS_DUE = """
select count(*) from payments p join bookings b on b.tenant_id = p.tenant_id and b.id = p.booking_id
 where p.amount_minor <> b.due_minor
"""
KEEPING_WAITS = """
select count(*) from pg_stat_activity
 where wait_event_type = 'Lock' and datname = current_database()
   and query like '%update holds%set kept_until%'
"""


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
    asked = await stack.value(UNLIKE_WHAT_IS_DUE)
    for booking in bookings:
        checkout = await stack.pay(booking)
        assert (await stack.confirm(booking, checkout["payment_id"])).status_code == 200

    assert asked == 0
    assert await violations(stack) == []


@pytest.mark.row("SAG-32")
async def test_a_wish_to_pay_that_a_change_overtakes_opens_no_checkout_for_less(stack: Stack) -> None:
    """The door has read the price, the run has not kept the places yet: then the buyer chooses more."""
    shop = await stack.shop()
    booking, key = await stack.book(shop), "the same request"
    async with shop.app.tenant(shop.tenant_id) as connection:
        await choose(connection, shop.tenant_id, BookingId(booking.id), choice(shop, 3))
        asked = asyncio.create_task(stack.ask_to_pay(booking, key=key))
        await eventually(lambda: stack.value(KEEPING_WAITS), what="the run that waits for the change")

    refused = await asked
    while refused.status_code == 202:  # not answered in time: the same request asks on
        refused = await stack.ask_to_pay(booking, key=key)

    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert await stack.value("select count(*) from payments") == 0
    assert (await stack.read(booking))["status"] == "held"
    await stack.pay(booking)
    assert len((await stack.wait_for(booking, "confirmed"))["tickets"]) == 3


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
