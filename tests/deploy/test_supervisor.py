"""The supervisor of ./dev up: what dies is started again, what cannot live ends all, nothing is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.paths import ROOT
from devtools.process import birth

SERVES = "import time; print('at work', flush=True); time.sleep(600)"
DIES = "import sys; sys.exit('no room left')"
SUPERVISE = """
import sys
from pathlib import Path
from devtools import record, supervisor
from devtools.process import Program, tail
from devtools.say import Trouble, say

folder, code = Path(sys.argv[1]), sys.argv[2]
record.FILE = folder / "processes.json"
supervisor.BACK_OFF_SECONDS = (0.01, 0.01, 0.01)
log = folder / "it.log"

def ready(_pid):
    return "at work" in "".join(tail(log))

program = Program(name="it", command=[sys.executable, "-c", code], log=log, ready=ready)
try:
    with supervisor.Supervisor() as watcher:
        watcher.start(program, health="")
        if "at work" in code:
            watcher.wait()
        watcher.ready()
        say("up " + str(watcher.charges[0].process.pid))
        watcher.watch()
except supervisor.StopAsked:
    say("stopped")
except Trouble as trouble:
    sys.exit(str(trouble))
"""


class Supervised:
    """A supervisor in a process of its own, with what it says."""

    def __init__(self, folder: Path, code: str) -> None:
        self.record = folder / "processes.json"
        self.child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", SUPERVISE, str(folder), code],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def line(self, beginning: str) -> str:
        """Answer the next line that begins so."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if line.startswith(beginning):
                return line.strip()
        raise AssertionError(f"it never said '{beginning}'")

    def end(self) -> None:
        """Kill it, if it still runs."""
        self.child.kill()
        self.child.communicate()


@pytest.fixture
def well(tmp_path: Path) -> Iterator[Supervised]:
    """Supervise a process that is well."""
    supervised = Supervised(tmp_path, SERVES)
    yield supervised
    supervised.end()


def gone(pid: int) -> bool:
    """Answer whether a process is gone, waiting a little for it."""
    deadline = time.monotonic() + 120
    while birth(pid) is not None and time.monotonic() < deadline:
        pass
    return birth(pid) is None


def test_a_process_that_is_killed_is_started_again(well: Supervised) -> None:
    pid = int(well.line("up").split()[1])

    os.kill(pid, signal.SIGKILL)

    assert "was ended by SIGKILL" in well.line("it was ended")
    assert well.line("it serves again")
    assert birth(pid) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_leaves_nothing(well: Supervised, number: signal.Signals) -> None:
    pid = int(well.line("up").split()[1])
    assert well.record.exists()

    well.child.send_signal(number)

    assert well.line("stopped")
    assert well.child.wait() == 0
    assert gone(pid)
    assert not well.record.exists()


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel ends children with their parent on Linux only"
)
def test_killed_itself_it_leaves_nothing_running(well: Supervised) -> None:
    pid = int(well.line("up").split()[1])

    well.child.kill()

    assert gone(pid)


def test_what_cannot_live_ends_the_whole_with_the_reason(tmp_path: Path) -> None:
    sick = Supervised(tmp_path, DIES)

    said = sick.child.communicate()[0]

    assert sick.child.returncode == 1
    assert said.count("Starting it again") == 3
    assert "it cannot be kept running" in said
    assert said.rstrip().endswith("no room left")
