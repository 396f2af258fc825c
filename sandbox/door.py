"""What every provider's door shares: reading a request with a limit, and going wrong on order."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.fault import Fault, Faults
from sandbox.work import Face, World

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
    faults: Faults
    request: Request
    do: Do

    def worked(self, *, by_default: bool) -> Answer:
        """Do the work, unless it was ordered not to be done, and return the true answer."""
        wanted = by_default if self.fault.effect is None else self.fault.effect
        return self.do() if wanted else self.failure()

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


async def with_faults(world: World, account: Account, route: str, request: Request, do: Do) -> Answer:
    """Return what `do` answers to a call such as `POST /v1/refunds`, unless it is to go wrong."""
    fault = world.faults.of_request(account.provider, account.id, route)
    if fault is None:
        return do()
    return await WRONG[fault.kind](Trip(fault, world.faces[account.provider], world.faults, request, do))


async def _lose(trip: Trip) -> Answer:
    answer = trip.do()
    await cut(trip.request)
    return answer


async def _cut_body(trip: Trip) -> Answer:
    answer = trip.worked(by_default=True)
    if not answer.body:
        await cut(trip.request)
        return answer
    transport = _transport(trip.request)
    transport.write(_head(answer) + answer.body[: len(answer.body) // 2])
    transport.close()  # sends what is written, then hangs up
    await _gone(trip.request)
    return answer


def _head(answer: Answer) -> bytes:
    head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(answer.body)


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
    answer = trip.worked(by_default=True)
    await _or_gone(trip.request, asyncio.sleep(trip.fault.number("seconds", 20)))
    return answer


async def _drip(trip: Trip) -> Answer:
    answer, transport = trip.worked(by_default=True), _transport(trip.request)
    transport.write(_head(answer))

    async def drip() -> None:
        for byte in answer.body:
            await asyncio.sleep(trip.fault.number("seconds", 1))
            transport.write(bytes([byte]))

    await _or_gone(trip.request, drip())
    transport.close()
    await _gone(trip.request)
    return answer


async def _hold(trip: Trip) -> Answer:
    answer = trip.worked(by_default=True)
    with trip.faults.held(trip.fault) as released:
        await _or_gone(trip.request, released.wait())
    return answer


async def _throttle(trip: Trip) -> Answer:
    refused, seconds = trip.face.failure(429), int(trip.fault.number("seconds", 1))
    asked = {"Retry-After": str(seconds)} if seconds else {}
    return Answer(429, refused.body, {**refused.headers, **asked})


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
    "drip": _drip,
    "hold": _hold,
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


async def _or_gone(request: Request, waiting: Coroutine[Any, Any, object]) -> None:
    """Wait, but no longer than the caller does."""
    tasks = [asyncio.create_task(each) for each in (waiting, _gone(request))]
    _, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
