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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BESIDE = "bench"
STATE = ROOT / ".holdfast" / BESIDE
DEV = [sys.executable, str(ROOT / "dev")]


@dataclass
class Stack:
    """A running stack: its settings, its demo catalogue, and how long it took to come up (seconds)."""

    settings: dict[str, str]
    catalogue: dict[str, Any]
    up_seconds: float

    @property
    def api(self) -> str:
        """The front door's address."""
        return f"http://127.0.0.1:{self.settings['API_PORT']}"

    def pid(self, name: str) -> int:
        """Give the pid of a process of the stack."""
        listed = json.loads(_dev("status", "--json"))["processes"]
        return next(int(process["pid"]) for process in listed if process["name"] == name)

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

    def cpu_seconds(self, *names: str) -> float:
        """Add up the CPU that processes of ours have used so far, with their children."""
        return sum(_cpu_seconds(self.pid(name)) for name in names)


@contextmanager
def fresh() -> Iterator[Stack]:
    """Bring up a stack with empty data, and take it down again."""
    _dev("down")
    clear()
    begun = time.monotonic()
    _dev("up", "--detach", "--no-demo")
    try:
        yield Stack(_settings(), json.loads((STATE / "demo.json").read_text()), time.monotonic() - begun)
    finally:
        _dev("down")
        clear()


def clear() -> None:
    """Remove what a stack wrote, also where PostgreSQL keeps its data when it may not run as root."""
    elsewhere = STATE / "id"
    if elsewhere.exists():
        shutil.rmtree(Path("/var/lib/holdfast") / elsewhere.read_text().strip(), ignore_errors=True)
    shutil.rmtree(STATE, ignore_errors=True)


def _dev(*words: str) -> str:
    done = subprocess.run(
        [*DEV, *words],
        env={**os.environ, "HOLDFAST_BESIDE": BESIDE},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode and words[0] != "down":
        sys.exit(f"`./dev {' '.join(words)}` failed for the benchmark's stack:\n{done.stdout}")
    return done.stdout


def _settings() -> dict[str, str]:
    told = subprocess.run(
        ["bash", "-c", f"set -a; . {STATE / 'env'}; env -0"],
        env={},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(pair.split("=", 1) for pair in told.stdout.split("\0") if "=" in pair)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
