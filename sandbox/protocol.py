"""uvicorn's HTTP protocol with one addition: the connection is at hand, so that a fault can cut it."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class CuttableProtocol(HttpToolsProtocol):
    """Puts the transport into each request's scope as the extension `sandbox.transport`."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox.transport": {"transport": self.transport}}
