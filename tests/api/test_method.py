"""Stored methods at the door: whose they are, one key one method, and what is shown of them."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from db import method as methods
from db.booking.read import find
from domain.ids import BookingId, MethodId
from tests.api.conftest import Door
from tests.support.card import shows_card
from tests.support.shop import pay
from tests.support.stack import bearer

MINE = "/api/v1/users/me/payment-methods"


def key(name: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": name or uuid4().hex}


async def add(door: Door, headers: dict[str, str], path: str = MINE, **body: Any) -> httpx2.Response:
    return await door.http.post(path, json={"payment_token": "pm_1Token", **body}, headers=headers)


async def stored(door: Door, user: str = "ada") -> MethodId:
    """Write a method that the provider keeps, as its saga does."""
    await add(door, {**door.user(user), **key()}, payment_token=f"pm_{user}")
    method_id = MethodId(await door.judge.fetchval("select id from payment_methods where user_id = $1", user))
    async with door.databases.payment.tenant(door.shop.tenant_id) as connection:
        await methods.stored(
            connection,
            door.shop.tenant_id,
            method_id,
            token=f"pm_{user}",
            kind="card",
            brand="visa",
            last4="4242",
        )
    return method_id


@pytest.mark.row("PAY-18")
async def test_a_users_methods_are_their_own(door: Door) -> None:
    method_id = await stored(door)
    others = door.user("bob")

    answers = [
        await door.http.get("/api/v1/users/ada/payment-methods", headers=others),
        await add(door, {**others, **key()}, "/api/v1/users/ada/payment-methods"),
        await door.http.post(f"{MINE}/{method_id}/default", headers=others),
        await door.http.delete(f"{MINE}/{method_id}", headers=others),
        await door.http.delete(f"{MINE}/{uuid4()}", headers=door.user("ada")),
    ]

    assert {answer.status_code for answer in answers} == {404}


async def test_a_guest_and_a_channel_have_none(door: Door) -> None:
    booking = await door.book()

    for headers in (bearer(booking.token), door.key):
        assert (await door.http.get(MINE, headers=headers)).status_code == 403


async def test_away_asks_to_come_back_and_one_key_is_one_method(door: Door) -> None:
    named = {**door.user("ada"), **key()}

    answers = [await add(door, named) for _ in range(2)]
    other = await add(door, named, set_as_default=True)

    assert {answer.status_code for answer in answers} == {503}
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert await door.judge.fetchval("select count(*) from payment_methods") == 1


async def test_a_key_is_required(door: Door) -> None:
    answer = await add(door, door.user("ada"))

    assert (answer.status_code, answer.json()["code"]) == (400, "key_missing")


@pytest.mark.row("PAY-35", partly="the scan of everything is elsewhere")
@pytest.mark.parametrize("token", ["4242424242424242", "4242 4242 4242 4242", "x", "pm 1", "pm_1" * 100])
async def test_what_is_no_token_is_refused_and_not_kept(door: Door, token: str) -> None:
    answer = await add(door, {**door.user("ada"), **key()}, payment_token=token)

    assert answer.status_code == 422
    assert not shows_card(answer.text)
    assert await door.judge.fetchval("select count(*) from payment_methods") == 0


@pytest.mark.row("PAY-16")
async def test_the_list_stands_without_the_provider(door: Door) -> None:
    """Who cannot be asked for expiry and holder is left out; what we keep is shown."""
    method_id = await stored(door)
    await door.judge.execute("update payment_customers set provider_ref = 'cus_1'")

    listed = (await door.http.get(MINE, headers=door.user("ada"))).json()["items"]
    first = (await door.http.post(f"{MINE}/{method_id}/default", headers=door.user("ada"))).json()

    assert [(one["last4"], one["expiry_year"], one["is_default"]) for one in listed] == [
        ("4242", None, False)
    ]
    assert first["is_default"]


@pytest.mark.row("PAY-44")
async def test_a_stored_method_pays_for_its_owner_alone(door: Door) -> None:
    method_id = await stored(door)
    guest, mine = await door.book(), await door.book({**door.user("ada"), **door.through()})
    body = {"return_url": "http://door.test/return", "method_id": str(method_id)}

    answers = {
        who: await door.http.post(
            f"/api/v1/bookings/{booking.id}/payments", json=body, headers={**headers, **key()}
        )
        for who, booking, headers in (
            ("a guest", guest, bearer(guest.token)),
            ("a guest of the owner's booking", mine, bearer(mine.token)),
            ("the owner", mine, door.user("ada")),
        )
    }
    opened = await door.ask(payment=body)

    assert {who: answer.status_code for who, answer in answers.items()} == {
        "a guest": 404,
        "a guest of the owner's booking": 404,
        "the owner": 503,
    }
    assert opened.status_code == 422
    assert opened.json()["errors"][0]["pointer"] == "/payment/method_id"


@pytest.mark.row("PAY-18")
async def test_a_method_is_stored_by_a_token_or_by_ones_own_payment(door: Door) -> None:
    booked, tenant_id = await door.book({**door.user("bob"), **door.through()}), door.shop.tenant_id
    async with door.databases.app.tenant(tenant_id) as connection:
        booking = await find(connection, tenant_id, BookingId(booked.id))
    payment_id = str(await pay(door.databases.payment, booking))
    await door.judge.execute("update payments set user_id = 'bob', account = 'second'")
    wishes: list[tuple[str, dict[str, Any]]] = [
        ("bob", {"payment_token": None}),
        ("bob", {"payment_id": payment_id}),
        ("ada", {"payment_token": None, "payment_id": payment_id}),
        ("bob", {"payment_token": None, "payment_id": str(uuid4())}),
        ("bob", {"payment_token": None, "payment_id": payment_id}),
    ]

    answers = [await add(door, {**door.user(who), **key()}, **wish) for who, wish in wishes]

    assert [answer.status_code for answer in answers] == [422, 422, 404, 404, 503]
    (row,) = await door.judge.fetch("select user_id, account, token from payment_methods")
    assert tuple(row) == ("bob", "second", payment_id)


async def test_a_guest_has_nothing_kept(door: Door) -> None:
    booking = await door.book()
    body = {"return_url": "http://door.test/return", "keep_method": True}

    answer = await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments", json=body, headers={**bearer(booking.token), **key()}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
