"""The application as people serve it: from the environment, by the real server, and ended while it works."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx2
import pytest

from devtools.paths import ROOT
from devtools.ports import any_free
from tests.support.card import shows_card
from tests.support.mail import event, signed
from tests.support.stack import Stack, bearer, publishable_key
from tests.support.wait import eventually

CARD = "4242 4242 4242 4242"
MAIL_EVENTS = "/api/v1/webhooks/sendgrid"


@asynccontextmanager
async def served(environment: dict[str, str]) -> AsyncIterator[tuple[Process, str]]:
    port = any_free()
    command = ["-m", "uvicorn", "api.app:app", "--port", str(port), "--no-access-log"]
    command += ["--timeout-graceful-shutdown", "60", "--no-proxy-headers"]
    server = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=os.environ | environment, stdout=PIPE, stderr=PIPE
    )
    try:
        yield server, f"http://127.0.0.1:{port}"
    finally:
        if server.returncode is None:
            server.kill()
        await server.communicate()


async def test_a_server_told_to_end_ends_its_streams_and_itself(idle_stack: Stack) -> None:
    booking = await idle_stack.book()
    events = f"/api/v1/bookings/{booking.id}/events"
    async with served(idle_stack.environment) as (server, url), httpx2.AsyncClient(base_url=url) as http:
        await eventually(lambda: _is_live(http), what="the server")
        async with http.stream("GET", events, headers=bearer(booking.token)) as stream:
            lines = stream.aiter_lines()
            told = [await anext(lines) for _ in range(10)]

            server.send_signal(signal.SIGTERM)

            told += [line async for line in lines]

        assert "event: booking.initiated" in told
        assert told[-2:] == ["retry: 500", ""]
        assert await server.wait() in (0, -signal.SIGTERM)


@pytest.mark.row("SEC-01", partly="hosted fields: the payment pages")
@pytest.mark.row("SEC-08", partly="a defect's id finds its cause: test_problem")
async def test_the_log_says_which_request_tenant_and_booking_and_no_person(idle_stack: Stack) -> None:
    shop = await idle_stack.shop()
    async with served(idle_stack.environment | {"LOG_LEVEL": "info"}) as (server, url):
        async with httpx2.AsyncClient(base_url=url) as http:
            await eventually(lambda: _is_live(http), what="the server")
            stack = replace(idle_stack, http=http)
            booking = await stack.book(shop)
            await stack.read(booking)
            await stack.ask_to_book(shop, contact={"name": CARD, "email": "eve@example.com"})
            await http.get(f"/nowhere/{CARD}")
            events = json.dumps([event("open", name) for name in ("e1", "e2")]).encode()
            await http.post(MAIL_EVENTS, content=events, headers=signed(events, datetime.now(UTC)))
        server.send_signal(signal.SIGTERM)
        written, complaints = await server.communicate()

    lines = [json.loads(line) for line in written.splitlines()]
    answered = {(line["route"], line["status"]): line for line in lines if line.get("message") == "answered"}
    for route in (("/api/v1/bookings", 201), ("/api/v1/bookings/{booking}", 200)):
        line = answered[route]
        assert (line["tenant_id"], line["booking_id"]) == (str(shop.tenant_id), str(booking.id))
        assert line["request_id"]
    assert "booking_id" not in answered["none", 404]
    taken = answered[MAIL_EVENTS, 200]
    assert (taken["provider"], taken["events"]) == ("sendgrid", 2)
    told = (written + complaints).decode()
    assert not shows_card(told)
    for secret in ("Ada", "ada@", "eve@", booking.token, publishable_key(shop)):
        assert secret not in told, secret


@pytest.mark.row("DEP-09", partly="each variable: tests/rules")
async def test_without_its_settings_it_does_not_start_and_says_which(idle_stack: Stack) -> None:
    environment = idle_stack.environment | {"DATABASE_APP_URL": "", "JWT_PRIVATE_KEY": "not a key"}
    async with served(environment) as (server, _):
        _, complaint = await server.communicate()

    assert server.returncode
    assert b"DATABASE_APP_URL" in complaint
    assert b"JWT_PRIVATE_KEY" in complaint
    assert b"Traceback" not in complaint
    assert b"not a key" not in complaint


async def _is_live(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/health/live")).status_code == 200
    except httpx2.TransportError:
        return False
