"""What every request passes before it reaches a route: its id and its line in the log, the cap on its body,
and the headers of every answer.

Pure ASGI: nothing here reads a body or holds an answer back.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from time import perf_counter

import structlog
from fastapi import Request
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from api import problem
from observability.metrics import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger(__name__)


class Watch:
    """Gives the request its id, counts and logs it under its route (never its path: ids and typing errors
    would become labels), and turns a defect into a 500 whose id finds the cause in the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope["request_id"] = str(uuid7())
        started, status = perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        # Routes add to these what they learn; of a request before, in the same context, nothing is left.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, noting)
        except Exception:
            log.exception("a defect")
            if status:
                raise  # half an answer is out: only breaking the connection is left
            await problem.of_defect(Request(scope))(scope, receive, noting)
        finally:
            _tell(scope, status, perf_counter() - started)


class BodyLimit:
    """Refuses a body over its cap before a byte of it is parsed: by the length it announces, or when it grows
    past. One that has not come whole after `seconds` is given up.

    `caps` are bytes per beginning of a path; the first that fits counts.
    """

    def __init__(self, app: ASGIApp, caps: Mapping[str, int], seconds: float = 10) -> None:
        self.app = app
        self.caps = caps
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # `OPTIONS *` has no path: no route and no body.
        cap = next((cap for path, cap in self.caps.items() if scope["path"].startswith(path)), 0)
        left, too_much = cap, f"This takes at most {cap} bytes."
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > cap:
            await problem.of_status(Request(scope), 413, too_much)(scope, receive, send)
            return

        whole, until = False, asyncio.get_running_loop().time() + self.seconds

        async def counted() -> Message:
            nonlocal left, whole
            if whole:
                return await receive()  # what comes now is that the caller has gone
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, headers={"Connection": "close"}) from None
            whole = not message.get("more_body", False)
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, too_much)
            return message

        await self.app(scope, counted, send)


class SafeHeaders:
    """Sets on every answer what a browser must not do with it; a page loosens what it needs itself."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            **({"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if https else {}),
        }
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                said = {name for name, _ in headers}
                message["headers"] = headers + [each for each in self.headers if each[0] not in said]
            await send(message)

        await self.app(scope, receive, safe)


# Asked every few seconds by machines.
_QUIET = {"/health/live", "/health/ready", "/metrics"}


def _tell(scope: Scope, status: int, seconds: float) -> None:
    method, route = scope["method"], getattr(scope.get("route"), "path_format", "none")
    count, took = _measured(method, route, status)
    count.inc()
    took.observe(seconds)
    if route not in _QUIET:
        log.info("answered", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))


@cache
def _measured(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Give what counts a route's answers, and what measures them: looking them up takes longer than that."""
    return REQUESTS.labels(method, route, status), REQUEST_SECONDS.labels(method, route)
