"""After a whole checkout no number and no security code of a card is anywhere with us: not in what the
processes wrote, not in a table, not in a history, not in a mail. The last four digits and the brand are.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api_process import api_process
from tests.support.stack import Booked, Stack, bearer, idempotent, publishable_key
from tests.support.wait import eventually
from tests.support.worker_process import worker_process

NUMBER, CODE = "4242424242424242", "737"
BROKE = "4000000000009995"  # declined: insufficient funds

TABLES = "select table_name from information_schema.tables where table_schema = 'public' order by 1"
# Not part of a longer word: ids are full of digits.
DIGITS = re.compile(r"(?<![\w.+-])[2-6](?:[ -]?\d){12,18}(?![\w.-])")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SECRET_NAMES = re.compile(r'"(?:cvc2?|cvv2?|cid|csc|security_?code|card_?number|pan)"\s*:', re.IGNORECASE)


def card_data(text: str) -> list[str]:
    """Find what may be a card's number (13 to 19 digits, valid by Luhn's check) or its security code."""
    plain = UUID.sub("", text)
    numbers = [found.group() for found in DIGITS.finditer(plain) if luhn(found.group())]
    return numbers + [found.group() for found in SECRET_NAMES.finditer(plain)]


def luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0


@pytest.mark.parametrize("text", [f'"x": {NUMBER}', "4242 4242 4242 4242", '{"cvc": 1}', '"card_number":"x"'])
def test_the_scan_sees_card_data_where_there_is_some(text: str) -> None:
    assert card_data(text) != []


@pytest.mark.parametrize(
    "text",
    ['"cvc_check": "pass"', "pi_4242424242424242", "42424242-4242-4242-8242-424242424242", "1795286381000"],
)
def test_the_scan_leaves_alone_what_only_looks_so(text: str) -> None:
    assert card_data(text) == []


@pytest.mark.row("PAY-35")
async def test_a_checkout_leaves_no_card_data_anywhere(idle_stack: Stack, tmp_path: Path) -> None:
    stack = Stack(
        **{**vars(idle_stack), "settings": idle_stack.settings.model_copy(update={"log_level": "debug"})}
    )
    logs = [tmp_path / "api.log", tmp_path / "worker.log"]

    async with api_process(stack, logs[0]) as url, worker_process(stack, logs[1]):
        async with httpx2.AsyncClient(base_url=url, timeout=30) as http:
            booking = await _buy(stack, http, url)
            await _try_to_leave_a_card(http, booking)
        mails = await eventually(stack.sandbox.mailbox, what="the mail")

    written = {
        "logs": "\n".join(log.read_text() for log in logs),
        "tables": "\n".join([text async for text in _rows(stack)]),
        "histories": "\n".join(_texts(json.loads((await stack.run_of(booking).fetch_history()).to_json()))),
        "mails": json.dumps(mails),
    }
    for where, text in written.items():
        assert card_data(text) == [], where
        assert not any(number in text for number in (NUMBER, BROKE)), where
    assert booking.reference in written["tables"]
    assert str(booking.id) in written["logs"]
    assert await stack.rows("select card_brand, card_last4 from payments") == [
        {"card_brand": "visa", "card_last4": NUMBER[-4:]}
    ]


async def _buy(stack: Stack, http: httpx2.AsyncClient, url: str) -> Booked:
    """Book, be declined with one card, pay with another."""
    shop = await stack.shop()
    body = {
        "offer_id": str(shop.offer.id),
        "slot_id": str(shop.slot.id),
        "lines": [{"variant_id": str(shop.variant.id), "quantity": 1}],
        "contact": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "payment": {"return_url": f"{url}/return"},
    }
    booking = Booked.of(
        await http.post(
            "/api/v1/bookings", json=body, headers=bearer(publishable_key(shop)) | idempotent(None)
        )
    )
    payment_url = booking.answer["payment"]["payment_url"]
    await stack.sandbox.pay(payment_url, BROKE)
    await stack.sandbox.pay(payment_url)
    await eventually(lambda: _is_confirmed(http, booking), what="the booking to be confirmed")
    return booking


async def _is_confirmed(http: httpx2.AsyncClient, booking: Booked) -> bool:
    answer = await http.get(f"/api/v1/bookings/{booking.id}", headers=bearer(booking.token))
    return bool(answer.json()["status"] == "confirmed")


async def _try_to_leave_a_card(http: httpx2.AsyncClient, booking: Booked) -> None:
    """Send a card's number and code where a confused client might."""
    url = f"/api/v1/bookings/{booking.id}"
    for path, body in (
        ("/payments", {"return_url": "https://shop.example", "card": {"number": NUMBER, "cvc": CODE}}),
        ("/payments", {"return_url": f"https://shop.example/?card={NUMBER}", "cvc": CODE}),
        ("/confirm", {"provider_ref": NUMBER}),
        ("/cancel", {"reason": f"4242 4242 4242 4242 cvc {CODE}"}),
    ):
        answer = await http.post(f"{url}{path}", json=body, headers=bearer(booking.token) | idempotent(None))
        assert answer.status_code == 422, answer.text
        assert NUMBER not in answer.text
    assert (await http.get(f"{url}?card={NUMBER}", headers=bearer(booking.token))).status_code == 422


async def _rows(stack: Stack) -> Any:
    """Give every row of every table as text, raw bodies as what they say."""
    for table in await stack.rows(TABLES):
        name = table["table_name"]
        for row in await stack.rows(f'select t.* from "{name}" t'):  # noqa: S608 - the catalogue's own names
            yield json.dumps(
                {column: _said(value) for column, value in row.items()}, default=str, ensure_ascii=False
            )


def _said(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _texts(value: Any) -> Iterator[str]:
    """Give every text of a history, payloads as what they say."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
        try:
            yield base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pass  # a plain word
