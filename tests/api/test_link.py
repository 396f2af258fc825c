"""Payment links: one in force per booking, for as long as its places are held, and nothing in an address that
anybody could guess.
"""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.conftest import RETURN, Door
from tests.api.test_look import found
from tests.support.shop import keep, pay
from tests.support.stack import Booked, bearer


def key(name: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": name or uuid4().hex}


async def ask_for_link(door: Door, booking: Booked, named: str | None = None, **body: Any) -> httpx2.Response:
    return await door.http.post(
        "/api/v1/payment-links",
        json={"booking": booking.reference, **body},
        headers={**door.user("olga", ["organizer"]), **key(named)},
    )


async def link_of(door: Door, booking: Booked) -> dict[str, Any]:
    answer = await ask_for_link(door, booking)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def token_of(link: dict[str, Any]) -> str:
    return str(link["url"].rpartition("/")[2])


async def opened(door: Door, token: str) -> httpx2.Response:
    return await door.http.get(f"/api/v1/payment-links/{token}")


async def test_a_link_shows_what_is_due_and_until_when_to_whoever_has_it(door: Door) -> None:
    booking = await door.book()
    link = await link_of(door, booking)

    shown = (await opened(door, token_of(link))).json()

    assert link["url"].startswith("http://door.test/pay/")
    assert shown["reference"] == booking.reference
    assert shown["due"] == {"minor": 2500, "currency": "EUR"}
    assert shown["expires_at"] == booking.answer["expires_at"]
    assert "ada@example.com" not in str(shown)
    page = await door.http.get(f"/pay/{token_of(link)}")
    assert page.status_code == 200
    assert "25.00 EUR is due" in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.row("PAY-21", partly="mailed and paid: see the sagas")
async def test_a_new_link_revokes_the_one_before(door: Door) -> None:
    booking = await door.book()

    first, second = await link_of(door, booking), await link_of(door, booking)

    gone = await opened(door, token_of(first))
    assert (gone.status_code, gone.json()["code"], gone.json()["why"]) == (410, "link_ended", "revoked")
    assert (await opened(door, token_of(second))).status_code == 200
    assert (await door.http.get(f"/pay/{token_of(first)}")).status_code == 410


async def test_links_made_at_once_leave_one_in_force_and_as_many_mails_owed(door: Door) -> None:
    booking = await door.book()

    made = await asyncio.gather(*(link_of(door, booking) for _ in range(5)))

    statuses = [(await opened(door, token_of(link))).status_code for link in made]
    assert sorted(statuses) == [200, 410, 410, 410, 410]
    owed = await door.judge.fetch("select version from notices where kind = 'payment_link' order by version")
    assert [row["version"] for row in owed] == [1, 2, 3, 4, 5]


async def test_one_key_is_one_link(door: Door) -> None:
    booking = await door.book()

    first, again = [await ask_for_link(door, booking, "k1") for _ in range(2)]

    assert first.content == again.content
    assert (await opened(door, token_of(first.json()))).status_code == 200


@pytest.mark.row("PAY-21", partly="mailed and paid: see the sagas")
async def test_a_link_is_over_with_its_time_and_never_lasts_longer_than_the_hold(door: Door) -> None:
    booking = await door.book()
    link = await link_of(door, booking)
    late = (await ask_for_link(door, booking, expires_at="2999-01-01T00:00:00Z")).json()
    past = await ask_for_link(door, booking, expires_at="2020-01-01T00:00:00Z")
    await door.judge.execute("update payment_links set expires_at = now() - interval '1 second'")

    gone = await opened(door, token_of(late))

    assert late["expires_at"] == link["expires_at"] == booking.answer["expires_at"]
    assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/expires_at")
    assert (gone.status_code, gone.json()["why"]) == (410, "expired")


@pytest.mark.row("PAY-21", partly="mailed and paid: see the sagas")
async def test_a_link_that_is_revoked_by_hand_opens_nothing(door: Door) -> None:
    booking = await door.book()
    link = await link_of(door, booking)

    gone = await door.http.delete(
        f"/api/v1/payment-links/{link['id']}", headers=door.user("olga", ["organizer"])
    )

    assert gone.status_code == 204
    assert (await opened(door, token_of(link))).status_code == 410
    tried = await door.http.post(
        f"/api/v1/payment-links/{token_of(link)}/checkout", json={"return_url": RETURN}, headers=key()
    )
    assert tried.status_code == 410


@pytest.mark.row("PAY-21", partly="mailed and paid: see the sagas")
async def test_a_paid_booking_has_no_link(door: Door) -> None:
    booking = await door.book()
    link = await link_of(door, booking)
    row = await found(door, booking)
    await keep(door.databases.app, row)
    await pay(door.databases.payment, row)

    gone, no = await opened(door, token_of(link)), await ask_for_link(door, booking)

    assert (gone.status_code, gone.json()["why"]) == (410, "paid")
    assert (no.status_code, no.json()["code"]) == (409, "already_paid")


async def test_a_person_is_told_that_it_did_not_work_or_cannot_work(door: Door) -> None:
    """Nobody is behind the door: the wish is kept, under the key of the form that was sent."""
    booking = await door.book()
    path = f"/pay/{token_of(await link_of(door, booking))}"

    away = await door.http.post(path, data={"key": "abc123"})
    await door.judge.execute("delete from provider_accounts")
    refused = await door.http.post(path, data={"key": "def456"})

    assert (away.status_code, refused.status_code) == (503, 422)
    assert 'name="key" value="abc123"' in away.text
    assert "Nothing was taken" in away.text
    assert "Nothing was taken" in refused.text


async def test_what_we_have_not_signed_is_no_link(door: Door) -> None:
    link = await link_of(door, await door.book())
    token = token_of(link)
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")

    for wrong in (forged, token[:-1], token + "A", "x", "a" * 64, "ü", "." * 64, token.swapcase()):
        assert (await opened(door, wrong)).status_code == 404, wrong
        assert (await door.http.get(f"/pay/{wrong}")).status_code == 404, wrong


async def test_only_who_sells_makes_links_and_only_for_their_own_bookings(door: Door) -> None:
    booking = await door.book()
    body = {"booking": booking.reference}

    for headers in (bearer(booking.token), door.user("ada"), door.key, door.user("s", ["staff"])):
        answer = await door.http.post("/api/v1/payment-links", json=body, headers={**headers, **key()})
        assert answer.status_code == 403
    unknown = await door.http.post(
        "/api/v1/payment-links",
        json={"booking": str(uuid4())},
        headers={**door.user("olga", ["organizer"]), **key()},
    )
    assert unknown.status_code == 404
