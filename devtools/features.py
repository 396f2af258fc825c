"""`./dev features`: writes docs/features.md, each requirement row with the tests that prove it.

What the rows ask for stands in docs/requirements.toml, in our own words. Which test proves which row is read
off the `@pytest.mark.row(…)` marks in the syntax trees of tests/, so nothing has to run.
"""

import ast
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.paths import ROOT
from devtools.say import Trouble, say

TESTS = ROOT / "tests"
ROWS = ROOT / "docs" / "requirements.toml"
PAGE = ROOT / "docs" / "features.md"
SIGNS = {"done": "✔ done", "partly": "◐ partly", "open": "· open"}


@dataclass(frozen=True)
class Proof:
    """A test that proves a row, or a part of it: then `missing` says what it leaves open."""

    file: Path
    test: str
    missing: str | None


def write(*, check: bool) -> None:
    """Write docs/features.md; with `check` write nothing, and fail when it would change."""
    text = page(areas(), proofs())
    if not check:
        PAGE.write_text(text)
        say(f"  {PAGE.relative_to(ROOT)}: {summary(areas(), proofs())}")
    elif not PAGE.exists() or PAGE.read_text() != text:
        raise Trouble(f"{PAGE.relative_to(ROOT)} is not up to date: run `./dev features`.")


def areas() -> dict[str, Any]:
    """Answer the areas of the specification: by code, their title and their rows in our words."""
    return tomllib.loads(ROWS.read_text())


def proofs() -> dict[str, list[Proof]]:
    """Answer the tests of each row, in the order of their files."""
    found: dict[str, list[Proof]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        for row, proof in _proofs_in(file):
            if proof not in found[row]:
                found[row].append(proof)
    return dict(found)


def _proofs_in(file: Path) -> Iterator[tuple[str, Proof]]:
    """Give each row that a file names, with the test at or in which it stands (the file's name for all)."""
    place = file.relative_to(ROOT)

    def visit(node: ast.AST, test: str) -> Iterator[tuple[str, Proof]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            test = node.name
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
            missing = next((_text(word.value) for word in node.keywords if word.arg == "partly"), None)
            for row in node.args:
                yield _text(row), Proof(place, test, missing)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, test)

    yield from visit(ast.parse(file.read_text(), str(file)), file.stem)


def _text(node: ast.expr) -> str:
    value = ast.literal_eval(node)
    if not isinstance(value, str):
        raise Trouble(f"A row mark takes texts, not {value!r}.")
    return value


def state(row: str, proven: dict[str, list[Proof]]) -> str:
    """Answer how far a row is: done when a test proves it whole, partly when each leaves something open."""
    tests = proven.get(row, [])
    if not tests:
        return "open"
    return "partly" if all(proof.missing for proof in tests) else "done"


def rows_of(asked: dict[str, Any]) -> dict[str, str]:
    """Answer every row with what it asks for."""
    return {
        f"{code}-{number}": words for code, area in asked.items() for number, words in area["rows"].items()
    }


def summary(asked: dict[str, Any], proven: dict[str, list[Proof]]) -> str:
    """Answer how many rows are how far."""
    rows = rows_of(asked)
    unknown = sorted(proven.keys() - rows.keys())
    if unknown:
        raise Trouble(f"Tests name rows that docs/requirements.toml does not know: {', '.join(unknown)}.")
    count = Counter(state(row, proven) for row in rows)
    return f"{len(rows)} rows: {count['done']} done, {count['partly']} partly, {count['open']} open"


def page(asked: dict[str, Any], proven: dict[str, list[Proof]]) -> str:
    """Answer the whole page."""
    lines = [
        "# Features",
        "",
        "Written by `./dev features` from [requirements.toml](requirements.toml) and the marks of the tests.",
        f"{summary(asked, proven)}. *Done*: a test proves all of it; *partly*: each leaves something open.",
        "",
    ]
    for code, area in asked.items():
        lines += [
            f"## {area['title']} ({code})",
            "",
            "| row | what it asks for | | tests |",
            "|---|---|---|---|",
        ]
        for number, words in area["rows"].items():
            row = f"{code}-{number}"
            told = _told(proven.get(row, []), whole=state(row, proven) == "done")
            lines.append(f"| {row} | {words} | {SIGNS[state(row, proven)]} | {told} |")
        lines.append("")
    return "\n".join(lines)


def _told(tests: list[Proof], *, whole: bool) -> str:
    links = [f"[{proof.test}](../{proof.file.as_posix()})" for proof in tests]
    missing = [] if whole else sorted({proof.missing for proof in tests if proof.missing})
    return "<br>".join([*links, *(f"*missing: {what}*" for what in missing)])
