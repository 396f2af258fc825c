"""uvicorn's HTTP protocol with two additions: a fault can cut the connection; an answer goes out whole."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class GatheringTransport(asyncio.Transport):
    """Sends together what one turn of the event loop writes.

    uvicorn writes head and body of an answer apart, and uvloop sends each at once: two system calls for every
    answer, and two arrivals at the caller.
    """

    def __init__(self, wire: asyncio.Transport) -> None:
        super().__init__()
        self.wire = wire
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send these bytes when the loop turns."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        """Send what is written, then hang up."""
        self._send()
        self.wire.close()

    def abort(self) -> None:
        """Hang up without sending what is written."""
        self.wire.abort()

    def is_closing(self) -> bool:
        """Return whether this end has hung up."""
        return self.wire.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the wire knows of itself."""
        return self.wire.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Let the caller wait."""
        self.wire.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self.wire.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self.wire.set_protocol(protocol)

    def _send(self) -> None:
        if self._parts and not self.wire.is_closing():
            self.wire.write(b"".join(self._parts))
        self._parts.clear()


class CuttableProtocol(HttpToolsProtocol):
    """Puts the transport into each request's scope as the extension `sandbox.transport`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(GatheringTransport(transport))

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox.transport": {"transport": self.transport}}
