"""Every call that is played, from the routes themselves; `python -m sandbox.coverage` writes them into the
page for outsiders, `docs/sandbox.md`.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sandbox.adyen import route as adyen
from sandbox.paypal import certificate, route as paypal
from sandbox.sendgrid import route as sendgrid
from sandbox.stripe import route as stripe

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sandbox.md"
BEGIN, END = "<!-- begin: python -m sandbox.coverage -->\n", "<!-- end -->"

Call = tuple[str, str, str]


def calls() -> list[Call]:
    """Return provider, method and path of every call, sorted by provider and path."""
    return sorted({*_calls()}, key=lambda call: (call[0], call[2], call[1]))


def _calls() -> Iterator[Call]:
    for provider, routes in (("stripe", stripe.ROUTES), ("adyen", adyen.ROUTES), ("paypal", paypal.ROUTES)):
        yield from ((provider, each.method, each.path) for each in routes)
    yield from (("sendgrid", each.method, _written(each.path)) for each in sendgrid.ROUTES)
    yield "paypal", "POST", "/v1/oauth2/token"
    yield "paypal", "GET", f"{certificate.PATH}/{{id}}"


def _written(path: re.Pattern[str]) -> str:
    """Return a pattern as a path: any name is an id, one of some is a kind."""
    return re.sub(r"\([a-z_|]+\)", "{kind}", path.pattern.replace("([^/]+)", "{id}"))


def table() -> str:
    """Return the table of the page: for each provider's paths the methods."""
    lines = ["| provider | path | methods |", "|---|---|---|"]
    for (provider, path), same in groupby(calls(), key=lambda call: (call[0], call[2])):
        lines.append(f"| {provider} | `{path}` | {' '.join(method for _, method, _ in same)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}")


if __name__ == "__main__":
    main()
