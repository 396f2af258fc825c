"""Where SendGrid's API comes in: who calls, which call it is, and doing it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from sandbox import door
from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.door import Instead
from sandbox.sendgrid import route
from sandbox.sendgrid.call import Call, Refused, refused
from sandbox.sendgrid.face import SendGridFace
from sandbox.sendgrid.shape import error
from sandbox.work import World

MAX_BODY = 30 * 1024 * 1024
BODYLESS = ("GET", "HEAD")


class SendGridDoor:
    """Answers everything below `/sendgrid`."""

    def __init__(self, world: World, face: SendGridFace) -> None:
        self.world, self.face = world, face

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        answer = await self._answer(request)
        return door.response(answer, answer.headers)

    async def _answer(self, request: Request) -> Answer:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        owner = self.face.account_key(key) if scheme.lower() == "bearer" else None
        if owner is None:
            return refused(
                401, error("The provided authorization grant is invalid, expired, or revoked", None)
            )
        path = request.scope["path"].removeprefix("/sendgrid")
        found, names, known = route.find(request.method, path)
        if found is None:
            return refused(405, error("method not allowed", None)) if known else _nowhere()
        try:
            body = await door.read(request, MAX_BODY)
        except door.TooLarge:
            return refused(413, error("The total size of your email must be less than 30MB.", None))
        account = self.world.account("sendgrid", owner)
        do = partial(self._do, request, body, account, partial(_called, found, names, request))
        return await door.with_faults(self.world, account, f"{request.method} {path}", request, do)

    def _do(
        self,
        request: Request,
        body: bytes,
        account: Account,
        called: Callable[..., Answer],
        instead: Instead | None = None,
    ) -> Answer:
        """Do the work; `instead` is answered in place of the outcome, or of the work."""
        if instead is not None and not instead.after:
            return instead.answer
        try:
            asked = _asked(request, body)
            with self.world.work(account) as work:
                answer = called(work=work, body=asked)
        except Refused as no:
            return no.answer
        return answer if instead is None else instead.answer


def _called(found: route.Route, names: tuple[str, ...], request: Request, **given: Any) -> Answer:
    return found.answer(Call(names=names, query=request.query_params, **given))


def _asked(request: Request, body: bytes) -> Any:
    """Read the JSON that was sent; where nothing has to be sent, nothing is an empty object."""
    if request.method in BODYLESS or (request.method == "DELETE" and not body):
        return {}
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(415, error("Content-Type should be application/json.", None))
    try:
        return from_json(body)  # a lone surrogate, which can be neither stored nor shown, is an error
    except ValueError:
        raise Refused(400, error("Bad Request", None)) from None


def _nowhere() -> Answer:
    return refused(404, error("not found", None))
