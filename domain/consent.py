"""What a buyer agrees to before paying: texts of the offer, each in a version, and who agreed when."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import Field, JsonValue

from domain.value import Value


class ConsentText(Value):
    """A text that a buyer must agree to; another wording is another version."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,39}$")
    text: str


class Agreement(Value):
    """The buyer's word to a text: said once, it never changes. `address` is where it came from (an IP)."""

    code: str
    version: str
    agreed_at: datetime
    address: str


def faults(said: Sequence[tuple[str, str]], texts: Sequence[ConsentText]) -> list[JsonValue]:
    """List what is wrong with the (code, version) pairs that somebody agrees to, with JSON pointers."""
    return [*_faults(said, {text.code: text.version for text in texts})]


def _faults(said: Sequence[tuple[str, str]], known: dict[str, str]) -> Iterator[JsonValue]:
    for i, (code, version) in enumerate(said):
        if code not in known:
            yield _fault(i, "code", "unknown", "This booking asks for no such consent.")
        elif version != known[code]:
            yield _fault(i, "version", "not_allowed", f"The text has version {known[code]}.")


def _fault(i: int, field: str, code: str, detail: str) -> JsonValue:
    return {"pointer": f"/consents/{i}/{field}", "code": code, "detail": detail}
