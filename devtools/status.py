"""`./dev status`, `./dev down`, `./dev logs`: what looks at a running stack from outside, or ends it."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

from devtools import choice, record
from devtools.health import healthy
from devtools.paths import LOGS, ROOT
from devtools.process import tail
from devtools.record import SUPERVISOR, Entry
from devtools.say import Trouble, say

FOLLOW_SECONDS = 0.2


def status(*, as_json: bool) -> None:
    """Print what runs where and whether it is well."""
    entries = [entry for entry in record.read().entries if entry.name != SUPERVISOR and _is_there(entry)]
    rows = [
        {"name": entry.name, "pid": entry.pid or None, "url": entry.url, "healthy": healthy(entry)}
        for entry in entries
    ]
    if as_json:
        say(json.dumps({"processes": rows}))
        return
    if not rows:
        say("Nothing runs here; `./dev up` starts the stack.")
    for row in rows:
        well = "healthy" if row["healthy"] else "NOT HEALTHY"
        say(f"  {row['name']:10} {row['pid'] or 'given':>8}  {well:12} {row['url']}")
    noted = record.read()
    if noted.ready and noted.supervisor():
        say()
        say_where(choice.load())


def say_where(settings: Mapping[str, str]) -> None:
    """Say what a person may open, and where."""
    for what, where in (
        ("Front page", settings["API_URL"]),
        ("API documentation", f"{settings['API_URL']}/docs"),
        ("Temporal Web UI", settings["TEMPORAL_UI_URL"]),
        ("Mailbox", f"{settings['SANDBOX_URL']}/mailbox"),
        ("Settings for other programs", str(choice.FILE.relative_to(ROOT))),
    ):
        say(f"  {what:28} {where}")


def _is_there(entry: Entry) -> bool:
    """Answer whether the entry says something: of a stack that was killed only what still runs does."""
    return entry.lives() or record.read().supervisor() is not None


def down() -> None:
    """Stop what `up` started: the supervisor, which stops the rest, then whatever should be left over."""
    noted = record.read()
    running = [entry for entry in reversed(noted.entries) if entry.lives()]
    if not running:
        say("Nothing runs here.")
        return
    say("Stopping " + ", ".join(entry.name for entry in running if entry.name != SUPERVISOR) + " …")
    if supervisor := noted.supervisor():
        record.end([supervisor], patience_seconds=90)
    record.end(running)
    record.forget()
    say("Stopped.")


def logs(name: str | None, *, follow: bool, lines: int) -> None:
    """Print the end of one log, or of all with their names in front, and follow them until Ctrl-C."""
    known = {file.stem: file for file in sorted(LOGS.glob("*.log"))}
    if name and name not in known:
        there = ", ".join(known) or "none yet: start the stack with `./dev up`"
        raise Trouble(f"There is no log '{name}'; there are: {there}.")
    chosen = {name: known[name]} if name else known
    width = max(map(len, chosen), default=0)
    read_to = {
        label: _print_end(label if not name else "", file, lines, width) for label, file in chosen.items()
    }
    while follow:
        for label, file in chosen.items():
            read_to[label] = _print_from(label if not name else "", file, read_to[label], width)
        time.sleep(FOLLOW_SECONDS)


def _print_end(label: str, file: Path, lines: int, width: int) -> int:
    size = file.stat().st_size
    for line in tail(file, lines):
        _print_line(label, line, width)
    return size


def _print_from(label: str, file: Path, position: int, width: int) -> int:
    """Print the whole lines after `position`; answer where they end. A log that was put aside begins anew."""
    if not file.exists() or file.stat().st_size == position:
        return position
    with file.open("rb") as log:
        log.seek(position if position < file.stat().st_size else 0)
        text = log.read()
        whole = text.rfind(b"\n") + 1
        for line in text[:whole].decode(errors="replace").splitlines():
            _print_line(label, line, width)
        return log.tell() - len(text) + whole


def _print_line(label: str, line: str, width: int) -> None:
    say(f"{label:{width}} │ {line}" if label else line)
