"""Adyen's notifications at the door: all items or none, and its own words for an answer."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from api.app import create_app
from tests.api.conftest import Door
from tests.providers.adyen_item import envelope, item, signature, signed
from tests.providers.test_adyen_transfer import event, transfer

PATH = "/api/v1/webhooks/adyen"


async def deliver(door: Door, raw: bytes, path: str = PATH, **headers: str) -> httpx2.Response:
    return await door.http.post(path, content=raw, headers={"Content-Type": "application/json", **headers})


def notification(door: Door, psp: str, **more: Any) -> dict[str, Any]:
    """Write an item of our merchant, signed as this door wants it."""
    merchant, key = door.settings.adyen_merchant_account, door.settings.adyen_hmac_key
    return signed(item("AUTHORISATION", pspReference=psp, merchantAccountCode=merchant, **more), key)


async def stored(door: Door) -> list[tuple[str, str]]:
    rows = await door.judge.fetch("select event_id, status from webhook_events order by event_id")
    return [(row["event_id"].partition(":")[0], row["status"]) for row in rows]


@pytest.mark.row("WHK-02")
async def test_every_item_of_a_delivery_is_stored_once(door: Door) -> None:
    raw = envelope(*(notification(door, psp) for psp in "ABC"))

    answers = [await deliver(door, raw) for _ in range(3)]

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "[accepted]")}
    assert await stored(door) == [("A", "received"), ("B", "received"), ("C", "received")]


@pytest.mark.row("WHK-02")
@pytest.mark.parametrize("changed", [{"success": "false"}, {"additionalData": {}}])
async def test_one_bad_item_refuses_the_whole_delivery(door: Door, changed: dict[str, Any]) -> None:
    raw = envelope(notification(door, "A"), {**notification(door, "B"), **changed}, notification(door, "C"))

    answer = await deliver(door, raw)

    assert (answer.status_code, answer.text) == (401, "[invalid]")
    assert await stored(door) == []


async def test_garbage_is_invalid_and_an_unknown_account_unknown(door: Door) -> None:
    for raw in (b"", b"\xff", b"{", b"[]", b'{"notificationItems": []}', b'{"notificationItems": 1}'):
        assert (await deliver(door, raw)).status_code == 401, raw
    assert (await deliver(door, b"{}", f"{PATH}/nobody")).status_code == 404
    assert await stored(door) == []


@pytest.mark.row("WHK-05", partly="of unknown codes the answer alone: test_adyen_table.py")
async def test_what_we_do_not_know_is_accepted_and_kept(door: Door) -> None:
    merchant, key = door.settings.adyen_merchant_account, door.settings.adyen_hmac_key
    raw = envelope(signed(item("A_KIND_OF_TOMORROW", merchantAccountCode=merchant), key))

    answer = await deliver(door, raw)

    assert answer.text == "[accepted]"
    assert await stored(door) == [("PSPOFTHEEVENT", "ignored")]


async def test_what_is_real_or_anothers_waits_for_a_person(door: Door) -> None:
    key = door.settings.adyen_hmac_key
    real = envelope(notification(door, "A"), live="true")
    anothers = envelope(signed(item("AUTHORISATION", pspReference="B", merchantAccountCode="Another"), key))

    for raw in (real, anothers):
        assert (await deliver(door, raw)).text == "[accepted]"

    assert await stored(door) == [("A", "parked"), ("B", "parked")]
    causes = await door.judge.fetch("select cause from cases order by cause")
    assert [row["cause"] for row in causes] == ["wrong_merchant", "wrong_mode"]


@pytest.fixture
async def locked(door: Door) -> AsyncIterator[Door]:
    """Open a second door, which asks Adyen for a login as well."""
    settings = door.settings.model_copy(update={"adyen_webhook_login": "adyen:open sesame"})
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://door.test") as http,
    ):
        yield replace(door, app=app, http=http, settings=settings)


@pytest.mark.row("WHK-02", partly="the login, which can be asked for as well")
async def test_a_login_can_be_asked_for_as_well(locked: Door) -> None:
    raw = envelope(notification(locked, "A"))
    shown = base64.b64encode(b"adyen:open sesame").decode()

    assert (await deliver(locked, raw)).status_code == 401
    assert (await deliver(locked, raw, Authorization="Basic bm8=")).status_code == 401
    assert (await deliver(locked, raw, Authorization=f"Basic {shown}")).text == "[accepted]"


@pytest.mark.row("WHK-05", partly="where a payout stands; what each word means: test_adyen_transfer.py")
async def test_where_a_payout_stands_is_kept_if_it_is_signed_and_moves_nothing(door: Door) -> None:
    raw, before = event(transfer("booked")), await door.counts()
    mark = signature(raw, door.settings.adyen_hmac_key)

    refused = await deliver(door, raw)
    answers = [await deliver(door, raw, HmacSignature=mark) for _ in range(2)]

    assert (refused.status_code, refused.text) == (401, "[invalid]")
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "[accepted]")}
    row = await door.judge.fetchrow("select status, cause, about, body from webhook_events")
    assert tuple(row or ()) == ("ignored", "transfer_paid", None, raw)
    assert await door.counts() == before | {"webhook_events": 1}
