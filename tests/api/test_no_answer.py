"""Temporal takes the connection and says nothing: a wish waits as long as the door does, and no longer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from api.app import create_app
from tests.api.conftest import ORIGIN, RETURN, Door
from tests.support.stack import bearer


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Give the address of a server that listens and never answers."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_024):
            pass
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"{host}:{port}"
    server.close()


@pytest.fixture
async def waiting(door: Door, silent: str) -> AsyncIterator[Door]:
    """Open the front door with such a server behind it."""
    app = create_app(
        door.settings.model_copy(update={"temporal_address": silent, "payment_answer_seconds": 1})
    )
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as http,
    ):
        yield replace(door, app=app, http=http)


@pytest.mark.parametrize(
    ("act", "body", "noted"),
    [("cancel", {}, ["booking.cancel"]), ("payments", {"return_url": RETURN}, [])],
    ids=["cancel", "pay"],
)
async def test_a_wish_without_an_answer_is_asked_to_come_again(
    waiting: Door, act: str, body: dict[str, str], noted: list[str]
) -> None:
    """The engine's client would go on trying to connect for half a minute. A wish to cancel is on record:
    what it waits for may be an operator.
    """
    booking = await waiting.book()

    answer = await waiting.http.post(
        f"/api/v1/bookings/{booking.id}/{act}",
        json=body,
        headers={**bearer(booking.token), "Idempotency-Key": "k"},
    )

    assert answer.status_code == 202
    assert int(answer.headers["retry-after"]) > 0
    acts = await waiting.judge.fetch("select action from audit_entries")
    assert [act["action"] for act in acts] == noted
