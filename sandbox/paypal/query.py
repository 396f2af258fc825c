"""What is asked in a query: known names, times, counts."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from sandbox.paypal.error import PayPalError, invalid

_COUNT = re.compile(r"[1-9]\d{0,8}")


def check_names(query: Iterable[str], known: frozenset[str]) -> None:
    """Refuse a parameter that is not known here."""
    for name in query:
        if name not in known:
            raise invalid("PARAMETER_UNKNOWN", "The sandbox knows no such parameter.", name, "query")


def seconds(query: Mapping[str, str], name: str) -> int:
    """Return a time (RFC 3339, with an offset) in seconds; refuse one that is missing or no time."""
    if name not in query:
        raise invalid("MISSING_REQUIRED_PARAMETER", "A required field is missing.", name, "query")
    try:
        at = datetime.fromisoformat(query[name])
    except ValueError:
        raise wrong(name) from None
    if at.tzinfo is None:
        raise wrong(name)
    return int(at.timestamp())


def count(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return a number from one to `most`."""
    text = query.get(name, str(default))
    if not _COUNT.fullmatch(text) or int(text) > most:
        raise wrong(name)
    return int(text)


def wrong(name: str) -> PayPalError:
    """Return the refusal of a parameter that cannot be read."""
    text = "The value of a field does not conform to the expected format."
    return invalid("INVALID_PARAMETER_SYNTAX", text, name, "query")
