"""How a body is read: JSON as RFC 8259 wants it and nothing that two readers could understand differently.

Here, before any shape is looked at, falls what no text of ours may hold: control and bidi-override
characters, endless lists and depths, and numbers that look like a payment card's (SEC-01), which are neither
logged nor repeated. A query is as strict: no parameter twice, none that the route does not know.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Coroutine, Iterator
from email.message import Message
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, JsonValue
from starlette.exceptions import HTTPException

from api.problem import pointer
from domain.refusal import InvalidRequest

MAX_DEPTH = 32
MAX_ITEMS = 100
MAX_TEXT = 2_000
MAX_NAME = 50

# Payment cards have 13 to 19 digits, often in groups, and begin with 3 to 6. An international phone number
# begins with +, a UUID is no card whatever its digits are.
_CARD = re.compile(r"(?<![\d+])[3-6](?:[ -]?\d){12,18}(?!\d)")
_CARD_FOUND = ("card_number", "Card numbers are entered at the payment provider, never here.")
# What may be said back of a name that we do not know.
_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


# Headers of which a request has one.
_ONCE = frozenset({b"authorization", b"content-type", b"idempotency-key", b"last-event-id", b"x-channel-key"})


class StrictRoute(APIRoute):
    """A route that reads queries and bodies strictly; all of ours but the webhooks' are of this class."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Make the handler: the framework's own, behind the strict reading."""
        handle, takes_body, known = (
            super().get_route_handler(),
            self.body_field,
            frozenset(_query_names(self.dependant)),
        )

        async def strict(request: Request) -> Response:
            refuse_doubled_headers(request)
            refuse_odd_query(request, known)
            if takes_body:
                request = _Read(request)
                await request.json()
            return await handle(request)

        return strict


class _Read(Request):
    """A request whose JSON was read strictly, once."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.scope, request.receive)
        self._strict: JsonValue = None

    async def json(self) -> JsonValue:
        if self._strict is None and (raw := await self.body()):
            if not _is_json(self.headers.get("content-type", "")):
                raise HTTPException(415)
            self._strict = read(raw)
        return self._strict


def read(raw: bytes) -> JsonValue:
    """Read a JSON body.

    Raises HTTPException 400 for what is not JSON, not UTF-8, says a thing twice, holds NUL or is deeper than
    32; refuses InvalidRequest with pointers for lists over 100, text that hides something, and card numbers.
    """
    try:
        value: JsonValue = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_no_name_twice,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError):  # not UTF-8, not JSON, or one of ours
        raise HTTPException(
            400, "The body is not a JSON document that can be read in one way only."
        ) from None
    if errors := [*_faults(value, ())]:
        raise InvalidRequest("The request breaks a rule.", errors=errors)
    return value


def refuse_doubled_headers(request: Request) -> None:
    """Refuse, by HTTPException 400, what says a thing twice of which there is one: whoever stands before us
    may have read the other.
    """
    said = [name for name, _ in request.headers.raw if name in _ONCE]
    if doubled := {name.decode() for name in said if said.count(name) > 1}:
        raise HTTPException(400, f"Once is enough: {', '.join(sorted(doubled))}.")


def refuse_odd_query(request: Request, known: frozenset[str]) -> None:
    """Refuse InvalidRequest for a query parameter that comes twice, that the route does not know, or that
    hides something.
    """
    if not request.scope["query_string"]:
        return
    sent = parse_qsl(request.url.query, keep_blank_values=True)
    names = [name for name, _ in sent]
    hiding = {name for name, value in sent if hides_something(value)}
    errors: list[JsonValue] = [
        {"parameter": name if _NAME.fullmatch(name) else "?", "code": code, "detail": text}
        for name in dict.fromkeys(names)
        for code, text, wrong in (
            ("unknown_field", "There is no such parameter.", name not in known),
            ("repeated", "Once is enough.", name in known and names.count(name) > 1),
            ("invalid", "Control and direction characters are not allowed.", name in known & hiding),
        )
        if wrong
    ]
    if errors:
        raise InvalidRequest("The query breaks a rule.", errors=errors)


def hides_something(text: str) -> bool:
    """Say whether a text holds a character that nobody can see or that turns the reading order.

    Line ends count too: no text of ours has lines. The zero-width joiners belong to scripts and emoji.
    """
    if text.isascii():
        return not text.isprintable()
    return any(
        letter not in "\u200c\u200d" and unicodedata.category(letter) in ("Cc", "Cs", "Cf") for letter in text
    )


def looks_like_a_card(text: str) -> bool:
    """Say whether the number of a payment card stands in a text (13–19 digits, valid by Luhn's check)."""
    return not _UUID.fullmatch(text) and any(_luhn(found.group()) for found in _CARD.finditer(text))


def _luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0


def _faults(value: JsonValue, path: tuple[str | int, ...]) -> Iterator[JsonValue]:
    if len(path) > MAX_DEPTH:
        raise HTTPException(400, f"The body is deeper than {MAX_DEPTH} levels.")
    match value:
        case str():
            yield from _text_faults(value, path)
        case list():
            yield from _list_faults(value, path)
        case dict():
            for name, member in value.items():
                yield from _member_faults(name, member, path)
        case int() if looks_like_a_card(str(value)):
            yield _fault(path, *_CARD_FOUND)
        case float() if looks_like_a_card(f"{value:.0f}"):
            yield _fault(path, *_CARD_FOUND)


def _text_faults(text: str, path: tuple[str | int, ...]) -> Iterator[JsonValue]:
    if "\0" in text:
        raise HTTPException(400, "A text of ours has no NUL.")
    if len(text) > MAX_TEXT:
        yield _fault(path, "too_long", f"At most {MAX_TEXT} characters.")
    elif hides_something(text):
        yield _fault(path, "invalid", "Control and direction characters are not allowed.")
    elif looks_like_a_card(text):
        yield _fault(path, *_CARD_FOUND)


def _list_faults(items: list[JsonValue], path: tuple[str | int, ...]) -> Iterator[JsonValue]:
    if len(items) > MAX_ITEMS:
        yield _fault(path, "too_long", f"At most {MAX_ITEMS} items.")
        return
    for i, item in enumerate(items):
        yield from _faults(item, (*path, i))


def _member_faults(name: str, member: JsonValue, path: tuple[str | int, ...]) -> Iterator[JsonValue]:
    # A name that is refused is not repeated in the pointer either.
    if len(name) > MAX_NAME or any(_text_faults(name, path)):
        yield _fault(path, "unknown_field", "A name in here is not one of ours.")
    else:
        yield from _faults(member, (*path, name))


def _fault(path: tuple[str | int, ...], code: str, detail: str) -> JsonValue:
    return {"pointer": pointer(path), "code": code, "detail": detail}


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("too large a number")
    return number


@lru_cache(100)
def _is_json(content_type: str) -> bool:
    message = Message()
    message["content-type"] = content_type
    kind, charset = message.get_content_type(), message.get_content_charset("utf-8")
    return charset == "utf-8" and (kind == "application/json" or kind.endswith("+json"))


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        shape = field.field_info.annotation
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            yield from (member.alias or name for name, member in shape.model_fields.items())
        else:
            yield field.alias
    for needed in dependant.dependencies:
        yield from _query_names(needed)
