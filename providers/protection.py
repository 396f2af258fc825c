"""What keeps one account at one provider from taking everything else down with it: a bulkhead and a circuit.

Each adapter has one place where all its calls go out; that place enters the account's guard:

    async with guard.call(): …

The *bulkhead* lets so many calls run at once, lets some more wait a bounded time, and turns the rest away
(`Busy`). The *circuit* opens when several calls in a row got no answer (a server's error, a time-out, no
connection), and then turns everybody away at once (`CircuitOpen`), so that buyers hear at once that they
cannot pay now. After a rest one call is let through: an answer, whatever it is, closes the circuit again.

Nothing is tried again here: retries are Temporal's, which obeys the `retry_after` of whoever is turned away.
So what must be done in the end (closing, giving back) is only put off. Each process has guards of its own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import structlog

from domain.value import Value
from observability.metrics import PROVIDER_CIRCUIT
from providers.gateway import Busy, CircuitOpen, OutcomeUnknown, Unreachable

log = structlog.get_logger(__name__)

# What says that nobody is there. Any other trouble is an answer.
SILENCE = (OutcomeUnknown, Unreachable)
# How soon to ask again while another call finds out whether the account is back, or after being turned away.
SOON = timedelta(seconds=1)
# A provider that asks for a longer wait than this is asked again all the same.
LONGEST_WAIT = timedelta(minutes=10)


class Limits(Value):
    """What one account may use: `calls` at once, `waiting` more for at most `patience` seconds each; after
    `failures` in a row without an answer it is left alone for `rest` seconds.
    """

    calls: int = 40
    waiting: int = 20
    patience: float = 5
    failures: int = 5
    rest: float = 5


class Circuit(StrEnum):
    """Whether an account is asked: always, never, or by one call to find out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Guard:
    """The bulkhead and the circuit of one account; `clock` gives seconds that only go forward."""

    def __init__(
        self,
        provider: str,
        account: str,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider, self.account = provider, account
        self._limits, self._clock = limits or Limits(), clock
        self._places = asyncio.Semaphore(self._limits.calls)
        self._waiting = 0
        self._failures = 0
        self._rests_until: float | None = None
        self._probing = False
        self._show()

    @property
    def circuit(self) -> Circuit:
        """Where the circuit stands."""
        if self._rests_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self._clock() < self._rests_until else Circuit.HALF_OPEN

    def refuse_if_open(self) -> None:
        """Turn away whoever would be turned away by a call. Raises CircuitOpen."""
        if self._rests_until is None:
            return
        left = self._rests_until - self._clock()
        if left > 0 or self._probing:
            raise CircuitOpen("circuit_open", retry_after=max(SOON, timedelta(seconds=left)))

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Make one call inside; what it raises tells whether somebody answered. Raises CircuitOpen, Busy."""
        self.refuse_if_open()
        await self._enter()
        try:
            self.refuse_if_open()  # it may have opened while we waited
            async with self._noted():
                yield
        finally:
            self._places.release()

    async def _enter(self) -> None:
        if self._places.locked() and self._waiting >= self._limits.waiting:
            raise Busy("too_many_calls", retry_after=SOON)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.patience):
                await self._places.acquire()
        except TimeoutError:
            raise Busy("too_many_calls", retry_after=SOON) from None
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _noted(self) -> AsyncIterator[None]:
        probe = self._probing = self._rests_until is not None
        try:
            yield
        except SILENCE:
            self._failed(probe=probe)
            raise
        except Exception:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            if probe:
                self._probing = False

    def _answered(self) -> None:
        if self._rests_until is not None:
            log.warning("a provider answers again", provider=self.provider, account=self.account)
        self._failures, self._rests_until = 0, None
        self._show()

    def _failed(self, *, probe: bool) -> None:
        self._failures += 1
        if probe or (self._rests_until is None and self._failures >= self._limits.failures):
            self._rests_until = self._clock() + self._limits.rest
            log.error("a provider does not answer", provider=self.provider, account=self.account)
            self._show()

    def _show(self) -> None:
        PROVIDER_CIRCUIT.labels(self.provider, self.account).set(self._rests_until is not None)


class Guards:
    """The guards of a process, one per account."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits, self._guards = limits, dict[tuple[str, str], Guard]()

    def of(self, provider: str, account: str) -> Guard:
        """Give the guard of an account, the same whenever it is asked for."""
        if (provider, account) not in self._guards:
            self._guards[provider, account] = Guard(provider, account, self._limits)
        return self._guards[provider, account]

    def circuits(self) -> dict[str, str]:
        """Tell where the circuit of each account stands, as `provider/account`."""
        return {f"{guard.provider}/{guard.account}": guard.circuit.value for guard in self._guards.values()}


def retry_after(header: str, now: datetime) -> timedelta | None:
    """Read a Retry-After (RFC 9110): seconds or a date; at most ten minutes, nothing for what is neither."""
    text = header.strip()
    if text.isdecimal() and len(text) < 10:
        return min(timedelta(seconds=int(text)), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text) - now
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
