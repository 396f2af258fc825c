"""No secret lies in the tree: whoever starts the stack makes the keys, and they come from its environment."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What live credentials look like. Test keys of the sandbox are no secrets.
SECRETS = re.compile(
    r"(?:sk|rk)_live_[0-9A-Za-z]{16,}"
    r"|-----BEGIN (?:RSA |EC )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40,}"
    r"|SG\.[\w-]{22}\.[\w-]{43}"
    r"|AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}|xox[baprs]-[0-9A-Za-z-]{10,}"
)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git the developer has
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def found_in(text: str) -> list[str]:
    return SECRETS.findall(text)


@pytest.mark.row("SEC-07", partly="the start-up validation is proved with the settings")
def test_no_tracked_file_holds_a_secret() -> None:
    holding = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if found_in(path.read_bytes().decode(errors="replace"))
    ]

    assert holding == []


def test_the_scanner_sees_a_secret_when_there_is_one() -> None:
    assert found_in("key = " + "sk_" + "live_" + "0123456789abcdefghij")
