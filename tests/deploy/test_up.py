"""`./dev up` as a newcomer meets it, beside whatever runs: the whole stack, used, killed, and back again."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from devtools import dotenv
from devtools.process import birth
from devtools.stories import TITLES
from tests.deploy.compose import ROOT
from tests.support.wait import PATIENCE_SECONDS

pytestmark = pytest.mark.xdist_group("up")  # one stack, brought up once

BESIDE = f"test-up-{os.getpid()}"
STATE = ROOT / ".holdfast" / BESIDE
STACK = ["postgres", "temporal", "sandbox", "api", "worker"]


def dev(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run ./dev; what a shell has loaded of another stack does not count."""
    running = dotenv.read(ROOT / ".holdfast" / "env")
    environment = {name: value for name, value in os.environ.items() if running.get(name) != value}
    command = [sys.executable, str(ROOT / "dev"), *words]
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, env={**environment, "HOLDFAST_BESIDE": BESIDE}, check=False
    )


def processes() -> list[dict[str, Any]]:
    """Answer what `./dev status --json` says."""
    told = json.loads(dev("status", "--json").stdout)
    assert list(told) == ["processes"]
    found: list[dict[str, Any]] = told["processes"]
    return found


def all_well() -> list[dict[str, Any]]:
    """Ask until all that runs is well: a machine that stands still for seconds answers late."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    found = processes()
    while not all(process["healthy"] for process in found):
        assert time.monotonic() < deadline, found
        found = processes()
    return found


def everybody() -> list[int]:
    """Answer the pids of all that runs, the supervisor first."""
    noted = json.loads((STATE / "processes.json").read_text())
    return [entry["pid"] for entry in noted["entries"]]


@pytest.fixture(scope="module")
def stack() -> Iterator[str]:
    """Bring the stack up; gives what was said."""
    done = dev("up", "--detach")
    yield done.stdout + done.stderr
    dev("down")
    shutil.rmtree(STATE)


def test_up_ends_in_a_booking_that_was_paid_and_says_where_everything_is(stack: str) -> None:
    assert "✔ paid: BK-" in stack
    assert "in the Temporal Web UI" in stack
    for what in ("Front page", "API documentation", "Temporal Web UI", "Mailbox"):
        assert f"\n  {what}  " in stack
    assert "Ready, in the background" in stack
    assert "Ctrl-C" not in stack


def test_status_tells_what_runs_and_that_it_is_well(stack: str) -> None:
    found = all_well()

    assert [process["name"] for process in found] == STACK
    assert all(list(process) == ["name", "pid", "url", "healthy"] for process in found)
    assert all(birth(process["pid"]) for process in found)


def test_status_says_where_everything_is(stack: str) -> None:
    told = dev("status").stdout

    for what in ("Front page", "Temporal Web UI", "Mailbox"):
        assert f"\n  {what}  " in told


def test_settings_are_for_us_alone_and_every_process_has_a_log(stack: str) -> None:
    assert stat.S_IMODE((STATE / "env").stat().st_mode) == 0o600
    assert {f"{name}.log" for name in STACK} <= {file.name for file in (STATE / "logs").iterdir()}
    assert dev("logs", "sandbox", "--no-follow").stdout


def test_a_token_opens_the_api(stack: str) -> None:
    token = dev("token", "--role", "organizer").stdout.strip()

    assert token.count(".") == 2
    assert dev("token", "--role", "king").stderr.startswith("./dev: There is no role 'king'")


def test_a_tenant_that_is_none_gets_one_sentence(stack: str) -> None:
    done = dev("token", "--role", "organizer", "--tenant", "lanternhouse")

    assert done.returncode == 1
    assert done.stderr.startswith("./dev: 'lanternhouse' is no tenant's id")
    assert len(done.stderr.splitlines()) == 1


QUICK = (
    "declined",
    "3ds",
    "cancelled",
    "double-paid",
    "late-refunded",
    "refund",
    "deposit",
    "debit",
    "partner-refused",
    "payment-link",
)


def test_each_story_ends_with_a_verdict(stack: str) -> None:
    done = dev("demo", *QUICK)

    assert done.returncode == 0, done.stdout
    verdicts = re.findall(r"^✔ (.+): BK-", done.stdout, re.MULTILINE)
    assert verdicts == list(QUICK)


def test_help_names_every_story() -> None:
    told = dev("demo", "--help").stdout

    assert [name for name in TITLES if f"\n  {name} " not in told] == []


def test_everything_killed_at_once_comes_back(stack: str) -> None:
    before = (STATE / "env").read_text()
    for pid in everybody():
        os.kill(pid, signal.SIGKILL)

    done = dev("up", "--detach", "--no-demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(all_well()) == len(STACK)
    assert (STATE / "env").read_text() == before  # the same ports and secrets
    assert dev("demo", "paid").returncode == 0


def test_down_leaves_nothing(stack: str) -> None:
    pids = everybody()

    done = dev("down")

    assert done.returncode == 0
    assert [pid for pid in pids if birth(pid)] == []
    assert processes() == []
