"""How a story is told: numbered lines with the time gone by, claims that must hold, and a verdict."""

import time
from typing import NoReturn


class Wrong(Exception):
    """Raised when a claim of a story does not hold; its text is the reason."""


class Tale:
    """Tells one story, line by line."""

    def __init__(self, title: str) -> None:
        self.begun, self.lines = time.monotonic(), 0
        print(f"{title}\n", flush=True)

    def tell(self, what: str, detail: str = "") -> None:
        """Tell one line of the story."""
        self.lines += 1
        gone = time.monotonic() - self.begun
        print(f"  {self.lines:2}  {gone:6.2f} s  {what:34} {detail}".rstrip(), flush=True)

    def check(self, claim: str, *, found: object, wanted: object) -> None:
        """Tell a claim that holds; Wrong when it does not."""
        if found != wanted:
            raise Wrong(f"{claim}: found {found!r}, wanted {wanted!r}")
        print(f"      ✔ {claim}", flush=True)


def shown(minor: int, currency: str) -> str:
    """Write an amount of the demo catalogue, whose currencies have two decimals or, the yen, none."""
    return f"{minor} {currency}" if currency == "JPY" else f"{minor // 100}.{minor % 100:02} {currency}"


def wrong(reason: str) -> NoReturn:
    """End the story: something is not as it should be."""
    raise Wrong(reason)
