"""What each process spends on one unit of work: CPU milliseconds, its children's included."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.figure import Figure
from bench.stack import Stack

STACK = ("api", "worker", "temporal", "postgres", "sandbox")
TICKS = os.sysconf("SC_CLK_TCK")


class Host:
    """What others on the same host take of this machine's processors, from now on: nothing but on a virtual
    machine.
    """

    def __init__(self) -> None:
        self._stolen, self._all = _ticks()

    @property
    def taken(self) -> float:
        """Their share of all processor time since."""
        stolen, whole = _ticks()
        return (stolen - self._stolen) / max(whole - self._all, 1)


class Meter:
    """Adds up what the processes of a stack, the client (this process) and those `beside` spend, by pid."""

    def __init__(self, stack: Stack, **beside: int) -> None:
        self._pids = {**{name: stack.pid(name) for name in STACK}, **beside}
        self._spent: dict[str, Counter[str]] = {}
        self._done: Counter[str] = Counter()

    @contextmanager
    def of(self, work: str) -> Iterator[Callable[[int], None]]:
        """Count what is spent inside on a kind of work; the caller says how often it was done."""
        before = self._read()
        yield lambda times: self._done.update({work: times})
        spent = self._read()
        spent.subtract(before)
        self._spent.setdefault(work, Counter()).update(spent)

    def figures(self) -> list[Figure]:
        """Give, of each kind of work, the milliseconds of every process that takes part, and of all."""
        return [
            Figure(f"{work}_cpu_ms_{name}", round(seconds * 1000 / self._done[work], 2), "ms")
            for work, spent in self._spent.items()
            for name, seconds in [*spent.most_common(), ("all", sum(spent.values()))]
            if seconds * 1000 / self._done[work] >= 0.01
        ]

    def share(self, work: str, name: str) -> float:
        """Give what part of all that a kind of work took was taken by one process."""
        spent = self._spent[work]
        return spent[name] / sum(spent.values())

    def _read(self) -> "Counter[str]":
        trees = _trees(self._pids)
        return Counter({**trees, "client": time.process_time()})


def _ticks() -> tuple[int, int]:
    """Read how much time was stolen from the processors, and how much has passed on them in all."""
    with Path("/proc/stat").open() as file:
        ticks = [int(each) for each in file.readline().split()[1:9]]
    return ticks[7], sum(ticks)


def _trees(roots: Mapping[str, int]) -> dict[str, float]:
    """Give the CPU seconds of each process and all that it has started and still runs, or has buried."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        seconds[pid] = sum(map(int, fields[11:15])) / TICKS
    names = {pid: name for name, pid in roots.items()}
    spent = dict.fromkeys(roots, 0.0)
    for pid, own in seconds.items():
        above = pid
        while above and above not in names:
            above = parents.get(above, 0)
        if above:
            spent[names[above]] += own
    return spent
