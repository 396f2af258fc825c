"""The pages tell the truth where a program can check it: their links lead somewhere, their commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from activities.notice import NEEDS_PERSON
from activities.relay.inbox import UNKNOWN
from api.webhook import UNREADABLE, WRONG_MERCHANT, WRONG_MODE
from domain.case import CaseKind
from domain.notice import DeliveryState
from domain.refund import Hindrance
from domain.settlement import Consequence, News, may_mean

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"`?\./dev (\w[\w-]*)")
LOG_LINE = re.compile(r"`([a-z]+(?: [a-z]+)+)`")

# What is told of running the product, and where it is said.
RUNNING = [ROOT / "docs" / "operations.md", ROOT / "docs" / "observability.md"]
FLOORS = ("activities", "api", "db", "domain", "providers")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]

    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    text = page.read_text()
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }

    assert [link for link in LINK.findall(text) if link.startswith("#") and link[1:] not in headings] == []


def test_every_command_that_a_page_names_exists() -> None:
    told = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, str(ROOT / "dev"), "help"], capture_output=True, text=True, check=True
    )

    unknown = {
        (named(page), command)
        for page in PAGES
        for command in COMMAND.findall(page.read_text())
        if not re.search(rf"\b{command}\b", told.stdout)
    }
    assert unknown == set()


def test_every_kind_of_case_and_every_cause_that_the_code_lists_is_told() -> None:
    listed: dict[CaseKind, set[str]] = {
        CaseKind.WEBHOOK: {UNKNOWN.cause, WRONG_MODE, WRONG_MERCHANT, UNREADABLE},
        CaseKind.PAYMENT: {news for news in News if may_mean(news, Consequence.ASK_A_PERSON)},
        CaseKind.REFUND: {*Hindrance},
        CaseKind.NOTICE: {*NEEDS_PERSON.values(), *(each for each in DeliveryState if each.needs_person)},
    }
    told = cases()

    assert {*CaseKind} - {kind for kind, _ in told} == set()
    assert {(kind, cause) for kind, causes in listed.items() for cause in causes} - told == set()


def test_every_cause_and_every_log_line_that_a_page_names_is_in_the_code() -> None:
    code = "".join(path.read_text() for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
    causes = {cause for _, cause in cases() if cause.isidentifier()}
    lines = {line for page in RUNNING for line in LOG_LINE.findall(page.read_text())}

    assert "a person is needed" in lines
    assert {each for each in causes | lines if f'"{each}"' not in code} == set()


def cases() -> set[tuple[str, str]]:
    """Read the kinds of case, each with its causes, out of the table of the operators' page."""
    section = RUNNING[0].read_text().partition("## The cases")[2].partition("###")[0]
    found, kind = set[tuple[str, str]](), ""
    for row in section.splitlines():
        for word, is_kind in re.findall(r"`([^`]+)`( ·)?", row.split("|")[1] if "|" in row else ""):
            kind = word if is_kind else kind
            found.add((kind, "" if is_kind else word))
    return found
