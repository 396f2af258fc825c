"""docs/reliability-report.md: which crash points were taken, how long it took until all was at rest, and what
was wrong then. Written by the run that took them: `./dev test --all tests/crash --report`.
"""

import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

import pytest

from devtools.paths import ROOT
from tests.crash.campaign import seed_of
from tests.crash.crowd import BUYERS, crowds
from tests.crash.point import ALL_TARGETS, STEPS, TARGETS, Point, pairs, singles
from tests.crash.proxy import Moment

PAGE = ROOT / "docs" / "reliability-report.md"
NOT_TAKEN, VOID = "", "–"
HEADING = """# Reliability report

Written by `./dev test --all tests/crash --report`; how it is done stands in [tests/crash](../tests/crash).
Real processes (API, worker with relay, Temporal, PostgreSQL, sandbox) are connected through a proxy that cuts
at the message of a step: **a** before its effect, **b** when it is done and not reported, **c** when it is
reported. There a process dies by SIGKILL, the connection is cut (a, b), and the process is started again.
Then all has to come to rest, and the invariants have to hold (no oversell, no money without tickets or
refund, no double charge, books that balance and agree with the provider's, each mail once, no booking lost,
same key same answer, only legal moves, histories that replay, tenants apart).
"""


class Report:
    """Collects what the tests have noted, and writes the page when all are done."""

    def __init__(self, config: pytest.Config) -> None:
        self.seed = seed_of(config)
        self.began, self.of = time.monotonic(), _commit()
        self.points: dict[str, dict[str, Any]] = {}
        self.crowds: dict[str, dict[str, Any]] = {}
        self.faults: dict[str, dict[str, Any]] = {}
        self.broken: list[str] = []  # tests that came to no verdict

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a test has noted, and that of one which has failed without a word."""
        noted: dict[str, Any] = {str(name): value for name, value in report.user_properties}
        if report.failed and not noted.get("violations"):
            self.broken.append(f"{report.nodeid.rpartition('::')[2]} has failed: {_last_line(report)}")
        if report.when != "call" or "violations" not in noted:
            return
        for kind, trials in (("point", self.points), ("crowd", self.crowds), ("fault", self.faults)):
            if kind in noted:
                trials[noted[kind]] = noted

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        PAGE.write_text("\n".join(self.page()))

    def page(self) -> Iterator[str]:
        """Give the page, line by line."""
        yield HEADING
        yield from table(("", ""), self.facts())
        yield "\n## How long until all was at rest\n"
        yield from table(("killed", "points", "median", "90 %", "longest"), self.times())
        yield "\n## One crash\n"
        yield "Seconds until all was at rest; – is void, ✘ a violation.\n"
        columns = [f"{target} {moment.value}" for target in ALL_TARGETS for moment in Moment]
        yield from table(("step", "", *columns), self.steps())
        yield "\n## Two crashes\n"
        yield from table(("both b", *TARGETS), self.two())
        yield f"\n## Every b while {BUYERS} book\n"
        yield "One process is killed at one step after the other, in any order; judged when all is at rest.\n"
        yield from table(("killed", "times", "bookings", "all at rest after", "violations"), self.rushes())
        yield "\n## Void\n"
        for step in STEPS:
            if step.void:
                yield f"- {step.name} {step.does}: {step.void}."
        if self.faults:
            yield "\n## Other faults\n"
            yield from table(("fault", "what came of it", "violations"), self.suffered())
        yield "\n## Violations\n"
        yield from self.violations() or ["None."]
        yield ""

    def facts(self) -> Iterator[Sequence[str]]:
        """Give when, of what and how much."""
        yield "date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        yield "commit", self.of
        yield "seed", str(self.seed)
        kinds = (
            ("single crashes", [*singles(TARGETS)]),
            ("with the sandbox as target", [*singles(("sandbox",))]),
            ("double crashes", [*pairs()]),
        )
        for name, points in kinds:
            yield name, self._counted(points)
        yield "time, load", f"{(time.monotonic() - self.began) / 60:.0f} min, {os.getloadavg()[2]:.0f}"

    def _counted(self, points: Sequence[Point]) -> str:
        taken = [self.points[point.name] for point in points if point.name in self.points]
        void = sum(bool(point.void) for point in points)
        wrong = sum(bool(each["violations"]) for each in taken)
        return f"{len(points)}: {len(taken)} taken, {void} void, {wrong} with violations"

    def times(self) -> Iterator[Sequence[str]]:
        """Give for each target how long it took."""
        for target in ALL_TARGETS:
            times = [each["seconds"] for name, each in self.points.items() if name.endswith(f"-{target}")]
            if len(times) > 1:
                shown = (median(times), quantiles(times, n=10)[-1], max(times))
                yield target, str(len(times)), *(f"{seconds:.1f} s" for seconds in shown)

    def steps(self) -> Iterator[Sequence[str]]:
        """Give a row for each step."""
        cells = {point.name: self._cell(point) for point in singles()}
        for step in STEPS:
            names = (f"{step.name}{moment.value}-{target}" for target in ALL_TARGETS for moment in Moment)
            yield step.name, step.does, *(cells[name] for name in names)

    def two(self) -> Iterator[Sequence[str]]:
        """Give a row for each pair."""
        points = [*pairs()]
        for blows in dict.fromkeys(point.blows for point in points):
            same = [point for point in points if point.blows == blows]
            names = " + ".join(blow.step.name for blow in blows)
            yield names, *(self._cell(point) for point in same)

    def rushes(self) -> Iterator[Sequence[str]]:
        """Give a row for each process that died in a crowd."""
        for crowd in crowds():
            if noted := self.crowds.get(crowd.name):
                counts = (len(crowd.blows), noted["bookings"], noted["told"], len(noted["violations"]))
                yield crowd.target, *map(str, counts)

    def suffered(self) -> Iterator[Sequence[str]]:
        """Give a row for each other fault."""
        for fault, noted in self.faults.items():
            yield fault, noted["told"], str(len(noted["violations"]))

    def _cell(self, point: Point) -> str:
        if point.void:
            return VOID
        noted = self.points.get(point.name)
        if noted is None:
            return NOT_TAKEN
        return f"{noted['seconds']:.0f}{' ✘' if noted['violations'] else ''}"

    def violations(self) -> list[str]:
        """List what was wrong."""
        trials = self.points | self.crowds | self.faults
        found = [f"- {name}: {each}" for name, noted in trials.items() for each in noted["violations"]]
        return [*found, *(f"- {each}" for each in self.broken)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Give a table in Markdown, line by line."""
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"


def _last_line(report: pytest.TestReport) -> str:
    return next((line.strip() for line in reversed(report.longreprtext.splitlines()) if line.strip()), "")


def _commit() -> str:
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()
