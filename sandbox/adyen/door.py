"""Where Adyen's APIs come in: whose key it is, whether its idempotency key is new, and doing what it asks."""

import base64
import binascii
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from sandbox import door
from sandbox.account import Account
from sandbox.adyen import idempotency, route
from sandbox.adyen.call import Call
from sandbox.adyen.error import AdyenError, malformed, missing, unauthorized
from sandbox.adyen.face import AdyenFace
from sandbox.adyen.shape import judge
from sandbox.adyen.text import failed, rendered
from sandbox.answer import Answer
from sandbox.door import Instead
from sandbox.record import Json, NotFound
from sandbox.work import World


class AdyenDoor:
    """Answers everything below `/adyen`."""

    def __init__(self, world: World, face: AdyenFace) -> None:
        self.world, self.face = world, face
        self.in_flight: set[tuple[str, str]] = set()

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            answer = await self._answer(request)
        except AdyenError as error:
            answer = failed(error)
        key = request.headers.get(idempotency.HEADER)
        told = {} if key is None or not key.isascii() else {"Idempotency-Key": key}
        return door.response(
            answer, {"Content-Type": "application/json;charset=UTF-8", **told, **answer.headers}
        )

    async def _answer(self, request: Request) -> Answer:
        account = self.world.account("adyen", self._caller(request))
        try:
            body = await door.read(request)
        except door.TooLarge:
            raise AdyenError(413, "702", "The request is too large.") from None
        visit = Visit(self.world, request, account, body)
        if visit.key is None:
            return await visit.fresh()
        lock = (account.id, visit.key)
        idempotency.check(visit.key, in_use=lock in self.in_flight)
        kept = idempotency.replay(self.world, account, visit.key)
        if kept is not None:
            return kept
        self.in_flight.add(lock)
        try:
            return await visit.fresh()
        finally:
            self.in_flight.discard(lock)

    def _caller(self, request: Request) -> str:
        key = request.headers.get("x-api-key") or _password(request.headers.get("authorization", ""))
        owner = self.face.account_key(key)
        if owner is None:
            raise unauthorized()
        return owner


class Visit:
    """One request with a known caller."""

    def __init__(self, world: World, request: Request, account: Account, body: bytes) -> None:
        self.world, self.request, self.account, self.body = world, request, account, body
        self.path = request.scope["path"].removeprefix("/adyen")
        self.key = request.headers.get(idempotency.HEADER) if request.method == "POST" else None

    async def fresh(self) -> Answer:
        """Do it, unless it is to go wrong."""
        name = f"{self.request.method} {self.path.removeprefix('/checkout')}"
        return await door.with_faults(self.world, self.account, name, self.request, self._do)

    def _do(self, instead: Instead | None = None) -> Answer:
        """Do the work; `instead` is answered in place of the outcome, or of the work.

        What is kept under the key is the true answer: a repeat hears what the first request came to.
        """
        if instead is not None and not instead.after:
            return instead.answer
        try:
            found, ids, params = self._judged()
            with self.world.work(self.account) as work:
                answer = rendered(found.answer(Call(work, ids, params)))
                if self.key is not None:
                    idempotency.save(self.world, self.account, self.key, answer)
        except NotFound as error:
            return failed(AdyenError(404, "14_002", str(error)))
        except AdyenError as error:
            return failed(error)
        return answer if instead is None else instead.answer

    def _judged(self) -> tuple[route.Route, tuple[str, ...], Json]:
        found = route.find(self.request.method, self.path)
        if found is None:
            raise AdyenError(404, "000", "Not found", "configuration")
        query = dict(self.request.query_params)
        for name in found[0].query:
            if not query.get(name):
                raise missing(name)
        if set(query) - set(found[0].query) - set(found[0].more):
            raise malformed("Unknown query parameters.")
        told = self.request.method in ("POST", "PATCH")
        body = judge(self._decoded(), found[0].body) if told else {}
        return *found, {**query, **body}

    def _decoded(self) -> Any:
        if not self.body:
            return {}
        if not self.request.headers.get("content-type", "application/json").startswith("application/json"):
            raise AdyenError(415, "702", "The Content-Type has to be application/json.")
        try:
            # A lone surrogate, which can be neither stored nor shown, is an error.
            return from_json(self.body, allow_inf_nan=False)
        except ValueError:
            raise malformed("Unable to parse the request as JSON.") from None


def _password(header: str) -> str:
    """Read the API key of those who use basic authentication."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
