"""uvicorn's HTTP protocol with a deadline on the head of a request (`--http api.protocol:PunctualProtocol`).

uvicorn waits for ever for a request whose lines dribble in, so anybody could keep its connections (CWE-400).
The body has its own deadline (`api/middleware.py`).
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Timers come before sockets: after standing still, a server first reads what has come meanwhile.
LOOK_AGAIN_SECONDS = 0.5


class PunctualProtocol(HttpToolsProtocol):
    """Gives the request line and headers as long as an idle connection has (`--timeout-keep-alive`), from the
    connection or from their first byte; then the connection is cut.
    """

    _cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for the whole head of whatever begins here."""
        if self._cut is None and self.cycle.response_complete:
            self._wait()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Take the request: its head has come whole."""
        self._come()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._come()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._cut = self.loop.call_later(self.timeout_keep_alive, self._look_again)

    def _look_again(self) -> None:
        self._cut = self.loop.call_later(LOOK_AGAIN_SECONDS, self.transport.abort)

    def _come(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
