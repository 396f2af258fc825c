"""Stripe's form encoding: `a[b]=1`, `a[0]=x` and `a[]=x` become nested dicts and lists of strings."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from sandbox.stripe.error import StripeError, invalid

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
MAX_FIELDS, MAX_DEPTH = 1000, 8


def decode(raw: bytes) -> dict[str, Any]:
    """Return what a query or a body says; numbered keys stay dicts until their meaning is known."""
    try:
        pairs = _pairs(raw.decode())
    except ValueError as error:  # UnicodeDecodeError among them
        raise StripeError(
            400,
            "Invalid request (check that your POST content type is "
            "application/x-www-form-urlencoded and that it is valid UTF-8).",
        ) from error
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if "\x00" in value or "\x00" in name:
            raise invalid("Invalid request: a value contains a NUL byte.", name.replace("\x00", ""))
        _put(tree, _path(name), value, name)
    return tree


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return what stands between the ampersands, or raise ValueError.

    The standard library's parse_qsl decodes every name anew, and callers use the same few again and again.
    """
    if text.count("&") >= MAX_FIELDS:
        raise ValueError(f"more than {MAX_FIELDS} fields")
    pairs = []
    for field in text.split("&") if text else ():
        name, equals, value = field.partition("=")
        if not equals:
            raise ValueError("a field without a value")
        pairs.append((_name(name), unquote_plus(value, errors="strict")))
    return pairs


@lru_cache(maxsize=1000)
def _name(encoded: str) -> str:
    return unquote_plus(encoded, errors="strict")


@lru_cache(maxsize=1000)
def _path(name: str) -> tuple[str, ...]:
    match = NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", name)
    path = (match[1], *match[2][1:-1].split("][")) if match[2] else (match[1],)
    if len(path) > MAX_DEPTH:
        raise invalid(f"Parameters are nested too deeply: {name}", name)
    return path


def _put(tree: dict[str, Any], path: tuple[str, ...], value: str, name: str) -> None:
    node = tree
    for step in path[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid parameter: {name} is given both as a value and as a hash.", name)
    last = path[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise invalid(f"Invalid parameter: {name} is given both as a value and as a hash.", name)
    node[last] = value
