"""A body is JSON that can be read in one way only, and holds nothing that may not reach us."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from starlette.exceptions import HTTPException

from api import body
from domain.refusal import InvalidRequest
from tests.support.card import shows_card

VISA, AMEX = "4242424242424242", "378282246310005"


def codes(raw: bytes) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        body.read(raw)
    errors: Any = refused.value.facts["errors"]
    return [error["code"] for error in errors]


@pytest.mark.row("SEC-05", partly="objects where a scalar is expected: test_bad_input")
@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"",
        b"{'a': 1}",
        b'{"a": 1} x',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\x00"}',
        b'{"a": "\\u0000"}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b"[" * 60_000,
        b"[" * 40 + b"]" * 40,
    ],
)
def test_what_is_no_json_or_has_two_readings_is_malformed(raw: bytes) -> None:
    with pytest.raises(HTTPException) as refused:
        body.read(raw)

    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    "text", ["\x07", "a\nb", "a\x7f", "a\u202eb", "a\u2066b", "a\u200bb", "\ud800", "\u0085"]
)
def test_text_that_hides_something_is_refused(text: str) -> None:
    assert codes(json.dumps({"name": text}).encode()) == ["invalid"]


@pytest.mark.parametrize("text", ["Zoë ONeill-Ñandú", "山田 太郎", "👩‍👧 family", "محمد", "‌می‌خواهم"])
def test_the_names_of_people_pass(text: str) -> None:
    assert body.read(json.dumps({"name": text}).encode()) == {"name": text}


@pytest.mark.row("SEC-01", partly="hosted fields: the payment pages")
@pytest.mark.parametrize(
    "value",
    [
        VISA,
        AMEX,
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        f"my card is {VISA}, thanks",
        f"x{VISA}",
        int(VISA),
        float(VISA),
        [VISA],
        {"deep": {"er": VISA}},
    ],
)
def test_a_card_number_is_refused_wherever_it_stands_and_not_repeated(value: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        body.read(json.dumps({"note": value}).encode())

    assert "card_number" in str(refused.value.facts)
    assert not shows_card(str(refused.value.facts))


def test_a_card_number_as_a_name_is_not_repeated_either() -> None:
    with pytest.raises(InvalidRequest) as refused:
        body.read(json.dumps({VISA: 1}).encode())

    assert not shows_card(str(refused.value.facts))


@pytest.mark.parametrize(
    "value",
    [
        "+4930901820444",  # a telephone number that is valid by Luhn's check
        "4242424242424241",
        "424242424242",
        "41111111-1111-1111-1111-111111111111",
        "9780306406157",
        4242424242,
        pytest.param(10**400, id="too large for a float"),
        pytest.param(-(10**4000), id="as large as is read at all"),
    ],
)
def test_other_long_numbers_pass(value: object) -> None:
    assert body.read(json.dumps({"note": value}).encode()) == {"note": value}


def test_lists_names_and_texts_have_an_end() -> None:
    assert codes(json.dumps({"lines": [1] * 101}).encode()) == ["too_long"]
    assert codes(json.dumps({"text": "x" * 2001}).encode()) == ["too_long"]
    assert codes(json.dumps({"n" * 51: 1}).encode()) == ["unknown_field"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_as_it_is_or_refused(value: object) -> None:
    raw = json.dumps(value).encode()

    try:
        read = body.read(raw)
    except (HTTPException, InvalidRequest):
        return

    assert read == json.loads(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        body.read(raw)
    except (HTTPException, InvalidRequest):
        pass
