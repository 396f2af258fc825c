"""How an answer leaves: in one piece, whole before a hang-up, and not at all when the connection is cut."""

import asyncio

from sandbox.protocol import GatheringTransport


class Wire(asyncio.Transport):
    """A connection that notes what is sent on it, and how it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.end = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.end = "closed"

    def abort(self) -> None:
        self.end = "aborted"

    def is_closing(self) -> bool:
        return bool(self.end)


async def test_head_and_body_are_sent_together() -> None:
    wire = Wire()
    transport = GatheringTransport(wire)

    transport.write(b"head")
    transport.write(b"body")
    await turn()
    transport.write(b"next")
    await turn()

    assert wire.sent == [b"headbody", b"next"]


async def test_what_is_written_goes_out_before_a_hang_up() -> None:
    wire = Wire()
    transport = GatheringTransport(wire)

    transport.write(b"half of it")
    transport.close()
    await turn()

    assert (wire.sent, wire.end) == ([b"half of it"], "closed")


async def test_a_cut_connection_sends_nothing_more() -> None:
    wire = Wire()
    transport = GatheringTransport(wire)

    transport.write(b"lost")
    transport.abort()
    await turn()

    assert (wire.sent, wire.end) == ([], "aborted")


async def turn() -> None:
    """Let the loop turn once."""
    turned = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turned.set_result, None)
    await turned
