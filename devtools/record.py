"""The file `.holdfast/processes.json`: who runs here, so that another command finds these and no others."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from devtools.paths import STATE
from devtools.process import birth

FILE = STATE / "processes.json"
SUPERVISOR = "dev"
POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A process that `up` started, or a server it was given (pid 0). `health` is what `status` asks."""

    name: str
    pid: int
    born: str | None
    url: str
    health: str
    stop_signal: int = signal.SIGTERM

    def lives(self) -> bool:
        """Answer whether this very process still runs, not a stranger with its pid."""
        return self.pid != 0 and self.born is not None and birth(self.pid) == self.born


@dataclass
class Record:
    """What `up` writes after each change; `ready` once everything serves."""

    entries: list[Entry] = field(default_factory=list)
    ready: bool = False

    def put(self, entry: Entry) -> None:
        """Note a process, in the place of an earlier one of the same name, and write the file."""
        names = [known.name for known in self.entries]
        if entry.name in names:
            self.entries[names.index(entry.name)] = entry
        else:
            self.entries.append(entry)
        self.write()

    def write(self) -> None:
        """Write the file; a reader sees the old one or the new one, whole."""
        fresh = FILE.with_suffix(f".{os.getpid()}")
        fresh.write_text(
            json.dumps({"ready": self.ready, "entries": [asdict(entry) for entry in self.entries]})
        )
        fresh.replace(FILE)

    def supervisor(self) -> Entry | None:
        """Answer the running `./dev up`, if there is one."""
        return next((entry for entry in self.entries if entry.name == SUPERVISOR and entry.lives()), None)


def read() -> Record:
    """Answer what the last `up` noted; empty when there was none."""
    try:
        noted: dict[str, Any] = json.loads(FILE.read_text())
    except (OSError, ValueError):
        return Record()
    return Record([Entry(**entry) for entry in noted["entries"]], noted["ready"])


def forget() -> None:
    """Remove the file: nothing runs any more."""
    FILE.unlink(missing_ok=True)


def end(entries: list[Entry], patience_seconds: float = 20) -> None:
    """Stop processes that are not our children, one after the other; those that do not listen are killed."""
    for entry in entries:
        if not entry.lives():
            continue
        os.kill(entry.pid, entry.stop_signal)
        if not _gone(entry, patience_seconds) and entry.lives():
            os.kill(entry.pid, signal.SIGKILL)
            _gone(entry, patience_seconds)


def _gone(entry: Entry, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while entry.lives() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return not entry.lives()
