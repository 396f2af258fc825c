"""The commands of `./dev` that set things up and then hand over to a program in .venv."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence

from devtools import choice, dotenv
from devtools.paths import ROOT, VENV
from devtools.say import Trouble, say
from devtools.temporal import find_binary
from devtools.venv import ensure

CHECKS = (  # cheapest first
    ("ruff", "check", "--quiet", "--output-format=concise", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("lint-imports",),
    ("deptry", "."),
    ("mypy",),
)


def test(arguments: Sequence[str], *, everything: bool) -> int:
    """Bring all that the tests need, then run pytest; its fixtures start the servers, on free ports."""
    ensure("dev")
    find_binary()  # here, where building one shows its progress
    environment = _without_the_stack()
    if everything:
        environment["HOLDFAST_TEST_ALL"] = "1"
    return _become(["-m", "pytest", *arguments], environment)


def check() -> int:
    """Run the checks, cheapest first; the exit status of the first that fails."""
    ensure("dev")
    for name, *options in CHECKS:
        begun = time.monotonic()
        done = subprocess.run([VENV / "bin" / name, *options], cwd=ROOT, check=False)
        command = " ".join((name, *(word for word in options if word[0] not in "-.")))
        if done.returncode:
            raise Trouble(f"`{command}` found something; see above.")
        say(f"  {command}: fine ({time.monotonic() - begun:.1f} s)")
    return 0


def token(role: str, tenant: str | None) -> int:
    """Print a signed bearer token of the running stack."""
    return on_the_stack("devtools.token", ["--role", role, *(["--tenant", tenant] if tenant else [])])


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks; they bring up a fresh stack of their own beside whatever runs."""
    ensure("local")
    return _become(["-m", "bench", *arguments], _without_the_stack())


def on_the_stack(module: str, arguments: Sequence[str]) -> int:
    """Run a module of ours with the settings of the stack that `up` has written."""
    settings = choice.load()
    ensure("local")
    return _become(["-m", module, *arguments], {**os.environ, **settings})


def _without_the_stack() -> dict[str, str]:
    """Answer our environment without what a shell has loaded from `.holdfast/env`: who has servers of its own
    must not meet the stack's.
    """
    running = dotenv.read(choice.FILE)
    return {name: value for name, value in os.environ.items() if running.get(name) != value}


def _become(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run .venv's python in our place, so that signals and the exit status are its own."""
    python = str(VENV / "bin" / "python")
    os.chdir(ROOT)
    os.execve(python, [python, *words], environment)
