"""One child process: started on a leash, watched until it serves, stopped for good."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.say import Progress, Trouble

LEASH = Path(__file__).with_name("leash.py")
POLL_SECONDS = 0.02
LOG_LIMIT_BYTES = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is to run, and how one sees that it serves (`ready` gets the pid, is quick, never raises)."""

    name: str
    command: Sequence[str | Path]
    log: Path
    ready: Callable[[int], bool]
    url: str = ""
    environment: Mapping[str, str] | None = None  # None: the caller's
    cwd: Path = Path("/")
    user: str | None = None  # as root: run as this account
    stop_signal: signal.Signals = signal.SIGTERM
    ready_seconds: float = 60
    stop_seconds: float = 15


class Process:
    """A program that was started. Start it from a thread that lives on: on Linux it ends with that thread."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program, its output appended to its log, apart from our terminal's Ctrl-C."""
        program = self.program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        keep_small(program.log)
        command = leashed(program.command, user=program.user, end_with=program.stop_signal)
        with program.log.open("ab") as log:
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.cwd,
                env=program.environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The pid of the running program; 0 before its start."""
        return self.child.pid if self.child else 0

    def ended(self) -> int | None:
        """Answer the exit status once the program has ended (minus the signal that ended it), else None."""
        return self.child.poll() if self.child else 0

    def is_ready(self) -> bool:
        """Answer whether the program runs and serves."""
        return self.ended() is None and self.program.ready(self.pid)

    def wait_ready(self) -> None:
        """Return once the program serves; Trouble with its last lines when it ends first or is too slow."""
        progress, deadline = Progress(), time.monotonic() + self.program.ready_seconds
        try:
            while not self.is_ready():
                if self.ended() is not None:
                    raise Trouble(self.obituary())
                if time.monotonic() > deadline:
                    self.stop()
                    late = f"{self.program.name} does not serve after {self.program.ready_seconds:.0f} s."
                    raise Trouble(f"{late} {self.last_lines()}")
                progress.show(f"waiting for {self.program.name}")
                time.sleep(POLL_SECONDS)
        finally:
            progress.end()

    def ask_to_stop(self) -> None:
        """Send the program its stop signal, if it still runs."""
        if self.child and self.child.poll() is None:
            self.child.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Ask the program to stop, and after its patience kill it. Returns when it is gone; repeatable."""
        if self.child is None:
            return
        self.ask_to_stop()
        try:
            self.child.wait(self.program.stop_seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def kill(self) -> None:
        """End the program at once, as a power cut would."""
        if self.child:
            self.child.kill()
            self.child.wait()

    def last_lines(self) -> str:
        """Answer where the log is and how it ends."""
        lines = tail(self.program.log)
        return f"Last lines of {self.program.log}:\n" + (
            "\n".join(f"    {line}" for line in lines) or "    (empty)"
        )

    def obituary(self) -> str:
        """Answer one sentence about how the program ended, with its last lines unless it was killed: those
        do not tell why.
        """
        words = f"{self.program.name} {how_it_ended(self.ended())}."
        return words if self.ended() == -signal.SIGKILL else f"{words} {self.last_lines()}"


def leashed(
    command: Sequence[str | Path], *, user: str | None = None, end_with: signal.Signals = signal.SIGTERM
) -> list[str]:
    """Answer the command line that runs `command` as `user` (None: as we are) and ends it when we end."""
    leash = [sys.executable, "-I", "-S", LEASH, os.getpid(), int(end_with), user or "-"]
    return [str(word) for word in (*leash, *command)]


def how_it_ended(status: int | None) -> str:
    """Put an exit status into words."""
    if status is None:
        return "still runs"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def tail(log: Path, lines: int = 8) -> list[str]:
    """Answer the last lines of a log; none when it does not exist."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return file.read().decode(errors="replace").splitlines()[-lines:] if lines > 0 else []
    except FileNotFoundError:
        return []


def keep_small(log: Path) -> None:
    """Put a log that has grown too large aside (one generation is kept)."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def birth(pid: int) -> str | None:
    """Answer when process `pid` began, in the system's own words; None when there is none or it is a zombie.

    Together with the pid this names a process for good: a pid alone may be given to a stranger.
    """
    return _birth_linux(pid) if sys.platform == "linux" else _birth_ps(pid)


def _birth_linux(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _birth_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None
