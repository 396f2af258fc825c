"""Booking a place: what comes back, what the same key brings, and every way it is refused."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.catalog import SaleStatus, SalesTerms
from tests.api.conftest import RETURN, Door
from tests.support.shop import open_shop
from tests.support.stack import bearer, publishable_key


def key(name: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": name or uuid4().hex}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.row("INV-06")
@pytest.mark.row("SAG-01", partly="vouchers do not exist yet")
async def test_a_booking_is_held_for_the_time_to_pay(door: Door) -> None:
    answer = await door.ask(key())

    assert answer.status_code == 201
    booking = answer.json()
    assert booking["status"] == "held"
    assert booking["total"] == booking["due"] == {"minor": 2500, "currency": "EUR"}
    assert booking["reference"].startswith("BK-")
    assert booking["payment"] is None
    assert answer.headers["location"] == f"/api/v1/bookings/{booking['id']}"
    assert instant(booking["expires_at"]) - instant(booking["created_at"]) == timedelta(seconds=900)
    [line] = booking["lines"]
    assert (line["name"], line["quantity"], line["total"]["minor"]) == ("Adult", 1, 2500)
    assert await door.judge.fetchval("select held from counters where id = $1", door.shop.slot.id) == 1


@pytest.mark.row("SAG-27")
async def test_the_source_is_the_channels_and_not_the_callers_to_say(door: Door) -> None:
    booking = await door.book()
    refused = await door.ask(source="api")

    assert refused.status_code == 422
    assert await door.judge.fetchval("select source from bookings where id = $1", booking.id) == "web"


@pytest.mark.row("SAG-13", partly="the tickets: tests/workflows")
async def test_several_lines_are_one_booking_or_none(door: Door) -> None:
    vip = await door.shop.add_variant(9_900, quota=2, name="VIP")
    lines = [
        {"variant_id": str(vip.id), "quantity": 2},
        {"variant_id": str(door.shop.variant.id), "quantity": 1},
    ]

    booked = await door.ask(lines=lines)
    again = await door.ask(lines=lines)

    assert booked.status_code == 201
    assert booked.json()["total"]["minor"] == 2 * 9_900 + 2_500
    assert again.status_code == 409
    assert again.json()["code"] == "sold_out"
    assert await door.judge.fetchval("select held from counters where id = $1", door.shop.slot.id) == 3


async def test_a_free_booking_has_no_deadline(door: Door) -> None:
    child = await door.shop.add_variant(0, name="Child")

    answer = await door.ask(lines=[{"variant_id": str(child.id), "quantity": 2}])

    booking = answer.json()
    assert answer.status_code == 201
    assert (booking["expires_at"], booking["due"]["minor"]) == (None, 0)


async def test_a_deposit_is_what_is_due(door: Door) -> None:
    shop = await open_shop(door.databases.app, minor=3333, terms=SalesTerms(deposit_percent=30))

    answer = await door.ask(
        bearer(publishable_key(shop)),
        offer_id=str(shop.offer.id),
        slot_id=str(shop.slot.id),
        lines=[{"variant_id": str(shop.variant.id), "quantity": 1}],
    )

    assert answer.json()["due"]["minor"] == 1000
    assert answer.json()["total"]["minor"] == 3333


@pytest.mark.row("SAG-10", partly="the crash in between: ./dev demo crash")
class TestKeys:
    async def test_the_same_key_and_body_is_the_same_booking_byte_for_byte(self, door: Door) -> None:
        named = key()

        answers = [await door.ask(named) for _ in range(3)]

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert await door.judge.fetchval("select count(*) from bookings") == 1

    async def test_a_repeat_brings_the_first_answer_whatever_became_of_the_booking(self, door: Door) -> None:
        named = key()
        first = await door.ask(named)
        await door.judge.execute("update bookings set status = 'expired', ended_at = now()")

        again = await door.ask(named)

        assert (again.status_code, again.content) == (201, first.content)

    async def test_a_repeat_brings_the_booking_though_the_wish_would_be_refused_now(self, door: Door) -> None:
        named = key()
        first = await door.ask(named)
        await door.judge.execute("update slots set status = 'hidden'")
        await door.judge.execute("update offers set status = 'draft'")
        door.app.state.house.sales._known.clear()

        again = await door.ask(named)
        fresh = await door.ask(key())

        assert (again.status_code, again.content) == (201, first.content)
        assert fresh.status_code == 404

    async def test_the_order_of_members_and_written_defaults_do_not_matter(self, door: Door) -> None:
        named = key()
        first = await door.ask(named)
        body = dict(reversed(door.body(locale="en", payment=None).items()))

        again = await door.http.post("/api/v1/bookings", json=body, headers={**door.key, **named})

        assert (again.status_code, again.content) == (201, first.content)

    async def test_another_body_under_the_key_is_refused(self, door: Door) -> None:
        named = key()
        await door.ask(named)
        counts = await door.counts()

        answer = await door.ask(named, contact={"name": "Eve", "email": "eve@example.com"})

        assert answer.status_code == 422
        assert answer.json()["code"] == "key_reused"
        assert await door.counts() == counts

    async def test_a_key_may_be_quoted_or_bare(self, door: Door) -> None:
        name = uuid4().hex

        bare, quoted = await door.ask(key(name)), await door.ask(key(f'"{name}"'))

        assert bare.content == quoted.content

    @pytest.mark.parametrize("name", ["x" * 256, '""', "naïve"])
    async def test_a_key_that_cannot_be_one_is_refused(self, door: Door, name: str) -> None:
        answer = await door.http.post(
            "/api/v1/bookings",
            json=door.body(),
            headers=[
                (b"idempotency-key", name.encode()),
                (b"authorization", door.key["Authorization"].encode()),
            ],
        )

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"

    async def test_without_a_key_each_request_is_a_booking(self, door: Door) -> None:
        await door.book()
        await door.book()

        assert await door.judge.fetchval("select count(*) from bookings") == 2

    async def test_requests_at_once_under_one_key_join(self, door: Door) -> None:
        named = key()

        answers = await asyncio.gather(*(door.ask(named) for _ in range(10)))

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert await door.judge.fetchval("select count(*) from bookings") == 1

    async def test_another_callers_key_of_the_same_name_is_another(self, door: Door) -> None:
        named = key()

        channel = await door.ask(named)
        user = await door.ask({**named, **door.user(), **door.through()})

        assert channel.json()["id"] != user.json()["id"]


class TestRefusals:
    async def test_sold_out_says_how_many_are_left(self, door: Door) -> None:
        answer = await door.ask(lines=[{"variant_id": str(door.shop.variant.id), "quantity": 10}])
        assert answer.status_code == 201

        refused = await door.ask()

        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (409, "sold_out")
        assert (problem["asked"], problem["left"]) == (1, 0)

    async def test_what_is_not_on_sale(self, door: Door) -> None:
        past = await door.shop.add_slot(5, sales_until=door.shop.slot.starts_at - timedelta(days=30))
        hidden = await door.shop.add_slot(5, status=SaleStatus.HIDDEN)
        counts = await door.counts()

        for slot in (past, hidden):
            answer = await door.ask(slot_id=str(slot.id))

            assert (answer.status_code, answer.json()["code"]) == (409, "sales_closed")
        assert await door.counts() == counts

    async def test_unknown_things_and_another_tenants_are_alike(self, door: Door) -> None:
        other = await open_shop(door.databases.app)
        counts = await door.counts()
        wishes: list[dict[str, Any]] = [
            {"slot_id": str(uuid4())},
            {"offer_id": str(uuid4())},
            {"slot_id": str(other.slot.id)},
            {"offer_id": str(other.offer.id), "slot_id": str(other.slot.id)},
        ]

        answers = [await door.ask(**wish) for wish in wishes]

        assert {answer.status_code for answer in answers} == {404}
        texts = [json.loads(answer.text) | {"request_id": ""} for answer in answers]
        assert all(text == texts[0] for text in texts)
        [error] = texts[0]["errors"]
        assert (error["pointer"], error["code"]) == ("/slot_id", "unknown")
        assert await door.counts() == counts

    async def test_another_tenants_variant_is_unknown(self, door: Door) -> None:
        other = await open_shop(door.databases.app)

        answer = await door.ask(lines=[{"variant_id": str(other.variant.id), "quantity": 1}])

        assert answer.status_code == 422
        assert answer.json()["errors"][0] == {
            "pointer": "/lines/0/variant_id",
            "code": "unknown",
            "detail": "This offer has no such variant.",
        }

    async def test_another_price_than_ours_books_nothing(self, door: Door) -> None:
        counts = await door.counts()

        answer = await door.ask(expected_total={"minor": 1, "currency": "EUR"})
        right = await door.ask(expected_total={"minor": 2500, "currency": "EUR"})

        problem = answer.json()
        assert (answer.status_code, problem["errors"][0]["pointer"]) == (422, "/expected_total")
        assert problem["errors"][0]["code"] == "price_changed"
        assert problem["total"] == {"minor": 2500, "currency": "EUR"}
        assert right.status_code == 201
        assert (await door.counts())["bookings"] == counts["bookings"] + 1

    async def test_a_foreign_address_of_return_books_nothing(self, door: Door) -> None:
        counts = await door.counts()

        answer = await door.ask(payment={"return_url": "https://evil.example/"})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/payment/return_url"
        assert await door.counts() == counts

    @pytest.mark.parametrize(
        ("payment", "pointer"),
        [
            ({"amount": {"minor": 1, "currency": "EUR"}}, "/payment/amount/minor"),
            ({"amount": {"minor": 99_999_999, "currency": "EUR"}}, "/payment/amount/minor"),
            ({"amount": {"minor": 1, "currency": "USD"}}, "/payment/amount/currency"),
            ({"method_id": str(UUID(int=7))}, "/payment/method_id"),
        ],
    )
    async def test_a_wish_to_pay_that_nothing_can_come_of_books_nothing(
        self, door: Door, payment: dict[str, Any], pointer: str
    ) -> None:
        counts = await door.counts()

        answer = await door.ask(payment={"return_url": RETURN, **payment})

        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert await door.counts() == counts


class TestWithPayment:
    async def test_the_booking_stands_while_nobody_can_open_the_payment(self, door: Door) -> None:
        named = key()

        first = await door.ask(named, payment={"return_url": RETURN})
        again = await door.ask(named, payment={"return_url": RETURN})

        booking = first.json()
        assert first.status_code == 201
        assert booking["payment"]["status"] == "pending"
        assert booking["payment"]["payment_url"] is None
        assert int(first.headers["retry-after"]) > 0
        assert again.json()["id"] == booking["id"]
        assert again.json()["payment"]["payment_id"] == booking["payment"]["payment_id"]
        assert await door.judge.fetchval("select count(*) from bookings") == 1

    async def test_a_free_booking_opens_no_payment(self, door: Door) -> None:
        child = await door.shop.add_variant(0, name="Child")

        answer = await door.ask(
            lines=[{"variant_id": str(child.id), "quantity": 1}], payment={"return_url": RETURN}
        )

        assert answer.status_code == 201
        assert answer.json()["payment"] is None
        assert "retry-after" not in answer.headers


async def test_a_user_books_through_a_channel_and_owns_it(door: Door) -> None:
    booking = await door.book({**door.user("ada"), **door.through()})

    assert await door.judge.fetchval("select user_id from bookings where id = $1", booking.id) == "ada"


async def test_a_user_without_a_channel_is_told_so(door: Door) -> None:
    answer = await door.ask(door.user())

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "X-Channel-Key"


async def test_a_channel_of_another_tenant_is_no_channel_of_the_users(door: Door) -> None:
    other = await open_shop(door.databases.app)

    answer = await door.ask({**door.user(), **door.through(other)})

    assert answer.status_code == 401
