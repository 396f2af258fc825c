"""The wish to pay: one key is one payment, whatever is away, and the answer is given again byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from temporalio.exceptions import ApplicationError

from api.app import create_app
from domain.catalog import SalesTerms
from domain.refusal import ProviderRefused
from tests.api.conftest import RETURN, Door
from tests.api.test_look import found
from tests.support.fault import Fault
from tests.support.shop import keep, pay
from tests.support.stack import Booked, Stack, bearer
from workflows import steps


def key(name: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": name or uuid4().hex}


async def wish(
    door: Door, booking: Booked, headers: dict[str, str] | None = None, **body: Any
) -> httpx2.Response:
    return await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": RETURN, **body},
        headers={**bearer(booking.token), **(key() if headers is None else headers)},
    )


FOREIGN = [
    "https://evil.example/return",
    "http://door.test.evil.example/",
    "http://door.test@evil.example/",
    "http://evil.example\\@door.test/",
    "https://door.test/",
    "http://door.test:8080/",
    "//door.test/",
    "javascript:alert(1)",
    "data:text/html,x",
    "ftp://door.test/",
    "/return",
    "http://door.test /",
    "http://[::1",
    "http://door.test:port/",
]


class TestAtTheDoor:
    async def test_a_key_is_required(self, door: Door) -> None:
        booking = await door.book()
        counts = await door.counts()

        answer = await wish(door, booking, {})

        assert (answer.status_code, answer.json()["code"]) == (400, "key_missing")
        assert await door.counts() == counts

    async def test_away_asks_to_come_back_and_keeps_the_payments_id(self, door: Door) -> None:
        booking = await door.book()
        named = key()

        answers = [await wish(door, booking, named) for _ in range(2)]

        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        keys = await door.judge.fetch(
            "select subject, status from idempotency_keys where route like '%payments'"
        )
        assert [row["status"] for row in keys] == [None]

    async def test_the_same_key_with_another_body_is_refused(self, door: Door) -> None:
        booking = await door.book()
        named = key()
        await wish(door, booking, named)

        answer = await wish(door, booking, named, hosted=False)

        assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")

    async def test_a_foreign_address_of_return_is_refused(self, door: Door) -> None:
        booking = await door.book()
        counts = await door.counts()

        for address in FOREIGN:
            answer = await wish(door, booking, return_url=address)

            assert answer.status_code == 422, address
            assert answer.json()["errors"][0]["pointer"] == "/return_url"
        assert await door.counts() == counts

    async def test_an_address_on_the_channels_list_is_taken(self, door: Door) -> None:
        booking = await door.book()
        await door.judge.execute("update channels set return_origins = '{https://shop.example}'")

        assert (await wish(door, booking, return_url="https://shop.example/thanks?x=1")).status_code == 503
        assert (await wish(door, booking, return_url="https://shop.example.org/")).status_code == 422

    async def test_a_provider_without_an_account_is_refused(self, door: Door) -> None:
        booking = await door.book()

        answer = await wish(door, booking, provider="adyen")

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/provider")

    @pytest.mark.parametrize(
        ("status", "code"),
        [("expired", "hold_ended"), ("failed", "booking_ended"), ("cancelled", "booking_ended")],
    )
    async def test_an_ended_booking_is_refused_from_its_row(self, door: Door, status: str, code: str) -> None:
        booking = await door.book()
        await door.judge.execute("update bookings set status = $1, ended_at = now()", status)
        named = key()

        answers = [await wish(door, booking, named) for _ in range(2)]

        assert {answer.status_code for answer in answers} == {409}
        assert {answer.json()["code"] for answer in answers} == {code}
        assert answers[0].content == answers[1].content

    async def test_what_is_paid_already_is_refused(self, door: Door) -> None:
        booking = await door.book()
        row = await found(door, booking)
        await keep(door.databases.app, row)
        await pay(door.databases.payment, row)

        answer = await wish(door, booking)

        assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")

    async def test_a_free_booking_has_nothing_to_pay(self, door: Door) -> None:
        child = await door.shop.add_variant(0, name="Child")
        booking = await door.book(lines=[{"variant_id": str(child.id), "quantity": 1}])

        answer = await wish(door, booking)

        assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")


class TestWithTheSaga:
    async def test_one_key_is_one_payment_and_one_answer(self, stack: Stack) -> None:
        booking = await stack.book()
        name = uuid4().hex

        first = await stack.ask_to_pay(booking, key=name)
        rest = await asyncio.gather(*(stack.ask_to_pay(booking, key=name) for _ in range(5)))

        assert first.status_code == 201
        assert first.json()["payment_url"]
        assert {(answer.status_code, answer.content) for answer in rest} == {(201, first.content)}
        assert await stack.value("select count(*) from payments where booking_id = $1", booking.id) == 1
        assert len(await stack.sandbox.checkouts()) == 1

    async def test_requests_at_once_under_one_key_join(self, stack: Stack) -> None:
        booking = await stack.book()
        name = uuid4().hex

        answers = await asyncio.gather(*(stack.ask_to_pay(booking, key=name) for _ in range(5)))

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert await stack.value("select count(*) from payments where booking_id = $1", booking.id) == 1

    async def test_that_no_run_is_there_is_no_answer_while_nobody_has_ended_the_booking(
        self, stack: Stack
    ) -> None:
        booking, name = await stack.book(), uuid4().hex
        await stack.cancel(booking)
        await stack.closed(booking.workflow)
        await stack.judge.execute("set session_replication_role = replica")  # nothing guards the row
        await stack.judge.execute("update bookings set status = 'held' where id = $1", booking.id)

        early = await stack.ask_to_pay(booking, key=name)
        await stack.judge.execute("update bookings set status = 'cancelled' where id = $1", booking.id)
        late = await stack.ask_to_pay(booking, key=name)

        assert early.status_code == 503
        assert "Retry-After" in early.headers
        assert (late.status_code, late.json()["code"]) == (409, "booking_ended")

    async def test_a_client_may_pay_with_a_secret_instead(self, stack: Stack) -> None:
        booking = await stack.book()

        told = await stack.checkout(booking, hosted=False)

        assert told["client_secret"]
        assert told["publishable_key"] == stack.settings.stripe_publishable_key
        assert told["payment_url"] is None

    @pytest.mark.row("SAG-01", partly="vouchers do not exist yet")
    async def test_a_booking_that_comes_with_its_payment_is_answered_with_where_to_pay(
        self, stack: Stack
    ) -> None:
        shop, name = await stack.shop(), uuid4().hex
        payment = {"return_url": f"{stack.settings.api_url}/return"}

        first = await stack.ask_to_book(shop, key=name, payment=payment)
        again = await stack.ask_to_book(shop, key=name, payment=payment)

        assert first.status_code == 201
        assert first.json()["payment"]["payment_url"]
        assert first.json()["status"] == "awaiting_payment"
        assert again.content == first.content
        booking = Booked.of(first)
        assert (await stack.read(booking))["payment"]["payment_url"] == first.json()["payment"]["payment_url"]
        await stack.sandbox.pay(first.json()["payment"]["payment_url"])
        assert len((await stack.wait_for(booking, "confirmed"))["tickets"]) == 1

    @pytest.mark.row("SAG-09", partly="attempts two to five: tests/workflows")
    async def test_a_new_wish_closes_the_checkout_before(self, stack: Stack) -> None:
        booking = await stack.book()

        first, second = await stack.checkout(booking), await stack.checkout(booking)

        assert first["payment_id"] != second["payment_id"]
        assert (await stack.read(booking))["payment"]["payment_id"] == second["payment_id"]
        statuses = await stack.rows("select id, status from payments where booking_id = $1", booking.id)
        assert {str(row["id"]): row["status"] for row in statuses}[first["payment_id"]] in (
            "cancelled",
            "expired",
        )

    async def test_no_answer_in_time_is_202_and_the_same_request_brings_it(self, idle_stack: Stack) -> None:
        async with another_door(idle_stack, payment_answer_seconds=1) as stack:
            booking, name = await stack.book(), uuid4().hex

            waiting = await stack.ask_to_pay(booking, key=name)
            async with stack.working():
                answer = await stack.ask_to_pay(booking, key=name)
                while answer.status_code == 202:
                    answer = await stack.ask_to_pay(booking, key=name)

        assert waiting.status_code == 202
        assert waiting.json()["status"] == "pending"
        assert int(waiting.headers["retry-after"]) > 0
        assert answer.status_code == 201
        assert await stack.value("select count(*) from payments where booking_id = $1", booking.id) == 1

    async def test_a_provider_that_is_away_frees_the_key_for_a_new_attempt(self, stack: Stack) -> None:
        booking, name = await stack.book(), uuid4().hex
        stack.faults.ordered["create_payment"] = Fault(
            ApplicationError("no answer", type=steps.PROVIDER_AWAY, non_retryable=True), afterwards=True
        )

        away = await stack.ask_to_pay(booking, key=name)
        answer = await stack.ask_to_pay(booking, key=name)

        assert away.status_code == 503
        assert int(away.headers["retry-after"]) > 0
        assert answer.status_code == 201
        assert answer.json()["payment_url"]

    async def test_a_refusal_of_the_saga_is_the_answer_under_the_key(self, stack: Stack) -> None:
        booking, name = await stack.book(), uuid4().hex
        stack.faults.refuse("create_payment", ProviderRefused("No.", reason="wrong_configuration"))

        first = await stack.ask_to_pay(booking, key=name)
        stack.faults.mend()
        again = await stack.ask_to_pay(booking, key=name)

        assert (first.status_code, first.json()["code"]) == (402, "provider_refused")
        assert (again.status_code, again.content) == (402, first.content)
        assert again.headers["content-type"] == "application/problem+json"

    async def test_a_booking_whose_payment_is_refused_says_so_and_keeps_its_token(self, stack: Stack) -> None:
        shop, name = await stack.shop(), uuid4().hex
        stack.faults.refuse("create_payment", ProviderRefused("No.", reason="wrong_configuration"))

        first = await stack.ask_to_book(shop, key=name, payment={"return_url": stack.settings.api_url})
        again = await stack.ask_to_book(shop, key=name, payment={"return_url": stack.settings.api_url})

        payment = first.json()["payment"]
        assert first.json()["status"] == "held"
        assert first.status_code == 201
        assert (payment["refused"], payment["status"]) == ("provider_refused", "failed")
        assert again.content == first.content
        assert (await stack.wait_for(Booked.of(first), "failed"))["cause"] == "provider_refused"

    @pytest.mark.row("SAG-05", partly="the deadline itself: tests/workflows")
    async def test_after_the_deadline_there_is_nothing_to_pay(self, stack: Stack) -> None:
        shop = await stack.shop(terms=SalesTerms(hold_seconds=1))
        booking = await stack.book(shop)
        await stack.wait_for(booking, "expired")

        answer = await stack.ask_to_pay(booking)

        assert (answer.status_code, answer.json()["code"]) == (409, "hold_ended")
        assert answer.json()["ended_at"]


@asynccontextmanager
async def another_door(stack: Stack, **settings: object) -> AsyncIterator[Stack]:
    """Open a second front door on the same stack, with other settings."""
    app = create_app(stack.settings.model_copy(update=settings))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=stack.http.base_url) as http,
    ):
        yield replace(stack, http=http)
