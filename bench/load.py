"""The load maker: keep-alive connections that write prepared bytes and count whole answers.

It parses no more of HTTP than it must (status, Content-Length), so that one process of it asks for several
times what any of our routes answers; `bench accept` shows that by asking a route that does nothing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from urllib.parse import urlsplit


@dataclass
class Run:
    """What a load run saw: answers by status, how long each took (seconds), and how long it took in all."""

    statuses: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Good answers a second."""
        good = sum(n for status, n in self.statuses.items() if 200 <= status < 300)
        return good / self.seconds if self.seconds else 0.0

    @property
    def p95(self) -> float:
        """The seconds within which 95 of 100 answers came."""
        return sorted(self.waits)[int(len(self.waits) * 0.95)] if self.waits else 0.0


class Connection(asyncio.Protocol):
    """One keep-alive connection: asks again as soon as the answer is whole, until its time is over."""

    def __init__(
        self, ask: Callable[[], bytes], until: float, run: Run, done: "asyncio.Future[None]"
    ) -> None:
        self.ask, self.until, self.run, self.done = ask, until, run, done
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Count the answer once it is whole, then ask again."""
        self.buffer += data
        head_end = self.buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self.buffer[:head_end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < head_end + 4 + length:
            return
        self.run.statuses[int(self.buffer[9:12])] += 1
        self.run.waits.append(time.monotonic() - self.asked_at)
        self.buffer = b""
        if time.monotonic() < self.until:
            self._ask()
        else:
            self.transport.close()

    def _ask(self) -> None:
        self.asked_at = time.monotonic()
        self.transport.write(self.ask())

    def connection_lost(self, _: Exception | None) -> None:
        """End: our time is over, or the server hung up."""
        if not self.done.done():
            self.done.set_result(None)


def request(
    url: str, *, body: Callable[[int], str] | None = None, headers: dict[str, str] | None = None
) -> Callable[[], bytes]:
    """Prepare requests to `url`: a GET, or a POST whose JSON `body` is given the number of the request.

    Every `{n}` in a header is that number.
    """
    parts, numbers = urlsplit(url), count()
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    fixed = {"Host": parts.netloc, **(headers or {})}
    if body is None:
        asked = "".join(
            [f"GET {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fixed.items()), "\r\n"]
        ).encode()
        return lambda: asked
    head = "".join([f"POST {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fixed.items())])

    def numbered() -> bytes:
        n = next(numbers)
        content = body(n).encode()
        rest = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return f"{head.replace('{n}', str(n))}{rest}".encode() + content

    return numbered


def press(url: str, ask: Callable[[], bytes], *, connections: int, seconds: float) -> Run:
    """Keep `connections` requests under way for `seconds`, closed loop, and give what came back."""
    return asyncio.run(_press(url, ask, connections, seconds))


async def _press(url: str, ask: Callable[[], bytes], connections: int, seconds: float) -> Run:
    parts, run, loop = urlsplit(url), Run(), asyncio.get_running_loop()
    begun = time.monotonic()
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        connect = partial(Connection, ask, begun + seconds, run, end)
        await loop.create_connection(connect, parts.hostname or "", parts.port or 80)
    await asyncio.gather(*ends)
    run.seconds = time.monotonic() - begun
    return run
