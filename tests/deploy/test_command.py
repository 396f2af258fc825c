"""The command line of ./dev: what it answers, without anything running."""

import ast
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT

# These run by .venv's python, which has more than the standard library.
INSIDE = {"inside.py", "fetch_temporal.py", "pictures.py", "token.py"}
COMMANDS = (
    "up",
    "down",
    "status",
    "logs",
    "test",
    "check",
    "bench",
    "demo",
    "token",
    "features",
    "lock",
    "vendor",
)


def dev(
    *words: str, beside: str = "test-command", told_to: int = subprocess.PIPE
) -> "subprocess.CompletedProcess[str]":
    """Run ./dev as a person would, on a state of its own; what it says comes back, or goes `told_to`."""
    environment = {**os.environ, "HOLDFAST_BESIDE": beside}
    command = [sys.executable, str(ROOT / "dev"), *words]
    return subprocess.run(  # noqa: S603
        command, stdout=told_to, stderr=subprocess.PIPE, text=True, env=environment, check=False
    )


@pytest.mark.parametrize("words", [(), ("help",), ("--help",)])
def test_help_names_every_command(words: tuple[str, ...]) -> None:
    done = dev(*words)

    assert done.returncode == 0
    assert [command for command in COMMANDS if f"\n    {command} " not in done.stdout] == []


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (("stauts",), "did you mean `./dev status`?"),
        (("frobnicate",), "`./dev help` lists"),
        (("up", "--deatch"), "see `./dev up --help`"),
        (("status", "now"), "see `./dev status --help`"),
        (("token",), "--role; see `./dev token --help`"),
        (("logs", "--lines", "many"), "see `./dev logs --help`"),
        (("logs", "--lines", "-3"), "see `./dev logs --help`"),
        (("demo", "3ds", "--provider", "cash"), "is told over stripe or adyen; see `./dev demo --help`"),
        (("demo", "paid", "--provider", "visa"), "there is no provider 'visa'; see `./dev demo --help`"),
        (("bench", "nosuch"), "there is no benchmark 'nosuch'; see `./dev bench --help`"),
        (("demo", "happy"), "there is no story 'happy'; see `./dev demo --help`"),
    ],
)
def test_a_mistake_gets_one_sentence_and_the_way_out(words: tuple[str, ...], way_out: str) -> None:
    done = dev(*words)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("./dev: ")
    assert way_out in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("help",), ("status",), ("up", "--help"), ("bench", "--help")])
def test_a_reader_who_goes_away_is_no_mistake(words: tuple[str, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)

    done = dev(*words, told_to=writes)

    os.close(writes)
    assert done.stderr == ""


def test_who_is_not_heard_any_more_is_told_once_and_can_end_in_order() -> None:
    """So the supervisor of `./dev up | head` still stops what it started, though it says so to nobody."""
    program = """
from devtools.say import say
try:
    say("somebody?")
except BrokenPipeError:
    say("nobody")
    raise SystemExit(7)
"""
    reads, writes = os.pipe()
    os.close(reads)

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=writes, check=False)  # noqa: S603

    os.close(writes)
    assert done.returncode == 7


def test_nothing_runs_where_nothing_was_started() -> None:
    assert json.loads(dev("status", "--json").stdout) == {"processes": []}
    assert "Nothing runs here" in dev("status").stdout
    assert "Nothing runs here" in dev("down").stdout


@pytest.mark.parametrize("command", [("demo",), ("token", "--role", "admin")])
def test_what_needs_the_stack_says_how_to_start_it(command: tuple[str, ...]) -> None:
    done = dev(*command)

    assert done.returncode == 1
    assert "`./dev up`" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_log_is_answered_with_those_there_are() -> None:
    assert "There is no log 'nix'" in dev("logs", "nix").stderr


def test_a_second_up_says_that_the_stack_is_up() -> None:
    state = ROOT / ".holdfast" / "test-lock"
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        done = dev("up", beside="test-lock")

    shutil.rmtree(state)
    assert done.returncode == 1
    assert "is up already" in done.stderr


def test_dev_is_understood_by_pythons_that_are_too_old_for_it() -> None:
    ast.parse((ROOT / "dev").read_text(), feature_version=(3, 8))


def test_dev_needs_nothing_but_the_standard_library() -> None:
    for file in (ROOT / "dev", *(ROOT / "devtools").glob("*.py")):
        if file.name not in INSIDE:
            assert imported(file) - sys.stdlib_module_names - {"devtools"} == set(), file.name


def imported(file: Path) -> set[str]:
    """Answer the packages that a file imports anywhere in it."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}
