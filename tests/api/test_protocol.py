"""A request whose head does not come whole is cut, by the real server; one that does is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn import Config

from api.protocol import PunctualProtocol
from tests.support.server import free_socket, served_as

WHOLE = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"
BODY = b"body"

# What a slow caller has sent by the time it says nothing more.
SLOW = {
    "nothing": b"",
    "half a line": b"POST / HT",
    "half the headers": WHOLE[:-6],
    "empty lines": b"\r\n\r\n",
    "half of a second head": WHOLE + BODY + WHOLE[:-6],
}


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    listening = free_socket()
    app = Starlette(routes=[Route("/", echo, methods=["POST"])])
    config = Config(app, http=PunctualProtocol, timeout_keep_alive=1, log_config=None, access_log=False)
    async with served_as(config, listening):
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()


async def told(reader: asyncio.StreamReader) -> bytes:
    """Read until the server has closed."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.row("SEC-05", partly="cookie clients come with the accounts")
@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
async def test_a_head_that_does_not_come_whole_is_cut(sent: bytes) -> None:
    async with connected() as (reader, writer), asyncio.timeout(60):
        writer.write(sent)

        assert (await told(reader)).count(b"200 OK") == sent.count(WHOLE)
