"""Stripe's form encoding: `a[b]=1`, `a[0]=x` and `a[]=x` become nested dicts and lists of strings."""

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.error import StripeError, invalid

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
MAX_FIELDS, MAX_DEPTH = 1000, 8


def decode(raw: bytes) -> dict[str, Any]:
    """Return what a query or a body says; numbered keys stay dicts until their meaning is known."""
    try:
        text = raw.decode()
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            max_num_fields=MAX_FIELDS,
            errors="strict",
        )
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


def _path(name: str) -> list[str]:
    match = NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", name)
    path = [match[1], *match[2][1:-1].split("][")] if match[2] else [match[1]]
    if len(path) > MAX_DEPTH:
        raise invalid(f"Parameters are nested too deeply: {name}", name)
    return path


def _put(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    node = tree
    for step in path[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid parameter: {name} is given both as a value and as a hash.", name)
    last = path[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise invalid(f"Invalid parameter: {name} is given both as a value and as a hash.", name)
    node[last] = value
