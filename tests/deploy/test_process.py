"""Child processes of ./dev, all real: started, watched, stopped, and never mistaken for a stranger."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devtools import record
from devtools.paths import ROOT
from devtools.process import Process, Program, birth, tail
from devtools.record import Entry
from devtools.say import Progress, Trouble

SLEEPS = "import time; print('at work', flush=True); time.sleep(600)"
DIES = "import sys; print('the disk is full'); sys.exit(3)"


def program(folder: Path, code: str, **more: object) -> Program:
    """Make a program that serves once its log says so."""
    log = folder / "it.log"
    settings = {"name": "it", "ready": lambda _pid: "at work" in "".join(tail(log)), **more}
    return Program(command=[sys.executable, "-c", code], log=log, **settings)  # type: ignore[arg-type]


def entry(process: Process, born: str | None) -> Entry:
    """Note a process."""
    return Entry(name="it", pid=process.pid, born=born, url="", health="")


def test_a_process_serves_and_is_stopped(tmp_path: Path) -> None:
    process = Process(program(tmp_path, SLEEPS))
    process.start()
    process.wait_ready()

    process.stop()
    process.stop()

    assert process.ended() == -signal.SIGTERM
    assert birth(process.pid) is None


def test_a_process_that_dies_is_named_with_its_last_lines(tmp_path: Path) -> None:
    process = Process(program(tmp_path, DIES))
    process.start()

    with pytest.raises(Trouble, match=r"(?s)^it ended with status 3\. .*the disk is full"):
        process.wait_ready()


def test_a_process_that_never_serves_is_stopped(tmp_path: Path) -> None:
    process = Process(program(tmp_path, SLEEPS, ready=lambda _pid: False, ready_seconds=0.2))
    process.start()

    with pytest.raises(Trouble, match="it does not serve after"):
        process.wait_ready()

    assert process.ended() is not None


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS
    process = Process(program(tmp_path, deaf, stop_seconds=0.2))
    process.start()
    process.wait_ready()

    process.stop()

    assert process.ended() == -signal.SIGKILL


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel ends children with their parent on Linux only"
)
def test_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from tests.deploy.test_process import SLEEPS, program
from devtools.process import Process
process = Process(program(Path({str(tmp_path)!r}), SLEEPS)); process.start(); process.wait_ready()
print(process.pid, flush=True); input()
"""
    parent = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    child = int(parent.stdout.readline())
    born = birth(child)
    assert born is not None

    parent.kill()
    parent.wait()
    orphan = Entry(name="it", pid=child, born=born, url="", health="")

    assert record._gone(orphan, seconds=120)
    parent.stdin.close()
    parent.stdout.close()


def test_a_stranger_with_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    process = Process(program(tmp_path, SLEEPS))
    process.start()
    process.wait_ready()

    record.end([entry(process, born="another boot:12345")])

    assert process.ended() is None
    process.stop()


def test_what_was_left_over_is_ended(tmp_path: Path) -> None:
    process = Process(program(tmp_path, SLEEPS))
    process.start()
    process.wait_ready()
    left = entry(process, born=birth(process.pid))
    assert left.lives()

    record.end([left])

    assert not left.lives()
    assert process.child is not None
    process.child.wait()


def test_a_zombie_counts_as_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        born = birth(child.pid)
        assert born is not None

        assert record._gone(Entry(name="it", pid=child.pid, born=born, url="", health=""), seconds=120)
        assert child.returncode is None  # nobody has asked for its status yet


def test_a_log_that_grew_too_large_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devtools.process.LOG_LIMIT_BYTES", 10)
    wanted = program(tmp_path, SLEEPS)
    wanted.log.write_text("x" * 11)
    process = Process(wanted)

    process.start()
    process.wait_ready()
    process.stop()

    assert wanted.log.with_suffix(".log.1").read_text() == "x" * 11
    assert tail(wanted.log) == ["at work"]


def test_a_line_of_progress_is_written_when_it_changes_and_wiped_in_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    progress = Progress()

    for text in ("building", "building", "testing"):
        progress.show(text)
    progress.end()

    said = capsys.readouterr().out
    assert (said.count("building"), said.count("testing")) == (1, 1)
    assert said.endswith("\r\033[K")


def test_what_was_killed_is_named_without_its_last_lines(tmp_path: Path) -> None:
    process = Process(program(tmp_path, SLEEPS))
    process.start()
    process.wait_ready()

    process.kill()

    assert process.obituary() == "it was ended by SIGKILL."
