"""How `./dev` talks: steps with their time, long ones with progress, and trouble in one sentence."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

UNHEARD = 141  # what a shell answers for a program that SIGPIPE has ended


class Trouble(Exception):
    """Raised when `./dev` cannot go on: its text is one sentence with the way out, shown as it is."""


def say(text: str = "") -> None:
    """Print one line at once, also when the output is a file that somebody follows.

    BrokenPipeError when nobody reads any more; what is said after that goes nowhere, so that who was
    interrupted by it can still end in order.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _fall_silent()
        raise


def warn(text: str) -> None:
    """Print one line to standard error."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def quiet_when_unheard() -> Iterator[None]:
    """End the program without a word when who read its output has gone, as `head` does."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _fall_silent()
        sys.exit(UNHEARD)


def _fall_silent() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Say what is being done and, once done, how long it took (seconds, when it took more than a blink)."""
    begun = time.monotonic()
    say(f"  {doing} …")
    yield
    took = time.monotonic() - begun
    if took > 1:
        say(f"  {doing}: done in {took:.1f} s")


class Progress:
    """One line that is rewritten on a terminal, and repeated now and then in a file."""

    def __init__(self, every_seconds: float = 10) -> None:
        self.begun = self.told = time.monotonic()
        self.every_seconds = every_seconds
        self.shown = ""

    def show(self, text: str) -> None:
        """Show `text` with the seconds gone by so far."""
        now = time.monotonic()
        seconds = int(now - self.begun)
        if sys.stdout.isatty():
            line = f"    {text[:60]} ({seconds} s)"
            if line != self.shown:
                self.shown = line
                print(f"\r{line}\033[K", end="", flush=True)
        elif now - self.told >= self.every_seconds:
            self.told = now
            say(f"    {text} ({seconds} s)")

    def end(self) -> None:
        """Leave the line that was rewritten, so that what follows begins on its own."""
        if self.shown:
            self.shown = ""
            print("\r\033[K", end="", flush=True)
