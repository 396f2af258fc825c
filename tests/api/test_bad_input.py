"""Whatever a client sends: a problem that names field and rule, nothing written, never a 500."""

import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import structlog
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.api.conftest import RETURN, Door
from tests.support.card import shows_card
from tests.support.stack import bearer

CARD = "4242 4242 4242 4242"
UNSAID = "This value is not valid."


def _lines(**line: Any) -> dict[str, Any]:
    return {"lines": [{"variant_id": str(uuid4()), "quantity": 1} | line]}


# What is changed in a good wish to book (`...`: left out), where the rule is broken, and which.
WISHES: list[tuple[dict[str, Any], str, str]] = [
    ({"contact": ...}, "/contact", "missing"),
    ({"contact": None}, "/contact", "wrong_type"),
    ({"contact": []}, "/contact", "wrong_type"),
    ({"contact": {"$gt": ""}}, "/contact/name", "missing"),
    ({"contact": {"name": {"$gt": ""}, "email": "a@example.com"}}, "/contact/name", "wrong_type"),
    ({"contact": {"name": "", "email": "a@example.com"}}, "/contact/name", "too_short"),
    ({"contact": {"name": "   ", "email": "a@example.com"}}, "/contact/name", "too_short"),
    ({"contact": {"name": "x" * 201, "email": "a@example.com"}}, "/contact/name", "too_long"),
    ({"contact": {"name": "A", "email": "no address"}}, "/contact/email", "invalid"),
    ({"contact": {"name": "A", "email": f"a@{'x' * 300}.com"}}, "/contact/email", "invalid"),
    ({"contact": {"name": "A", "email": ["a@example.com"]}}, "/contact/email", "wrong_type"),
    ({"contact": {"name": "A", "email": "a@example.com", "phone": "030 123"}}, "/contact/phone", "invalid"),
    ({"contact": {"name": "A", "email": "a@example.com", "role": "admin"}}, "/contact/role", "unknown_field"),
    ({"contact": {"name": CARD, "email": "a@example.com"}}, "/contact/name", "card_number"),
    ({"contact": {"name": "A\u202eB", "email": "a@example.com"}}, "/contact/name", "invalid"),
    ({"contact": {"name": "A\nB", "email": "a@example.com"}}, "/contact/name", "invalid"),
    ({"lines": ...}, "/lines", "missing"),
    ({"lines": []}, "/lines", "too_short"),
    ({"lines": {}}, "/lines", "wrong_type"),
    ({"lines": "x"}, "/lines", "wrong_type"),
    ({"lines": [1]}, "/lines/0", "wrong_type"),
    ({"lines": [{}] * 101}, "/lines", "too_long"),
    ({"lines": _lines()["lines"] * 21}, "/lines", "too_long"),
    (_lines(quantity=-1), "/lines/0/quantity", "too_small"),
    (_lines(quantity=0), "/lines/0/quantity", "too_small"),
    (_lines(quantity=101), "/lines/0/quantity", "too_large"),
    (_lines(quantity=10**30), "/lines/0/quantity", "too_large"),
    (_lines(quantity=1.5), "/lines/0/quantity", "wrong_type"),
    (_lines(quantity=1.0), "/lines/0/quantity", "wrong_type"),
    (_lines(quantity=True), "/lines/0/quantity", "wrong_type"),
    (_lines(quantity="1"), "/lines/0/quantity", "wrong_type"),
    (_lines(quantity=None), "/lines/0/quantity", "wrong_type"),
    (_lines(quantity={"$gt": 0}), "/lines/0/quantity", "wrong_type"),
    (_lines(variant_id="x"), "/lines/0/variant_id", "invalid"),
    (_lines(variant_id=7), "/lines/0/variant_id", "wrong_type"),
    (_lines(variant_id=...), "/lines/0/variant_id", "missing"),
    (_lines(price=1), "/lines/0/price", "unknown_field"),
    (_lines(), "/lines/0/variant_id", "unknown"),
    ({"offer_id": ...}, "/offer_id", "missing"),
    ({"offer_id": None}, "/offer_id", "missing"),
    ({"offer_id": "' or 1=1 --"}, "/offer_id", "invalid"),
    ({"slot_id": ...}, "/slot_id", "missing"),
    ({"slot_id": 12}, "/slot_id", "wrong_type"),
    ({"quote_id": str(uuid4())}, "/offer_id", "not_allowed"),
    ({"quote_id": "x"}, "/quote_id", "invalid"),
    ({"locale": "../../etc/passwd"}, "/locale", "invalid"),
    ({"locale": 1}, "/locale", "wrong_type"),
    ({"expected_total": 2500}, "/expected_total", "wrong_type"),
    ({"expected_total": {"minor": 25.0, "currency": "EUR"}}, "/expected_total/minor", "wrong_type"),
    ({"expected_total": {"minor": -1, "currency": "EUR"}}, "/expected_total/minor", "too_small"),
    ({"expected_total": {"minor": 10**10, "currency": "EUR"}}, "/expected_total/minor", "too_large"),
    ({"expected_total": {"minor": 2500, "currency": "eur"}}, "/expected_total/currency", "invalid"),
    ({"expected_total": {"minor": 2500, "currency": "JPY"}}, "/expected_total", "price_changed"),
    ({"total": {"minor": 1, "currency": "EUR"}}, "/total", "unknown_field"),
    ({"price": 0}, "/price", "unknown_field"),
    ({"user_id": "eve"}, "/user_id", "unknown_field"),
    ({"tenant_id": str(uuid4())}, "/tenant_id", "unknown_field"),
    ({"source": "api"}, "/source", "unknown_field"),
    ({"status": "confirmed"}, "/status", "unknown_field"),
    ({"card_number": int(CARD.replace(" ", ""))}, "/card_number", "card_number"),
    ({"payment": {}}, "/payment/return_url", "missing"),
    ({"payment": {"return_url": "javascript:alert(1)"}}, "/payment/return_url", "invalid"),
    ({"payment": {"return_url": "https://evil.example"}}, "/payment/return_url", "not_allowed"),
    ({"payment": {"return_url": RETURN, "hosted": 1}}, "/payment/hosted", "wrong_type"),
    ({"payment": {"return_url": RETURN, "provider": "X"}}, "/payment/provider", "invalid"),
    ({"payment": {"return_url": RETURN, "provider": "adyen"}}, "/payment/provider", "not_allowed"),
    ({"payment": {"return_url": RETURN, "amount": 1}}, "/payment/amount", "wrong_type"),
    ({"payment": {"return_url": RETURN, "card": CARD}}, "/payment/card", "card_number"),
]


def _clean(body: Any) -> Any:
    """Leave out what is marked so."""
    if isinstance(body, dict):
        return {name: _clean(value) for name, value in body.items() if value is not ...}
    return [*map(_clean, body)] if isinstance(body, list) else body


def is_said(error: dict[str, Any]) -> bool:
    """Say whether a broken rule is put into words of ours."""
    return bool(error["detail"]) and error["detail"] != UNSAID and "Input should" not in error["detail"]


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    return told


@pytest.mark.row(
    "SEC-05", partly="cookie clients come with the accounts; no SQL is built from text: the linter"
)
async def test_each_broken_rule_of_a_wish_to_book_is_named_and_nothing_is_written(door: Door) -> None:
    counts = await door.counts()

    for changes, pointer, code in WISHES:
        answer = await door.http.post(
            "/api/v1/bookings",
            json=_clean(door.body(**changes)),
            headers=door.key | {"Idempotency-Key": uuid4().hex},
        )

        errors = problem(answer, 422)["errors"]
        assert (pointer, code) in [(error["pointer"], error["code"]) for error in errors], (changes, errors)
        assert all(map(is_said, errors)), errors
    assert await door.counts() == counts


# What somebody adds to a good wish to pay, where the rule is broken, and which.
PAYMENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"amount": 1}, "/amount", "wrong_type"),
    ({"amount": {"minor": -1, "currency": "EUR"}}, "/amount/minor", "too_small"),
    ({"amount": {"minor": 25.0, "currency": "EUR"}}, "/amount/minor", "wrong_type"),
    ({"due": 0}, "/due", "unknown_field"),
    ({"currency": "JPY"}, "/currency", "unknown_field"),
    ({"status": "captured"}, "/status", "unknown_field"),
    ({"payment_id": str(uuid4())}, "/payment_id", "unknown_field"),
    ({"booking_id": str(uuid4())}, "/booking_id", "unknown_field"),
    ({"card": {"number": CARD, "cvc": "737"}}, "/card/number", "card_number"),
    ({"card_number": int(CARD.replace(" ", ""))}, "/card_number", "card_number"),
    ({"method": CARD}, "/method", "card_number"),
    ({"billing": {"holder_name": CARD}}, "/billing/holder_name", "card_number"),
    ({"return_url": f"https://shop.example/?n={CARD.replace(' ', '')}"}, "/return_url", "card_number"),
    ({"return_url": "https://evil.example"}, "/return_url", "not_allowed"),
    ({"return_url": "//evil.example"}, "/return_url", "invalid"),
    ({"return_url": ...}, "/return_url", "missing"),
    ({"provider": "nobody"}, "/provider", "not_allowed"),
    ({"hosted": "yes"}, "/hosted", "wrong_type"),
]


async def test_each_broken_rule_of_a_wish_to_pay_is_named_and_nothing_is_written(door: Door) -> None:
    booking = await door.book()
    counts = await door.counts()

    for changes, pointer, code in PAYMENTS:
        answer = await door.http.post(
            f"/api/v1/bookings/{booking.id}/payments",
            json=_clean({"return_url": RETURN, **changes}),
            headers=bearer(booking.token) | {"Idempotency-Key": uuid4().hex},
        )

        errors = problem(answer, 422)["errors"]
        assert (pointer, code) in [(error["pointer"], error["code"]) for error in errors], (changes, errors)
        assert all(map(is_said, errors)), errors
    assert await door.counts() == counts


@pytest.mark.parametrize("amount", [(1, "EUR"), (2_499, "EUR"), (2_501, "EUR"), (2_500, "JPY"), (0, "EUR")])
async def test_a_caller_does_not_decide_what_is_paid(door: Door, amount: tuple[int, str]) -> None:
    booking = await door.book()

    answer = await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": RETURN, "amount": {"minor": amount[0], "currency": amount[1]}},
        headers=bearer(booking.token) | {"Idempotency-Key": uuid4().hex},
    )

    assert problem(answer, 422)["errors"][0]["pointer"].startswith("/amount")
    assert await door.judge.fetchval("select count(*) from payments") == 0


async def test_all_broken_rules_are_told_at_once(door: Door) -> None:
    answer = await door.ask(contact={"name": ""}, lines=[{"quantity": 0}], colour="red")

    assert {error["pointer"] for error in problem(answer, 422)["errors"]} == {
        "/contact/name",
        "/contact/email",
        "/lines/0/variant_id",
        "/lines/0/quantity",
        "/colour",
    }


RAW: list[tuple[bytes, str, int, str]] = [
    (b"", "application/json", 422, "invalid_request"),
    (b"{", "application/json", 400, "malformed"),
    (b"null", "application/json", 422, "invalid_request"),
    (b"[]", "application/json", 422, "invalid_request"),
    (b'"text"', "application/json", 422, "invalid_request"),
    (b"1", "application/json", 422, "invalid_request"),
    (b"false", "application/json", 422, "invalid_request"),
    (b'{"contact": 1, "contact": 2}', "application/json", 400, "malformed"),
    (b'{"locale": "\\u0000"}', "application/json", 400, "malformed"),
    (b'{"locale": NaN}', "application/json", 400, "malformed"),
    (b'{"locale": "\xff"}', "application/json", 400, "malformed"),
    (b'{"a":' * 33 + b"1" + b"}" * 33, "application/json", 400, "malformed"),
    (b"[" * 30_000, "application/json", 400, "malformed"),
    (b"{}", "text/plain", 415, "unsupported_media_type"),
    (b"{}", "", 415, "unsupported_media_type"),
    (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    (b"{}", "multipart/form-data; boundary=x", 415, "unsupported_media_type"),
    (b"\x1f\x8b\x08\x00", "application/json", 400, "malformed"),
    (b'{"a": "' + b"x" * 70_000 + b'"}', "application/json", 413, "body_too_large"),
]


@pytest.mark.parametrize(
    "path", ["bookings", "quotes", "bookings/{id}/payments", "bookings/{id}/confirm", "bookings/{id}/cancel"]
)
async def test_a_body_that_cannot_be_read_is_refused_by_every_route(door: Door, path: str) -> None:
    booking = await door.book()
    url = f"/api/v1/{path.format(id=booking.id)}"
    shown = bearer(booking.token) if "{id}" in path else door.key
    counts = await door.counts()

    for raw, kind, status, code in RAW:
        if path.endswith("cancel") and raw in (b"", b"null"):
            continue  # a reason is not needed
        answer = await door.http.post(
            url, content=raw, headers=shown | {"Content-Type": kind, "Idempotency-Key": uuid4().hex}
        )

        assert problem(answer, status)["code"] == code, (raw[:40], answer.text)
    assert await door.counts() == counts


@pytest.mark.row("SEC-01", partly="hosted fields: the payment pages")
async def test_a_card_number_is_neither_logged_nor_stored_nor_told_back(door: Door) -> None:
    booking = await door.book()
    written: list[Any] = []
    with structlog.testing.capture_logs() as lines:
        for wish in (
            door.ask(contact={"name": CARD, "email": "a@example.com"}),
            door.ask(None, **{CARD: CARD}),
            door.http.post(
                f"/api/v1/bookings/{booking.id}/cancel",
                json={"reason": f"my card {CARD} was stolen"},
                headers=bearer(booking.token),
            ),
            door.get(f"/bookings/{CARD}", bearer(booking.token)),
            door.get(f"/bookings?{CARD}={CARD}", door.user()),
        ):
            answer = await wish
            written.append(answer.text.replace(answer.json()["instance"], ""))
            assert answer.status_code in (404, 422)

    for text in (*written, json.dumps(lines, default=str)):
        assert not shows_card(text)


NOWHERE = [
    ("GET", "/", 404),
    ("GET", "/bookings/", 404),
    ("DELETE", "/bookings", 405),
    ("PUT", "/bookings/{id}", 405),
    ("GET", "/bookings/{id}/payments", 405),
    ("POST", "/bookings/{id}", 405),
    ("GET", "/webhooks/stripe", 405),
    ("POST", "/offers", 405),
    ("GET", "/offers/x", 404),
    ("GET", "/offers/%00", 404),
    ("GET", "/tickets/x", 404),
    ("GET", "/tickets/x/qr.svg", 404),
    ("GET", "/tickets/x/qr.gif", 404),
    ("TRACE", "/bookings", 405),
    ("BREW", "/bookings", 405),
    ("GET", "/bookings/{id}/../../../etc/passwd", 404),
]


async def test_what_is_not_there_is_not_there(door: Door) -> None:
    booking = await door.book()

    for method, path, status in NOWHERE:
        answer = await door.http.request(
            method, "/api/v1" + path.format(id=booking.id), headers=door.user(roles=["admin", "user"])
        )

        problem(answer, status)


async def test_an_outage_of_the_database_is_503_and_passes(door: Door) -> None:
    booking = await door.book()
    async with door.without_database():
        answers = [
            await door.ask(),
            await door.get(f"/bookings/{booking.id}", bearer(booking.token)),
            await door.get("/bookings", door.user()),
            await door.get("/offers", door.key),
        ]
    after = await door.ask()

    for answer in answers:
        assert problem(answer, 503)["code"] == "unavailable"
        assert int(answer.headers["retry-after"]) > 0
    assert after.status_code == 201


SHAPES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["offer_id", "slot_id", "lines", "quote_id", "contact", "locale", "expected_total", "payment", "x"]


async def test_no_body_whatever_is_a_500(door: Door) -> None:
    wishes: list[dict[str, Any]] = []

    @settings(max_examples=150, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(NAMES), SHAPES, min_size=1, max_size=3))
    def draw(changes: dict[str, Any]) -> None:
        wishes.append(changes)

    draw()
    for changes in wishes:
        answer = await door.http.post("/api/v1/bookings", json=door.body() | changes, headers=door.key)

        assert answer.status_code in (201, 400, 404, 409, 422), (changes, answer.text)
        assert all(map(is_said, answer.json().get("errors", []))), (changes, answer.text)
