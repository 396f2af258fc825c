"""What every provider's door shares: reading a request with a limit, and going wrong on order."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from sandbox.account import Account
from sandbox.face import Answer, Face
from sandbox.fault import REQUEST_KINDS, Fault
from sandbox.work import World

MAX_BODY = 1024 * 1024
LOAD_BALANCER_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


class TooLarge(Exception):
    """Raised when a body is longer than a provider reads."""


@dataclass(frozen=True)
class Instead:
    """What is answered in place of the truth: `after` the work was done or without doing it; `saved` like a true one."""

    answer: Answer
    after: bool
    saved: bool


class Do(Protocol):
    """The work of a request, in one transaction."""

    def __call__(self, instead: Instead | None = None) -> Answer: ...


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


async def with_faults(
    world: World, face: Face, account: Account, name: str, request: Request, do: Do
) -> Answer:  # fmt: skip
    """Return what `do` answers, unless something was ordered to go wrong with a call of this name."""
    fault = world.faults.take(REQUEST_KINDS, face.provider, account.id, name)
    if fault is None:
        return do()
    return await WRONG[fault.kind](fault, face, request, do)


async def _lose(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    answer = do()
    await cut(request)
    return answer


async def _cut_body(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    answer = do()
    head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    request.scope["extensions"]["sandbox.transport"].write(head.encode() + answer.body[: len(answer.body) // 2])
    await asyncio.sleep(0.05)  # let the half answer go out before the connection is reset
    await cut(request)
    return answer


async def _drop(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    await cut(request)
    return face.failure(500)


async def _fail_after(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    failure = face.failure(int(fault.number("status", 500)))
    return do(Instead(failure, after=True, saved=True))


async def _fail_before(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    failure = face.failure(int(fault.number("status", 500)))
    return do(Instead(failure, after=False, saved=bool(fault.detail.get("saved"))))


async def _slow(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    answer = do()
    await asyncio.sleep(fault.number("seconds", 20))
    return answer


async def _throttle(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    refused = face.failure(429)
    return Answer(429, refused.body, {**refused.headers, "Retry-After": str(int(fault.number("seconds", 1)))})


async def _html(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    return Answer(int(fault.number("status", 502)), LOAD_BALANCER_PAGE, {"Content-Type": "text/html"})


async def _wrong_type(fault: Fault, face: Face, request: Request, do: Do) -> Answer:
    do()
    return Answer(200, b'["not", "what", "you", "asked"]')


WRONG: dict[str, Callable[[Fault, Face, Request, Do], "asyncio.Future[Answer]"]] = {  # type: ignore[assignment]
    "response_lost": _lose, "response_cut": _cut_body, "response_500_after": _fail_after,
    "response_500_before": _fail_before, "drop_before": _drop, "slow": _slow, "rate_limit": _throttle,
    "html_error": _html, "wrong_type": _wrong_type,
}  # fmt: skip


async def cut(request: Request) -> None:
    """Close the caller's connection without an answer."""
    request.scope["extensions"]["sandbox.transport"].abort()
    while (await request.receive())["type"] != "http.disconnect":
        pass
