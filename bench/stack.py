"""A fresh stack for one benchmark, brought up by `./dev` itself in a folder of its own, and taken down with
everything it wrote.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from devtools.health import is_well

ROOT = Path(__file__).resolve().parent.parent
DEV = [sys.executable, str(ROOT / "dev")]


@dataclass(frozen=True)
class Place:
    """Where a stack lives beside others, and what it is told in place of the default settings."""

    name: str = "bench"
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The folder of what it writes."""
        return ROOT / ".holdfast" / self.name

    def dev(self, *words: str) -> str:
        """Run `./dev` here, and give what it printed; the end, where it fails."""
        done = subprocess.run(
            [*DEV, *words],
            env={**os.environ, **self.told, "HOLDFAST_BESIDE": self.name},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode and words[0] != "down":
            sys.exit(f"`./dev {' '.join(words)}` failed for the benchmark's stack:\n{done.stdout}")
        return done.stdout

    def up(self) -> None:
        """Bring everything up, anew or again."""
        self.dev("up", "--detach", "--no-demo")

    def entries(self) -> list[dict[str, Any]]:
        """List what runs here with pid and health, the supervisor first."""
        noted: list[dict[str, Any]] = json.loads((self.state / "processes.json").read_text())["entries"]
        return noted

    def settings(self) -> dict[str, str]:
        """Read the settings that `up` has written."""
        told = subprocess.run(
            ["bash", "-c", f"set -a; . {self.state / 'env'}; env -0"],
            env={},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return dict(pair.split("=", 1) for pair in told.stdout.split("\0") if "=" in pair)

    def clear(self) -> None:
        """Remove what a stack wrote, also where PostgreSQL keeps its data when it may not run as root."""
        elsewhere = self.state / "id"
        if elsewhere.exists():
            shutil.rmtree(Path("/var/lib/holdfast") / elsewhere.read_text().strip(), ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)


@dataclass
class Stack:
    """A running stack: its settings, its demo catalogue, and how long it took to come up (seconds)."""

    place: Place
    settings: dict[str, str]
    catalogue: dict[str, Any]
    up_seconds: float

    @property
    def api(self) -> str:
        """The front door's address."""
        return f"http://127.0.0.1:{self.settings['API_PORT']}"

    def pid(self, name: str) -> int:
        """Give the pid of a process of the stack."""
        return int(self._entry(name)["pid"])

    def serves(self, name: str) -> bool:
        """Say whether a process of the stack runs and answers."""
        return is_well(self._entry(name)["health"])

    def kill(self, name: str) -> None:
        """End a process at once; the supervisor starts it again."""
        os.kill(self.pid(name), signal.SIGKILL)

    def kill_everything(self) -> None:
        """End everything at once, the supervisor first: nobody starts anything again."""
        for entry in self.place.entries():
            os.kill(entry["pid"], signal.SIGKILL)

    def _entry(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self.place.entries() if entry["name"] == name)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Stop a process where it stands (it neither works nor dies, so nobody restarts it) and let it go on
        afterwards.
        """
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


async def as_owner(stack: Stack, statement: str) -> None:
    """Run a statement as the owner of the schema."""
    connection = await asyncpg.connect(stack.settings["DATABASE_URL"])
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def analyzed(stack: Stack) -> None:
    """Give the database the statistics that one which has run for a minute has by itself: without any it may
    take an index that leads to all rows of a tenant for the one that leads to a row.
    """
    await as_owner(stack, "analyze")


@contextmanager
def fresh(name: str = "bench", **told: str) -> Iterator[Stack]:
    """Bring up a stack with empty data, `told` these settings, and take it down again.

    It logs as in production: lines for a person at a terminal cost twice as much.
    """
    place = Place(name, {"HOLDFAST_ENV": "staging", **told})
    place.dev("down")
    place.clear()
    begun = time.monotonic()
    place.up()
    try:
        yield Stack(
            place,
            place.settings(),
            json.loads((place.state / "demo.json").read_text()),
            time.monotonic() - begun,
        )
    finally:
        place.dev("down")
        place.clear()
