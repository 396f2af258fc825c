"""The file `.holdfast/env`: one `NAME=value` a line, readable by shells and by every dotenv library."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

BARE = re.compile(r"[\w@%+=:,./-]*")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "$": "\\$", "`": "\\`"}


def read(file: Path) -> dict[str, str]:
    """Answer what `write` has written to `file`; nothing when it does not exist."""
    if not file.exists():
        return {}
    lines = (line.partition("=") for line in file.read_text().splitlines() if line and line[0] != "#")
    return {name: _plain(value) for name, _, value in lines}


def write(file: Path, values: Mapping[str, str], *, heading: str) -> None:
    """Write `values` for the eyes of this account alone; a reader sees the old file or the new one, whole."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    text = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write("".join(f"# {line}\n" for line in heading.splitlines()) + text)
    fresh.replace(file)


def _quoted(value: str) -> str:
    if BARE.fullmatch(value):
        return value
    return '"' + "".join(ESCAPES.get(letter, letter) for letter in value) + '"'


def _plain(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value[1:-1])
