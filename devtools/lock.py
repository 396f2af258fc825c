"""Writes the hashed locks of requirements/ from pyproject.toml: what we run on, never where it came from."""

import subprocess
from pathlib import Path

from devtools.paths import ROOT, VENV
from devtools.say import Trouble, step

FLAGS = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet")
# Each lock is held to the pins of the one before it.
LOCKS: dict[str, tuple[str, ...]] = {
    "image.lock": ("pyproject.toml",),
    "local.lock": ("pyproject.toml", "--extra", "local", "-c", "requirements/image.lock"),
    "dev.lock": ("pyproject.toml", "--extra", "local", "--group", "dev", "-c", "requirements/local.lock"),
    "uv.lock.txt": ("requirements/uv.in",),
}


def lock(*, upgrade: bool) -> None:
    """Write all locks; pins stay as they are where they still fit, unless `upgrade`."""
    for name, what in LOCKS.items():
        with step(f"requirements/{name}"):
            _compile(Path("requirements") / name, [*what, *(["--upgrade"] if upgrade else [])])


def _compile(target: Path, what: list[str]) -> None:
    command = [str(VENV / "bin" / "uv"), "pip", "compile", *what, *FLAGS, "-o", str(target)]
    if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
        raise Trouble(f"{target} could not be written; what uv said is above.")
    if "://" in (ROOT / target).read_text():
        raise Trouble(f"{target} holds an address; remove the index from your uv settings and start again.")
