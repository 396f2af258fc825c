"""Money given back by hand: who may, how much, once per key; nobody needs to be behind the door for it."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from db.booking.confirm import confirm
from domain.booking import ConfirmBooking
from tests.api.conftest import Door
from tests.api.test_look import found
from tests.support.shop import keep, pay
from tests.support.stack import Booked, bearer


async def paid(door: Door) -> tuple[Booked, UUID]:
    """Give a confirmed booking of one place at 25.00 EUR, and its payment."""
    booked = await door.book()
    booking = await found(door, booked)
    await keep(door.databases.app, booking)
    payment_id = await pay(door.databases.payment, booking)
    async with door.databases.app.tenant(booking.tenant_id) as connection:
        await confirm(connection, ConfirmBooking(tenant_id=booking.tenant_id, booking_id=booking.id))
    return booked, payment_id


async def give_back(
    door: Door, payment_id: UUID, minor: int | None = None, *, key: str | None = None, **more: Any
) -> httpx2.Response:
    amount = {} if minor is None else {"amount": {"minor": minor, "currency": more.pop("currency", "EUR")}}
    headers = more.pop("headers", None) or door.user("olga", ["organizer"])
    return await door.http.post(
        f"/api/v1/payments/{payment_id}/refunds",
        json={"reason": "The cabin had no window.", **amount, **more},
        headers={**headers, "Idempotency-Key": key or uuid4().hex},
    )


@pytest.mark.row("PAY-13", partly="followed to the provider's last word: tests/workflows/test_refund.py")
async def test_three_parts_go_back_and_a_fourth_that_exceeds_the_rest_is_refused(door: Door) -> None:
    _, payment_id = await paid(door)

    parts = [await give_back(door, payment_id, 800) for _ in range(3)]
    fourth = await give_back(door, payment_id, 101)

    assert [part.status_code for part in parts] == [201] * 3
    assert (fourth.status_code, fourth.json()["code"], fourth.json()["left"]) == (
        422,
        "exceeds_captured",
        100,
    )
    listed = await door.get(f"/payments/{payment_id}/refunds", door.user("olga", ["staff"]))
    assert [item["id"] for item in listed.json()["items"]] == [part.json()["id"] for part in parts]


@pytest.mark.row("PAY-13", partly="followed to the provider's last word: tests/workflows/test_refund.py")
async def test_refunds_asked_for_at_once_never_exceed_what_was_captured(door: Door) -> None:
    _, payment_id = await paid(door)

    answers = await asyncio.gather(*(give_back(door, payment_id, 1_000) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [422] * 4


async def test_the_same_key_is_the_same_refund_and_another_body_is_refused(door: Door) -> None:
    _, payment_id = await paid(door)

    first = await give_back(door, payment_id, 500, key="once")
    await door.judge.execute("update refunds set status = 'processing'")  # it has gone on meanwhile
    again = await give_back(door, payment_id, 500, key="once")
    other = await give_back(door, payment_id, 600, key="once")
    at_once = await asyncio.gather(*(give_back(door, payment_id, 500, key="twice") for _ in range(4)))

    assert first.content == again.content
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert len({answer.content for answer in at_once}) == 1
    assert await door.judge.fetchval("select count(*) from refunds") == 2


@pytest.mark.row("PAY-15", partly="the columns: tests/db/test_refund.py")
async def test_a_refund_shows_what_is_known_of_it_and_to_the_buyer_not_why(door: Door) -> None:
    booking, payment_id = await paid(door)

    made = (await give_back(door, payment_id)).json()

    assert made["refund_reference"].startswith("RF-")
    assert made["amount"] == {"minor": 2_500, "currency": "EUR"}
    assert (made["status"], made["payment_status"], made["cause"]) == ("pending", "captured", "by_hand")
    assert (made["reason"], made["initiated_by"]) == ("The cabin had no window.", "user:olga")
    assert made["original_psp_reference"] == f"pi_{payment_id.hex}"
    assert (made["refund_psp_reference"], made["processed_at"]) == (None, None)
    assert (await door.get(f"/refunds/{made['id']}", door.user("olga", ["organizer"]))).json() == made
    seen = (await door.get(f"/refunds/{made['id']}", bearer(booking.token))).json()
    assert seen == {**made, "reason": None, "initiated_by": None}
    entry = await door.judge.fetchrow("select actor, action, subject from audit_entries")
    assert entry is not None
    assert tuple(entry) == ("user:olga", "payment.refund", payment_id)


async def test_a_persons_words_do_not_reach_the_feed(door: Door) -> None:
    _, payment_id = await paid(door)

    await give_back(door, payment_id, reason="Ada Lovelace was ill")

    assert not await door.judge.fetchval("select exists (select from events where data::text like '%Ada%')")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"minor": 0}, "/amount"),
        ({"minor": 100, "currency": "USD"}, "/amount/currency"),
        ({"minor": -1}, "/amount/minor"),
        ({"minor": None, "amount": {"minor": "5", "currency": "EUR"}}, "/amount/minor"),
        ({"reason": ""}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"provider_ref": "re_mine"}, "/provider_ref"),
    ],
)
async def test_a_body_that_breaks_a_rule_is_refused_and_names_the_field(
    door: Door, body: dict[str, Any], pointer: str
) -> None:
    _, payment_id = await paid(door)
    counts = await door.counts()

    answer = await give_back(door, payment_id, **body)

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await door.counts() == counts


async def test_a_key_is_required(door: Door) -> None:
    _, payment_id = await paid(door)

    answer = await door.http.post(
        f"/api/v1/payments/{payment_id}/refunds",
        json={"reason": "why"},
        headers=door.user(roles=["organizer"]),
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "key_missing")


async def test_a_booking_on_its_way_is_cancelled_not_refunded(door: Door) -> None:
    booked = await door.book()
    booking = await found(door, booked)
    await keep(door.databases.app, booking)
    payment_id = await pay(door.databases.payment, booking)

    answer = await give_back(door, payment_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")


async def test_a_payment_that_conflicts_may_go_back_while_the_buyer_tries_again(door: Door) -> None:
    booking = await found(door, await door.book())
    await keep(door.databases.app, booking)
    payment_id = await pay(door.databases.payment, booking, minor=2_400)

    answer = await give_back(door, payment_id)

    assert (answer.status_code, answer.json()["amount"]["minor"]) == (201, 2_400)


async def test_anothers_payment_and_one_that_is_not_there_are_unknown_alike(door: Door) -> None:
    _, payment_id = await paid(door)
    other = await door.book()

    answers = [
        await give_back(door, uuid4()),
        await door.get(f"/payments/{payment_id}/refunds", bearer(other.token)),
        await door.get(f"/refunds/{uuid4()}", door.user(roles=["admin"])),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "unknown")] * 3
