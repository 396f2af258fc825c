"""The cutting proxy: stands between a process and what it depends on, and at the message that was ordered it
strikes: the blow falls, and the connection is cut before the message, after it, or once it was told.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tests.crash.wire import Dialect, Piece

CHUNK = 65_536
CUT, HUNG_UP = "cut", "hung up"
ASKED, ANSWERED = "asked", "answered"


class Moment(StrEnum):
    """When the blow falls: before the effect, the effect being done and not reported, or reported."""

    BEFORE = "a"
    DONE = "b"
    REPORTED = "c"


@dataclass(frozen=True)
class Seen:
    """A message on a link, known by words that all stand in it."""

    link: str
    words: tuple[str, ...]

    def is_in(self, link: str, message: str) -> bool:
        """Say whether this is the message."""
        return link == self.link and all(word in message for word in self.words)


@dataclass(eq=False)
class Cut:
    """One blow on order: `strike` at the first message `seen`, and `struck` is set. Before a report it
    `severs` the connection too.
    """

    seen: Seen
    moment: Moment
    strike: Callable[[], None]
    severs: bool = True
    struck: asyncio.Event = field(default_factory=asyncio.Event)

    def is_due(self, link: str, piece: Piece, *, answer: bool) -> bool:
        """Say whether the blow falls at this piece."""
        if piece.words is None or answer is (self.moment is Moment.BEFORE):
            return False
        return not self.struck.is_set() and self.seen.is_in(link, piece.words)


class Cuts:
    """The blows on order, of all links."""

    def __init__(self) -> None:
        self.ordered: list[Cut] = []

    @contextlib.contextmanager
    def order(self, *cuts: Cut) -> Iterator[None]:
        """Order blows meanwhile."""
        self.ordered.extend(cuts)
        try:
            yield
        finally:
            for cut in cuts:
                self.ordered.remove(cut)

    def due(self, link: str, piece: Piece, *, answer: bool) -> Cut | None:
        """Find the blow that falls at this piece."""
        return next((cut for cut in self.ordered if cut.is_due(link, piece, answer=answer)), None)


@dataclass(eq=False)
class Weather:
    """How bad a link is: what passes waits so many seconds (from, to); each connection is reset with this
    chance at each message; nothing is `asked` or `answered` any more until it is `over`.
    """

    chance: random.Random
    delay_seconds: tuple[float, float] = (0.0, 0.0)
    resets: float = 0.0
    silences: frozenset[str] = frozenset()
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def survived(self, direction: str) -> bool:
        """Hold up what passes; says whether the connection has survived it."""
        if self.over.is_set():
            return True
        if direction in self.silences:
            await self.over.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), self.chance.uniform(*self.delay_seconds))
        return self.chance.random() >= self.resets


class Proxy:
    """One link: listens on a port of its own and passes on to `target` (a port on loopback)."""

    def __init__(self, link: str, target: int, speaks: Callable[[], Dialect], cuts: Cuts) -> None:
        self.link, self.target, self.speaks, self.cuts = link, target, speaks, cuts
        self.weather: Weather | None = None
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """Where the client finds it."""
        port: int = self.listening.getsockname()[1]
        return port

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Pass on meanwhile."""
        server = await asyncio.start_server(self._meet, sock=self.listening)
        try:
            yield
        finally:
            server.close()

    @contextlib.contextmanager
    def under(self, weather: Weather) -> Iterator[None]:
        """Be as bad as this meanwhile."""
        self.weather = weather
        try:
            yield
        finally:
            self.weather = None
            weather.over.set()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            further = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # nobody is there: so it is for whoever calls
            writer.transport.abort()
            return
        dialect = self.speaks()
        tasks = (
            asyncio.create_task(self._pass_on(reader, further[1], dialect.asked, answer=False)),
            asyncio.create_task(self._pass_on(further[0], writer, dialect.answered, answer=True)),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            for end in (writer.transport, further[1].transport):
                end.abort() if CUT in ended else end.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pieces: Callable[[bytes], Iterator[Piece]],
        *,
        answer: bool,
    ) -> str:
        """Pass on until an end hangs up or a blow falls; says which."""
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.weather and not await self.weather.survived(ANSWERED if answer else ASKED):
                    return CUT
                for piece in pieces(data):
                    cut = self.cuts.due(self.link, piece, answer=answer)
                    if cut is not None and cut.moment is not Moment.REPORTED:
                        self._strike(cut)
                        if cut.severs:
                            return CUT
                    if writer.is_closing():
                        return HUNG_UP
                    writer.write(piece.data)
                    if cut is not None and cut.moment is Moment.REPORTED:
                        await writer.drain()
                        self._strike(cut)
                await writer.drain()
        return HUNG_UP

    def _strike(self, cut: Cut) -> None:
        cut.strike()
        cut.struck.set()
