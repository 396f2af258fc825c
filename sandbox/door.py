"""What every provider's door shares: reading a request with a limit, and going wrong on order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answer import Answer
from sandbox.fault import Fault
from sandbox.work import Face

MAX_BODY = 1024 * 1024
LOAD_BALANCER_PAGE = b"<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>"


class TooLarge(Exception):
    """Raised when a body is longer than a provider reads."""


@dataclass(frozen=True)
class Instead:
    """What is answered in place of the truth: `after` the work or without it; `saved` like a true answer."""

    answer: Answer
    after: bool
    saved: bool


class Do(Protocol):
    """The work of a request, in one transaction."""

    def __call__(self, instead: Instead | None = None) -> Answer:
        """Do it and return the answer."""


@dataclass(frozen=True)
class Trip:
    """A request on which something is to go wrong."""

    fault: Fault
    face: Face
    request: Request
    do: Do

    def worked(self, *, by_default: bool) -> Answer:
        """Do the work, unless it was ordered not to be done, and return the true answer."""
        return self.do() if self.fault.detail.get("effect", by_default) else self.failure()

    def failure(self, default: int = 500) -> Answer:
        """Return the provider's own way of failing, with the status that was ordered."""
        return self.face.failure(int(self.fault.number("status", default)))


async def read(request: Request, limit: int = MAX_BODY) -> bytes:
    """Return the body, or raise TooLarge as soon as it is longer than `limit` bytes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def response(answer: Answer, headers: Mapping[str, str]) -> Response:
    """Return the answer as it goes out."""
    return Response(answer.body, answer.status, dict(headers))


async def with_faults(face: Face, request: Request, fault: Fault | None, do: Do) -> Answer:
    """Return what `do` answers, unless it is to go wrong."""
    return do() if fault is None else await WRONG[fault.kind](Trip(fault, face, request, do))


async def _lose(trip: Trip) -> Answer:
    answer = trip.do()
    await cut(trip.request)
    return answer


async def _cut_body(trip: Trip) -> Answer:
    answer = trip.worked(by_default=True)
    head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: application/json\r\n"
    half = (
        head.encode()
        + b"Content-Length: %d\r\n\r\n" % len(answer.body)
        + answer.body[: len(answer.body) // 2]
    )
    transport = _transport(trip.request)
    transport.write(half)
    transport.close()  # sends what is written, then hangs up
    await _gone(trip.request)
    return answer


async def _cut_json(trip: Trip) -> Answer:
    whole = trip.worked(by_default=True).body or b"{}"
    return Answer(200, whole[: len(whole) // 2])


async def _drop(trip: Trip) -> Answer:
    await cut(trip.request)
    return trip.failure()


async def _fail_after(trip: Trip) -> Answer:
    return trip.do(Instead(trip.failure(), after=True, saved=True))


async def _fail_before(trip: Trip) -> Answer:
    return trip.do(Instead(trip.failure(), after=False, saved=bool(trip.fault.detail.get("saved"))))


async def _slow(trip: Trip) -> Answer:
    answer = trip.do()
    await asyncio.sleep(trip.fault.number("seconds", 20))
    return answer


async def _throttle(trip: Trip) -> Answer:
    refused, seconds = trip.face.failure(429), int(trip.fault.number("seconds", 1))
    return Answer(429, refused.body, {**refused.headers, "Retry-After": str(seconds)})


async def _html(trip: Trip) -> Answer:
    trip.worked(by_default=False)
    return Answer(int(trip.fault.number("status", 502)), LOAD_BALANCER_PAGE, {"Content-Type": "text/html"})


async def _wrong_type(trip: Trip) -> Answer:
    trip.worked(by_default=True)
    return Answer(200, b'["not", "what", "you", "asked"]')


WRONG: dict[str, Callable[[Trip], Awaitable[Answer]]] = {
    "response_lost": _lose,
    "response_cut": _cut_body,
    "json_cut": _cut_json,
    "response_500_after": _fail_after,
    "response_500_before": _fail_before,
    "drop_before": _drop,
    "slow": _slow,
    "rate_limit": _throttle,
    "html_error": _html,
    "wrong_type": _wrong_type,
}


async def cut(request: Request) -> None:
    """Close the caller's connection without an answer."""
    _transport(request).abort()
    await _gone(request)


def _transport(request: Request) -> asyncio.Transport:
    transport: asyncio.Transport = request.scope["extensions"]["sandbox.transport"]["transport"]
    return transport


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
