"""Makes `.venv` from the hashed locks: by uv, out of its own wheel when the machine has none, else by pip.

Nothing is installed that a lock does not name with its hash, and only wheels, so that no package's code runs
on the way.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from devtools.long import run_long
from devtools.paths import ROOT, VENV, VENV_PYTHON
from devtools.say import Trouble, say, step

REQUIREMENTS = ROOT / "requirements"
STAMP = VENV / ".stamp"
# Each lock holds the pins of those before it, so whoever has the later has the earlier.
LOCKS = ("image", "local", "dev")
# uv does not read pip's settings; a machine that has its own index set for pip means it for us too.
FROM_PIP = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
HASHED = ("--require-hashes", "--only-binary", ":all:")


def ensure(lock: str) -> Path:
    """Answer .venv's python with the packages of requirements/<lock>.lock; at once when they are there."""
    wanted = LOCKS[: LOCKS.index(lock) + 1]
    have = _stamp()
    if VENV_PYTHON.exists() and all(have.get(name) == _fingerprint(name) for name in wanted):
        return VENV_PYTHON
    with step(f"Python packages of requirements/{lock}.lock into .venv"):
        _make()
        _install(REQUIREMENTS / f"{lock}.lock")
    STAMP.write_text(json.dumps({**have, **{name: _fingerprint(name) for name in wanted}}))
    return VENV_PYTHON


def _stamp() -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def _fingerprint(lock: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{lock}.lock").read_bytes() + sys.version.encode()).hexdigest()


def _run(*words: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(word) for word in words], text=True, check=False, **options)


def _make() -> None:
    """Make the environment, unless there is one whose python still runs and is new enough."""
    if VENV_PYTHON.exists():
        new_enough = "import sys; sys.exit(sys.version_info < (3, 11))"
        if _run(VENV_PYTHON, "-c", new_enough, capture_output=True).returncode == 0:
            return
        say("    .venv belongs to a Python that is gone or too old; making it anew")
        shutil.rmtree(VENV)
    made = None if shutil.which("uv") else _run(sys.executable, "-m", "venv", VENV, capture_output=True)
    if made is None or made.returncode:  # uv needs no pip; Debian without python3-venv has none to give
        made = _run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV, capture_output=True)
    if made.returncode:
        raise Trouble(
            f"Python could not make .venv; on Debian: apt-get install python3-venv.\n{made.stderr.strip()}"
        )


def _install(lock: Path) -> None:
    if uv := _uv():
        words = (uv, "pip", "install", "--compile-bytecode", "--python", VENV_PYTHON, *HASHED, "-r", lock)
        if run_long(words, "installing", environment={**_pip_settings(), **os.environ}) == 0:
            return
        say("    uv could not install it, trying pip")
    if run_long((*_pip(), "install", *HASHED, "-r", lock), "installing"):
        raise Trouble(
            f"The packages of {lock.relative_to(ROOT)} could not be installed; what pip said is above."
        )


def _uv() -> Path | None:
    """Answer uv: the machine's, else the one in .venv, installed there from its own wheel."""
    if uv := shutil.which("uv"):
        return Path(uv)
    carried = VENV / "bin" / "uv"
    if not carried.exists():
        _run(*_pip(), "install", *HASHED, "-r", REQUIREMENTS / "uv.lock.txt", capture_output=True)
    return carried if carried.exists() else None


def _pip() -> list[str]:
    """Answer the command line of pip for .venv: its own, else that of the Python we run on."""
    for pip in ([str(VENV_PYTHON), "-m", "pip"], [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON)]):
        if _run(*pip, "--version", capture_output=True).returncode == 0:
            return [*pip, "--disable-pip-version-check"]
    raise Trouble("There is neither uv nor pip: on Debian, apt-get install python3-venv.")


def _pip_settings() -> dict[str, str]:
    listed = _run(sys.executable, "-m", "pip", "config", "list", capture_output=True)
    found = {name: re.search(rf"\.{name}='(.+)'", listed.stdout) for name in FROM_PIP}
    return {FROM_PIP[name]: match[1] for name, match in found.items() if match}
