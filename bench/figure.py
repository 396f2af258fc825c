"""A figure: what was measured, in which unit, against which goal; and how figures are shown."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

PACKAGES = ("temporalio", "fastapi", "uvicorn", "asyncpg", "stripe", "pydantic")


@dataclass(frozen=True)
class Figure:
    """One figure.

    `goal` is a comparison in words (`≥ 0.5`) or empty where nothing is aimed at; `raw` the runs behind it.
    """

    name: str
    value: float
    unit: str
    goal: str = ""
    raw: tuple[float, ...] = ()

    @property
    def met(self) -> bool | None:
        """Say whether the goal is met; nothing where there is none."""
        if not self.goal:
            return None
        sign, _, number = self.goal.partition(" ")
        return self.value >= float(number) if sign == "≥" else self.value <= float(number)


def middle(name: str, runs: Sequence[float], unit: str, goal: str = "") -> Figure:
    """Make a figure of the median of `runs`."""
    return Figure(name, round(statistics.median(runs), 3), unit, goal, tuple(round(run, 3) for run in runs))


def ratio(name: str, of: Sequence[float], over: Sequence[float], goal: str = "") -> Figure:
    """Make a figure of the median of the pairwise ratios: each pair was measured side by side."""
    return middle(name, [a / b for a, b in zip(of, over, strict=True)], "ratio", goal)


def machine() -> str:
    """Describe the machine: what stands beside a figure for it to mean anything."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def versions() -> dict[str, str]:
    """Name the versions of what carries the load."""
    return {package: version(package) for package in PACKAGES}


def table(figures: Sequence[Figure]) -> str:
    """Lay the figures out for people, ratios first."""
    rows = [("figure", "value", "unit", "goal", "", "runs")]
    for figure in sorted(figures, key=lambda figure: figure.unit != "ratio"):
        verdict = {True: "met", False: "not met", None: ""}[figure.met]
        runs = " ".join(f"{run:g}" for run in figure.raw)
        rows.append((figure.name, f"{figure.value:g}", figure.unit, figure.goal, verdict, runs))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip()
        for row in rows
    )


def as_json(name: str, figures: Sequence[Figure]) -> str:
    """Write the figures as one line of JSON for programs."""
    return json.dumps(
        {
            "name": name,
            "figures": {
                figure.name: {"value": figure.value, "goal": figure.goal, "unit": figure.unit}
                for figure in figures
            },
            "machine": machine(),
            "versions": versions(),
        }
    )
