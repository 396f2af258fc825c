"""The judge of `mail/send` bodies: a schema in SendGrid's spirit and every error with its field."""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.record import Json

Check = Callable[[Any, str], Iterator[Json]]

MAX_PERSONALIZATIONS, MAX_CATEGORIES, MAX_ARGS_BYTES = 1000, 10, 10_000
MAX_AHEAD_SECONDS = 72 * 3600


def error(message: str, field: str | None) -> Json:
    """Return one error of SendGrid's list."""
    return {"message": message, "field": field, "help": None}


def _given(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def of(kind: type, expected: str) -> Check:
    """Return a check of a plain JSON type."""

    def check(value: Any, field: str) -> Iterator[Json]:
        if type(value) is not kind:
            yield error(f"Invalid type. Expected: {expected}, given: {_given(value)}.", field)

    return check


string, integer, boolean = of(str, "string"), of(int, "integer"), of(bool, "boolean")


def address(value: Any, field: str) -> Iterator[Json]:
    """Check an e-mail address with an optional name."""
    yield from _address_shape(value, field)
    text = value.get("email") if isinstance(value, dict) else None
    if isinstance(text, str) and not _is_address(text):
        yield error("Does not contain a valid address.", f"{field}.email")


def address_text(value: Any, field: str) -> Iterator[Json]:
    """Check an e-mail address that stands alone."""
    yield from string(value, field)
    if isinstance(value, str) and not _is_address(value):
        yield error("Does not contain a valid address.", field)


def _is_address(text: str) -> bool:
    name, at, host = text.rpartition("@")
    plain = all(ord(letter) >= 33 and letter not in '",;<>()' for letter in text) and len(text) <= 320
    return (
        bool((name and at and "." in host.strip(".")) or (name and host == "localhost"))
        and plain
        and "@" not in name
    )


def array(item: Check, least: int = 0, most: int | None = None) -> Check:
    """Return a check of a list."""

    def check(value: Any, field: str) -> Iterator[Json]:
        if not isinstance(value, list):
            yield error(f"Invalid type. Expected: array, given: {_given(value)}.", field)
            return
        if len(value) < least:
            yield error(f"Array must have at least {least} items", field)
        if most is not None and len(value) > most:
            yield error(f"Array must have at most {most} items", field)
        for position, each in enumerate(value):
            yield from item(each, f"{field}.{position}")

    return check


def struct(fields: dict[str, Check], required: tuple[str, ...] = ()) -> Check:
    """Return a check of an object with these fields and no others."""

    def check(value: Any, field: str) -> Iterator[Json]:
        if not isinstance(value, dict):
            yield error(f"Invalid type. Expected: object, given: {_given(value)}.", field or None)
            return
        inside = f"{field}." if field else ""
        for name in required:
            if name not in value:
                yield error(f"{name} is required", f"{inside}{name}")
        for name, each in value.items():
            if name not in fields:
                yield error(f"Additional property {name} is not allowed", f"{inside}{name}")
            else:
                yield from fields[name](each, f"{inside}{name}")

    return check


def anything(_value: Any, _field: str) -> Iterator[Json]:
    """Check nothing."""
    return iter(())


def texts(value: Any, field: str) -> Iterator[Json]:
    """Check an object whose values are strings."""
    if not isinstance(value, dict):
        yield error(f"Invalid type. Expected: object, given: {_given(value)}.", field)
        return
    for name, each in value.items():
        yield from string(each, f"{field}.{name}")
    if len(str(value).encode()) > MAX_ARGS_BYTES:
        yield error(f"{field} must be at most {MAX_ARGS_BYTES} bytes", field)


def filled(value: Any, field: str) -> Iterator[Json]:
    """Check a string that is not empty."""
    yield from string(value, field)
    if value == "":
        yield error(f"The {field} parameter must be at least one character in length.", field)


def encoded(value: Any, field: str) -> Iterator[Json]:
    """Check base64."""
    yield from filled(value, field)
    try:
        base64.b64decode(value if isinstance(value, str) else "", validate=True)
    except (binascii.Error, ValueError):
        yield error("The attachment content must be base64 encoded.", field)


_address_shape = struct({"email": string, "name": string}, ("email",))
SWITCH = struct({"enable": boolean})
ADDRESSES = array(address)

MAIL = struct(
    {
        "personalizations": array(
            struct(
                {
                    "to": array(address, least=1, most=1000),
                    "cc": ADDRESSES,
                    "bcc": ADDRESSES,
                    "from": address,
                    "subject": filled,
                    "headers": texts,
                    "substitutions": texts,
                    "custom_args": texts,
                    "send_at": integer,
                    "dynamic_template_data": anything,
                },
                ("to",),
            ),
            least=1,
            most=MAX_PERSONALIZATIONS,
        ),
        "from": address,
        "reply_to": address,
        "reply_to_list": array(address),
        "subject": filled,
        "content": array(struct({"type": filled, "value": filled}, ("type", "value")), least=1),
        "attachments": array(
            struct(
                {
                    "content": encoded,
                    "type": filled,
                    "filename": filled,
                    "disposition": string,
                    "content_id": string,
                    "name": string,
                },
                ("content", "filename"),
            )
        ),
        "template_id": string,
        "sections": texts,
        "headers": texts,
        "categories": array(string, most=MAX_CATEGORIES),
        "custom_args": texts,
        "send_at": integer,
        "batch_id": string,
        "asm": struct({"group_id": integer, "groups_to_display": array(integer)}, ("group_id",)),
        "ip_pool_name": string,
        "mail_settings": struct(
            {
                "sandbox_mode": SWITCH,
                "bypass_list_management": SWITCH,
                "bypass_spam_management": SWITCH,
                "bypass_bounce_management": SWITCH,
                "bypass_unsubscribe_management": SWITCH,
                "footer": struct({"enable": boolean, "text": string, "html": string}),
            }
        ),
        "tracking_settings": struct(
            {
                "click_tracking": struct({"enable": boolean, "enable_text": boolean}),
                "open_tracking": struct({"enable": boolean, "substitution_tag": string}),
                "subscription_tracking": struct(
                    {"enable": boolean, "text": string, "html": string, "substitution_tag": string}
                ),
                "ganalytics": struct(
                    {
                        "enable": boolean,
                        **{
                            f"utm_{name}": string
                            for name in ("source", "medium", "term", "content", "campaign")
                        },
                    }
                ),
            }
        ),
    },
    ("personalizations", "from"),
)


def judge(body: Any, now: float) -> list[Json]:
    """Return everything that is wrong with a body, in SendGrid's form; an empty list if it may be sent."""
    errors = list(MAIL(body, ""))
    return errors or [*_subject(body), *_contents(body), *_duplicates(body), *_times(body, now)]


def _subject(body: Json) -> Iterator[Json]:
    given = "subject" in body or all("subject" in each for each in body["personalizations"])
    if not given and "template_id" not in body:
        yield error(
            "The subject is required. You can get around this requirement if you use a template with a "
            "subject defined or if every personalization has a subject defined.",
            "subject",
        )


def _contents(body: Json) -> Iterator[Json]:
    if "content" not in body:
        if "template_id" not in body:
            yield error(
                "Unless a valid template_id is provided, the content parameter is required. There must be at "
                "least one defined content block.",
                "content",
            )
        return
    order = [part["type"] for part in body["content"]]
    if "text/plain" in order[1:] or ("text/html" in order[2:]) or order.count("text/html") > 1:
        yield error(
            "If present, text/plain and text/html may only be provided once and must be the first and second "
            "content block.",
            "content",
        )


def _duplicates(body: Json) -> Iterator[Json]:
    for position, each in enumerate(body["personalizations"]):
        seen: set[str] = set()
        for name in ("to", "cc", "bcc"):
            for recipient in each.get(name, ()):
                plain = recipient["email"].lower()
                if plain in seen:
                    yield error(
                        "Each email address in the personalization block should be unique between to, cc, "
                        f"and bcc. We found the first duplicate instance of [{plain}] in the "
                        f"personalizations.{position}.{name} field.",
                        f"personalizations.{position}",
                    )
                    return
                seen.add(plain)


def _times(body: Json, now: float) -> Iterator[Json]:
    if body.get("send_at", 0) > now + MAX_AHEAD_SECONDS:
        yield error("The send_at parameter cannot be more than 72 hours in the future.", "send_at")
