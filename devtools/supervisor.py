"""Keeps the processes of `./dev up` running: names one that dies, with its last lines, and starts it again.

A process that keeps dying before it serves for a while ends the whole: a restart does not mend what is wrong.
"""

import os
import signal
import time
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

from devtools import record
from devtools.process import Process, Program, birth
from devtools.record import Entry, Record
from devtools.say import Trouble, say, warn

TICK_SECONDS = 0.1
BACK_OFF_SECONDS = (0.2, 1.0, 2.0, 4.0, 8.0)  # after the last we give up
STEADY_SECONDS = 5  # who has served that long was well
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(BaseException):
    """Raised wherever we are when Ctrl-C or `./dev down` asks us to stop."""


@dataclass
class Charge:
    """A process in our care, with how often in a row it died before it was steady."""

    process: Process
    health: str
    deaths: int = 0
    served_from: float | None = None
    start_at: float | None = None  # set while it is down: when to try again


class Supervisor:
    """Starts programs in order, keeps them running, stops them last first. Use it as a context manager."""

    def __init__(self) -> None:
        self.charges: list[Charge] = []
        self.record = Record()
        self.stopping = False

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self._asked_to_stop)
        self.note(record.SUPERVISOR, pid=os.getpid())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping = True
        self._stop_all()
        record.forget()

    def _asked_to_stop(self, number: int, _frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping = True
            raise StopAsked(signal.Signals(number).name)
        for charge in self.charges:  # asked again: no more patience
            if charge.process.ended() is None:
                os.kill(charge.process.pid, signal.SIGKILL)

    def note(
        self, name: str, *, pid: int, url: str = "", health: str = "", stop_signal: int = signal.SIGTERM
    ) -> None:
        """Write down who runs, for `status` and `down`. With pid 0: a server that we were given."""
        self.record.put(
            Entry(
                name=name,
                pid=pid,
                born=birth(pid) if pid else None,
                url=url,
                health=health,
                stop_signal=stop_signal,
            )
        )

    def start(self, program: Program, *, health: str) -> None:
        """Start a program; `health` is what `status` asks later. See `wait`."""
        charge = Charge(Process(program), health)
        self.charges.append(charge)
        self._launch(charge)

    def wait(self) -> None:
        """Return when all that was started serves; Trouble when one of it does not come up."""
        for charge in self.charges:
            if charge.served_from is None:
                charge.process.wait_ready()
                charge.served_from = time.monotonic()

    def ready(self) -> None:
        """Note that all is up, which `up --detach` waits for."""
        self.record.ready = True
        self.record.write()

    def watch(self) -> None:
        """Keep all running until asked to stop (StopAsked) or until one cannot be kept (Trouble)."""
        while True:
            for charge in self.charges:
                self._look_after(charge)
            time.sleep(TICK_SECONDS)

    def _launch(self, charge: Charge) -> None:
        program = charge.process.program
        charge.process.start()
        charge.served_from = charge.start_at = None
        self.note(
            program.name,
            pid=charge.process.pid,
            url=program.url,
            health=charge.health,
            stop_signal=program.stop_signal,
        )

    def _look_after(self, charge: Charge) -> None:
        if charge.start_at is not None:
            if time.monotonic() >= charge.start_at:
                self._launch(charge)
        elif charge.process.ended() is not None:
            self._mourn(charge)
        elif charge.served_from is None and charge.process.is_ready():
            charge.served_from = time.monotonic()
            say(f"{charge.process.program.name} serves again")

    def _mourn(self, charge: Charge) -> None:
        if charge.served_from is not None and time.monotonic() - charge.served_from > STEADY_SECONDS:
            charge.deaths = 0
        if charge.deaths == len(BACK_OFF_SECONDS):
            raise Trouble(
                f"{charge.process.program.name} cannot be kept running. {charge.process.obituary()}"
            )
        wait = BACK_OFF_SECONDS[charge.deaths]
        charge.deaths += 1
        charge.start_at = time.monotonic() + wait
        warn(f"{charge.process.obituary()}\n  Starting it again in {wait:g} s.")

    def _stop_all(self) -> None:
        running = [charge.process for charge in self.charges if charge.process.ended() is None]
        if running:
            say("Stopping " + ", ".join(process.program.name for process in reversed(running)) + " …")
        for process in reversed(running):
            process.stop()
