"""Where PayPal's API comes in: who calls, which call it is, whether it was made before, and doing it."""

import json
from functools import partial
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from sandbox import door
from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.door import Instead
from sandbox.paypal import repeat, route, shape, token
from sandbox.paypal.call import Call
from sandbox.paypal.certificate import PATH as CERTIFICATES
from sandbox.paypal.error import ISSUES, PayPalError, failed, invalid, no_such, unprocessable
from sandbox.paypal.face import PayPalFace
from sandbox.paypal.route import KINDS, SHOWN, Route
from sandbox.record import NotFound, Record
from sandbox.work import Cause, Work, World

JSON_TYPE = "application/json"
LONGEST_KEY = 108


class PayPalDoor:
    """Answers everything below `/paypal`."""

    def __init__(self, world: World, face: PayPalFace) -> None:
        self.world, self.face = world, face

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        debug_id = self.world.request_id().removeprefix("req_").lower()
        answer = await self._answer(request, debug_id)
        headers = {"Content-Type": JSON_TYPE, "Paypal-Debug-Id": debug_id}
        return door.response(answer, {**headers, **answer.headers})

    async def _answer(self, request: Request, debug_id: str) -> Answer:
        path = request.scope["path"].removeprefix("/paypal")
        if path.startswith(f"{CERTIFICATES}/"):
            return self._certificate(path.removeprefix(f"{CERTIFICATES}/"), debug_id)
        try:
            body = await door.read(request)
            if path == "/v1/oauth2/token":
                return await self._token(request, body)
            account = token.bearer(self.world, request)
            visit = Visit(self.world, self.face, request, account, path, body, debug_id)
            return await door.with_faults(self.world, account, f"{request.method} {path}", request, visit.do)
        except door.TooLarge:
            return failed(invalid("REQUEST_TOO_LARGE", "The request is too large."), debug_id)
        except PayPalError as error:
            return failed(error, debug_id)

    def _certificate(self, name: str, debug_id: str) -> Answer:
        pem = self.face.certificates.pem(name)
        if pem is None:
            return failed(no_such(), debug_id)
        return Answer(200, pem.encode(), {"Content-Type": "application/x-pem-file"})

    async def _token(self, request: Request, body: bytes) -> Answer:
        account = token.client(self.world, self.face, request)
        if account is None:
            return token.refused(401, "invalid_client", "Client Authentication failed")
        if request.method != "POST":
            return token.refused(405, "method_not_supported", "Ask with POST")
        issued = partial(self._issued, account, body)
        return await door.with_faults(self.world, account, "POST /v1/oauth2/token", request, issued)

    def _issued(self, account: Account, body: bytes, instead: Instead | None = None) -> Answer:
        return token.issued(self.world, account, body) if instead is None else instead.answer


class Visit:
    """Answers one request of a known caller."""

    def __init__(
        self,
        world: World,
        face: PayPalFace,
        request: Request,
        account: Account,
        path: str,
        body: bytes,
        debug_id: str,
    ) -> None:
        self.world, self.face, self.request, self.account = world, face, request, account
        self.path, self.body, self.debug_id = path, body, debug_id
        self.key = request.headers.get("paypal-request-id")

    def do(self, instead: Instead | None = None) -> Answer:
        """Do the work; `instead` is answered in place of the outcome, or of the work."""
        if instead is not None and not instead.after:
            return instead.answer
        try:
            answer = self._done()
        except NotFound:
            return failed(no_such(), self.debug_id)
        except PayPalError as error:
            return failed(error, self.debug_id)
        return answer if instead is None else instead.answer

    def _done(self) -> Answer:
        matched, name = self._route()
        asked = self._asked(matched)
        self._mock()
        with self.world.work(self.account, cause=Cause(self.debug_id, self.key)) as work:
            kind, known = self._known(work, matched)
            if known is not None:
                return self._shown(work, work.get(KINDS[kind], known), 200)
            call = Call(work, name, asked, self.request.query_params, self.face.certificates)
            try:
                made = matched.answer(call)
            except PayPalError as error:
                if error.keeps:
                    return failed(error, self.debug_id)
                raise
            if isinstance(made, Record):
                self._remember(work, matched, made)
                return self._shown(work, made, matched.status)
        return Answer(204, b"") if made is None else Answer(200, json.dumps(made).encode())

    def _route(self) -> tuple[Route, str]:
        matched, name, known = route.find(self.request.method, self.path)
        if matched is None:
            raise PayPalError("METHOD_NOT_SUPPORTED") if known else no_such()
        return matched, name

    def _asked(self, matched: Route) -> Any:
        if self.request.method == "GET":
            return None
        if self.body and not self.request.headers.get("content-type", "").startswith(JSON_TYPE):
            raise PayPalError("UNSUPPORTED_MEDIA_TYPE")
        try:
            text = self.body.decode() or matched.empty
            from_json(text)  # a lone surrogate, which cannot be stored, is an error
        except ValueError:
            raise invalid("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.") from None
        try:
            return matched.body.validate_json(text)
        except ValidationError as error:
            raise shape.refusal(error) from None

    def _mock(self) -> None:
        """Refuse what the caller asks to be refused: PayPal's negative testing."""
        header = self.request.headers.get("paypal-mock-response")
        if header is None:
            return
        try:
            code = json.loads(header)["mock_application_codes"]
        except (ValueError, KeyError, TypeError):
            code = None
        if code == "INTERNAL_SERVER_ERROR":
            raise PayPalError(code)
        if code not in ISSUES:
            text = "The sandbox knows no such code."
            raise invalid("INVALID_PARAMETER_VALUE", text, "PayPal-Mock-Response", "header")
        raise unprocessable(code)

    def _known(self, work: Work, matched: Route) -> tuple[str, str | None]:
        if not matched.key_seconds or self.key is None:
            return "", None
        if not 1 <= len(self.key) <= LONGEST_KEY:
            text = "The value of a field is too long."
            raise invalid("INVALID_STRING_MAX_LENGTH", text, "PayPal-Request-Id", "header")
        return repeat.known(work, self.path, self.key, matched.key_seconds)

    def _remember(self, work: Work, matched: Route, made: Record) -> None:
        if matched.key_seconds and self.key is not None:
            repeat.remember(work, self.path, self.key, made)

    def _shown(self, work: Work, record: Record, status: int) -> Answer:
        """Return a thing as it stands now; what was just made, briefly, unless more is preferred."""
        shown = SHOWN[type(record)](work, record)
        brief = status == 201 and "return=representation" not in self.request.headers.get("prefer", "")
        if brief and "status" in shown:
            shown = {name: shown[name] for name in ("id", "status", "links")}
        return Answer(status, json.dumps(shown).encode())
