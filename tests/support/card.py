"""Looking for a card number in what was written."""

import re

_PIECE = re.compile(r"(?:4242|3782)(?:\D|%20){0,3}(?:4242|8224)")


def shows_card(text: str) -> bool:
    """Whether two groups of a test card stand side by side; one alone may be part of a random id."""
    return _PIECE.search(text) is not None
