"""What a buyer asks of an accepted booking: to believe a payment (or rather its provider), and to let go."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from providers.token import KeyRing, UserTokens
from tests.api.conftest import Door
from tests.api.test_look import found
from tests.support.shop import keep, pay
from tests.support.stack import Booked, Stack, bearer


async def confirm(door: Door | Stack, booking: Booked, **body: Any) -> httpx2.Response:
    return await door.http.post(
        f"/api/v1/bookings/{booking.id}/confirm", json=body, headers=bearer(booking.token)
    )


class TestConfirm:
    @pytest.mark.row("SAG-07")
    async def test_the_id_of_another_bookings_payment_is_a_mismatch(self, door: Door) -> None:
        mine, other = await door.book(), await door.book()
        row = await found(door, other)
        await keep(door.databases.app, row)
        payment_id = await pay(door.databases.payment, row)
        counts = await door.counts()

        answer = await confirm(door, mine, payment_id=str(payment_id))
        by_reference = await confirm(door, mine, provider_ref=f"pi_{payment_id.hex}")

        for refused in (answer, by_reference):
            assert (refused.status_code, refused.json()["code"]) == (409, "payment_mismatch")
        assert await door.counts() == counts

    @pytest.mark.row("SAG-07")
    async def test_an_unknown_payment_is_unknown(self, door: Door) -> None:
        booking = await door.book()

        for body in ({"payment_id": str(uuid4())}, {"provider_ref": "pi_nobody"}):
            assert (await confirm(door, booking, **body)).status_code == 404

    @pytest.mark.parametrize("body", [{}, {"payment_id": str(uuid4()), "provider_ref": "pi_1"}])
    async def test_one_name_of_a_payment_is_needed(self, door: Door, body: dict[str, str]) -> None:
        booking = await door.book()

        assert (await confirm(door, booking, **body)).status_code == 422

    @pytest.mark.row("SAG-07")
    async def test_an_unpaid_payment_confirms_nothing_whatever_the_client_says(self, stack: Stack) -> None:
        booking = await stack.book()
        payment = await stack.checkout(booking)

        answer = await confirm(stack, booking, payment_id=payment["payment_id"])

        assert (answer.status_code, answer.json()["code"]) == (402, "payment_not_completed")
        assert (await stack.read(booking))["status"] == "awaiting_payment"

    @pytest.mark.row("SAG-07")
    @pytest.mark.parametrize("hosted", [True, False])
    async def test_a_paid_payment_confirms_though_no_webhook_ever_comes(
        self, stack: Stack, hosted: bool
    ) -> None:
        await stack.sandbox.break_down("*", "webhook_swallow", times=1_000)
        booking = await stack.book()
        payment = await stack.checkout(booking, hosted=hosted)
        await paid(stack, payment)
        reference = await stack.value("select provider_ref from payments where booking_id = $1", booking.id)

        answer = await confirm(stack, booking, provider_ref=reference)
        again = await confirm(stack, booking, payment_id=payment["payment_id"])

        assert (answer.status_code, answer.json()["status"]) == (200, "confirmed")
        assert len(answer.json()["tickets"]) == 1
        assert again.json() == answer.json()

    @pytest.mark.row("SAG-08", partly="ten rounds here; a hundred in tests/workflows")
    async def test_webhook_and_confirm_at_once_confirm_once(self, stack: Stack) -> None:
        shop = await stack.shop(capacity=20)
        bookings = [await stack.book(shop) for _ in range(10)]
        payments = [await stack.checkout(booking) for booking in bookings]

        async def round_of(booking: Booked, payment: dict[str, Any]) -> None:
            await stack.sandbox.pay(payment["payment_url"])
            answers = await asyncio.gather(
                *(confirm(stack, booking, payment_id=payment["payment_id"]) for _ in range(3))
            )
            assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]

        await asyncio.gather(*map(round_of, bookings, payments))

        await stack.sandbox.drain()
        assert await stack.value("select count(*) from tickets") == 10
        assert await stack.value("select count(*) from notices where kind = 'booking_confirmed'") == 10
        assert await stack.value("select sold from counters where id = $1", shop.slot.id) == 10

    async def test_an_expired_booking_is_not_confirmed_by_a_client(self, door: Door) -> None:
        booking = await door.book()
        row = await found(door, booking)
        await keep(door.databases.app, row)
        payment_id = await pay(door.databases.payment, row)
        await door.judge.execute("update bookings set status = 'expired', ended_at = now()")

        answer = await confirm(door, booking, payment_id=str(payment_id))

        assert (answer.status_code, answer.json()["code"]) == (409, "hold_ended")


async def cancel(door: Door | Stack, booking: Booked, body: Any = None) -> httpx2.Response:
    return await door.http.post(
        f"/api/v1/bookings/{booking.id}/cancel", json=body, headers=bearer(booking.token)
    )


class TestCancel:
    async def test_a_held_booking_is_let_go_and_the_same_again_answers_the_same(self, stack: Stack) -> None:
        shop = await stack.shop()
        booking = await stack.book(shop)

        first = await cancel(stack, booking, {"reason": "changed my mind"})
        again = await cancel(stack, booking)

        assert (first.status_code, first.json()["status"]) == (200, "cancelled")
        assert again.json() == first.json()
        assert await stack.value("select held from counters where id = $1", shop.slot.id) == 0
        [entry] = await stack.rows("select actor, action, subject, after from audit_entries")
        assert (entry["actor"], entry["action"]) == (f"booking:{booking.id}", "booking.cancel")
        assert "changed my mind" in entry["after"]

    async def test_cancelling_closes_the_checkout(self, stack: Stack) -> None:
        booking = await stack.book()
        await stack.checkout(booking)

        answer = await cancel(stack, booking, {})

        assert answer.json()["status"] == "cancelled"
        assert [checkout["status"] for checkout in await stack.sandbox.checkouts()] == ["expired"]

    async def test_cancels_at_once_answer_the_same(self, stack: Stack) -> None:
        booking = await stack.book()

        answers = await asyncio.gather(*(cancel(stack, booking) for _ in range(5)))

        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["status"] for answer in answers} == {"cancelled"}

    @pytest.mark.row("INV-08")
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            ("confirmed", "illegal_move"),
            ("expired", "hold_ended"),
            ("failed", "booking_ended"),
            ("rejected", "booking_ended"),
        ],
    )
    async def test_what_is_over_is_not_cancelled(self, door: Door, status: str, code: str) -> None:
        booking = await door.book()
        await door.judge.execute(
            """
            update bookings set status = $1, confirmed_at = case when $1 = 'confirmed' then now() end,
                                cause = case when $1 = 'failed' then 'attempts_exhausted' else '' end
            """,
            status,
        )
        counts = await door.counts()

        answer = await cancel(door, booking)

        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert await door.counts() == counts

    @pytest.mark.row("ADM-12", partly="operators modify nothing of a booking yet")
    async def test_the_organizer_cancels_too_and_leaves_a_name(self, stack: Stack) -> None:
        shop = await stack.shop()
        booking = await stack.book(shop)
        signer = UserTokens(KeyRing(stack.settings.jwt_private_key), stack.settings.jwt_issuer)
        token = signer.sign(
            "olga", shop.tenant_id, ["organizer"], token_id=uuid4().hex, now=datetime.now(UTC)
        )

        answer = await stack.http.post(f"/api/v1/bookings/{booking.id}/cancel", headers=bearer(token))

        assert answer.json()["status"] == "cancelled"
        assert await stack.value("select actor from audit_entries") == "user:olga"

    async def test_nobody_there_asks_to_come_back(self, door: Door) -> None:
        booking = await door.book()

        answer = await cancel(door, booking)

        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert await door.judge.fetchval("select status from bookings") == "held"


async def paid(stack: Stack, payment: dict[str, Any]) -> None:
    """Pay a checkout as its buyer would, at the page or with the secret."""
    if payment["payment_url"]:
        await stack.sandbox.pay(payment["payment_url"])
        return
    intent = payment["client_secret"].partition("_secret")[0]
    url = f"{stack.sandbox.url}/_sandbox/payment_intents/{intent}/pay"
    (await stack.http.post(url, json={"card": "4242424242424242"})).raise_for_status()
