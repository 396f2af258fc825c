"""The pages tell the truth where a program can check it: their links lead somewhere, their commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"`?\./dev (\w[\w-]*)")


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
