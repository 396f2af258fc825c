"""The Temporal server for development and tests: found or brought, started, stopped.

Found in this order: `temporal` on PATH, the binary in the user's cache folder, the download of Temporal's own
SDK into that folder, `go install` into that folder (minutes, once). With TEMPORAL_ADDRESS none is needed.
"""

import fcntl
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devtools.long import run_long
from devtools.paths import VENV_PYTHON, cache
from devtools.process import Process, Program
from devtools.say import Trouble, say

SOURCE = "github.com/temporalio/cli/cmd/temporal@v1.5.1"  # the newest that `go install` accepts
DOWNLOAD_SECONDS = 180
SEARCH_ATTRIBUTES = {
    "TenantId": "Keyword",
    "OfferId": "Keyword",
    "BookingReference": "Keyword",
    "BookingStatus": "Keyword",
    "NeedsAttention": "Bool",
}
# Measured: without the first a saga of 15 hops takes 750 ms instead of 135. Without the next two thousands of
# timers that fire at once wait for SQLite and its one connection, miss their deadlines and come again, until
# hardly anything gets through: of 4,000 runs 47 instead of 440 (with 4 timers) went on in the first 50 s.
QUICK_HOPS = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorSchedulerWorkerCount=12",
    "history.transferProcessorSchedulerWorkerCount=8",
    # Measured: one server needs no partitions of its queues, and a quarter less CPU without.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    # Measured: a queue goes through all that it did since its last checkpoint whenever something comes in,
    # which in the thirty seconds that are the rule grows to a third of what a booking costs the server.
    'history.transferProcessorUpdateAckInterval="1s"',
    'history.visibilityProcessorUpdateAckInterval="1s"',
    # A step on its workflow's own queue rides on the task that asks for it: three calls and one write less.
    "system.enableActivityEagerExecution=true",
)
# For tests only: timers fire within 50 ms instead of a second.
QUICK_TIMERS = (*QUICK_HOPS, 'history.timerProcessorMaxTimeShift="50ms"')


class Temporal:
    """One development server.

    Its state is the file `database` (and is kept), or memory when that is None. Its pages ask `codec` to open
    sealed payloads.
    """

    def __init__(
        self,
        *,
        log: Path,
        port: int,
        http_port: int,
        ui_port: int | None = None,
        database: Path | None = None,
        dynamic: Sequence[str] = QUICK_HOPS,
        binary: Path | None = None,
        codec: str | None = None,
    ) -> None:
        self.port, self.http_port, self.ui_port = port, http_port, ui_port
        self.log, self.database, self.dynamic, self.codec = log, database, dynamic, codec
        self.binary = binary or find_binary()
        self.process = Process(self.program())

    @property
    def address(self) -> str:
        """Answer what clients connect to."""
        return f"127.0.0.1:{self.port}"

    @property
    def health(self) -> str:
        """Answer the address that answers with status 200 once the server does its work."""
        return f"http://127.0.0.1:{self.http_port}/api/v1/namespaces/default/search-attributes"

    def program(self) -> Program:
        """Answer what is to run."""
        return Program(
            name="temporal",
            command=[self.binary, *self._arguments()],
            log=self.log,
            ready=self.is_ready,
            url=self.address,
        )

    def _arguments(self) -> Iterator[str]:
        yield from (
            "server",
            "start-dev",
            "--ip",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--http-port",
            str(self.http_port),
        )
        yield from ("--log-level", "warn")
        yield from ("--headless",) if self.ui_port is None else ("--ui-port", str(self.ui_port))
        if self.codec:
            yield from ("--ui-codec-endpoint", self.codec)
        if self.database:
            yield from ("--db-filename", str(self.database))
        for pragma in ("journal_mode=wal", "synchronous=normal"):  # measured: twice the rate
            yield from ("--sqlite-pragma", pragma)
        for name, kind in SEARCH_ATTRIBUTES.items():
            yield from ("--search-attribute", f"{name}={kind}")
        for value in self.dynamic:
            yield from ("--dynamic-config-value", value)

    def is_ready(self, _pid: int) -> bool:
        """Answer whether the server answers over HTTP, with our search attributes registered."""
        try:
            with urllib.request.urlopen(self.health, timeout=2) as answer:
                known: dict[str, str] = json.load(answer).get("customAttributes", {})
                return known.keys() >= SEARCH_ATTRIBUTES.keys()
        except (OSError, ValueError):
            return False

    def start(self) -> None:
        """Start the server and return when it answers."""
        if self.database:
            self.database.parent.mkdir(parents=True, exist_ok=True)
        self.process.start()
        self.process.wait_ready()

    def stop(self) -> None:
        """Stop the server; returns when it is gone."""
        self.process.stop()


def find_binary() -> Path:
    """Answer the path of a `temporal` program, brought into the user's cache when the machine has none."""
    if on_path := shutil.which("temporal"):
        return Path(on_path)
    cached = cache() / "temporal"
    if not cached.exists():
        with _alone(cache() / "temporal.lock"):
            if not cached.exists():  # another checkout may just have brought it
                _bring(cached)
    return cached


def _bring(cached: Path) -> None:
    if not (_download(cached) or _build(cached)):
        raise Trouble(
            "No Temporal server: the SDK could not download it and there is no Go to build it. "
            "Set TEMPORAL_ADDRESS, put `temporal` on PATH, or install Go and start again."
        )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _download(cached: Path) -> bool:
    """Have Temporal's SDK fetch the server it was tested with; False when it cannot."""
    if not VENV_PYTHON.exists():
        return False
    fetch = Path(__file__).with_name("fetch_temporal.py")
    say(f"  Temporal: asking its SDK to download the server (at most {DOWNLOAD_SECONDS} s) …")
    folder = cached.with_name(f"download.{os.getpid()}")
    folder.mkdir()
    try:
        status = run_long(
            # -P: our own folder, whose token.py is not the one that Python knows, stays off its path.
            [str(VENV_PYTHON), "-P", str(fetch), str(folder)],
            "downloading Temporal",
            seconds=DOWNLOAD_SECONDS,
        )
        found = [file for file in folder.iterdir() if os.access(file, os.X_OK) and file.is_file()]
        if status == 0 and found and _runs(found[0]):
            found[0].rename(cached)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return cached.exists()


def _build(cached: Path) -> bool:
    """Build the server with Go; False when there is no Go."""
    go = shutil.which("go")
    if not go:
        return False
    say("  Temporal: not downloadable here, building it with Go (3 to 6 minutes, once for all checkouts) …")
    folder = cached.with_name(f"build.{os.getpid()}")
    environment = {
        **os.environ,
        "GOBIN": str(folder),
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -buildvcs=false".strip(),
    }
    try:
        status = run_long([go, "install", "-v", SOURCE], "building Temporal", environment=environment)
        if status != 0:
            raise Trouble(f"`go install {SOURCE}` failed with status {status}; its last lines are above.")
        (folder / "temporal").rename(cached)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _runs(binary: Path) -> bool:
    return subprocess.run([binary, "--version"], capture_output=True, check=False).returncode == 0
