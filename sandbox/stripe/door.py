"""Where Stripe's API comes in: whose key, which call, has it been answered before, what it may say."""

import base64
import binascii
import json

import stripe
from starlette.requests import Request
from starlette.responses import Response

from sandbox import door
from sandbox.account import Account
from sandbox.door import Instead
from sandbox.face import Answer
from sandbox.record import NotFound
from sandbox.stripe import form, idempotency, route
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, no_such
from sandbox.stripe.expand import expand
from sandbox.stripe.face import StripeFace
from sandbox.stripe.route import Route
from sandbox.stripe.shape import judge
from sandbox.work import Cause, World

FORM = "application/x-www-form-urlencoded"
PUBLIC_EXTRAS = frozenset({"client_secret", "key"})
NOUNS = {
    "payment": "payment_intent", "attempt": "charge", "checkout": "checkout.session", "method": "PaymentMethod",
    "movement": "balance_transaction", "endpoint": "webhook_endpoint",
}  # fmt: skip


class StripeDoor:
    """Answers everything below `/stripe`."""

    def __init__(self, world: World, face: StripeFace) -> None:
        self.world, self.face = world, face
        self.in_flight: set[tuple[str, str]] = set()

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        request_id = self.world.request_id()
        path = request.scope["path"].removeprefix("/stripe")
        try:
            body = await door.read(request)
            key, account = self._caller(request)
            self._check_headers(request, account)
        except door.TooLarge:
            return self._response(_failed(StripeError(413, "Request too large.")), request_id)
        except StripeError as error:
            return self._response(_failed(error), request_id)
        visit = Visit(self, request, path, body, account, secret=not key.startswith("pk_"), request_id=request_id)
        return self._response(await visit.answer(), request_id)

    def _response(self, answer: Answer, request_id: str) -> Response:
        headers = {
            "Content-Type": "application/json", "Request-Id": request_id, "Stripe-Version": stripe.api_version,
            **answer.headers,
        }  # fmt: skip
        return door.response(answer, headers)

    def _caller(self, request: Request) -> tuple[str, Account]:
        key = _key(request.headers.get("authorization", "")) or request.query_params.get("key", "")
        if not key:
            raise StripeError(
                401, "You did not provide an API key. You need to provide your API key in the Authorization header, "
                "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
                "https://stripe.com/docs/api#authentication for details.",
            )  # fmt: skip
        owner = self.face.account_key(key)
        if owner is None:
            shown = key[:8] + "*" * max(0, min(20, len(key) - 12)) + key[-4:] if len(key) > 12 else "****"
            raise StripeError(401, f"Invalid API Key provided: {shown}")
        return key, self.world.account("stripe", owner)

    def _check_headers(self, request: Request, account: Account) -> None:
        version = request.headers.get("stripe-version", stripe.api_version)
        if version != stripe.api_version:
            raise StripeError(400, f"Invalid Stripe API version: {version[:40]}. The sandbox plays {stripe.api_version}.")
        connected = request.headers.get("stripe-account", account.id)
        if connected != account.id:
            raise StripeError(
                403, f"The provided key does not have access to account '{connected[:40]}' (or that account does not "
                "exist). Application access may have been revoked.", code="account_invalid",
            )  # fmt: skip


class Visit:
    """One request with a known caller."""

    def __init__(
        self, home: StripeDoor, request: Request, path: str, body: bytes, account: Account, *, secret: bool, request_id: str
    ) -> None:  # fmt: skip
        self.home, self.request, self.path, self.body, self.account = home, request, path, body, account
        self.secret, self.world = secret, home.world
        self.key = request.headers.get("idempotency-key") if request.method == "POST" else None
        self.cause = Cause(request_id, self.key)
        self.print = idempotency.fingerprint(request.method, path, body)

    async def answer(self) -> Answer:
        """Return the answer: refused, replayed, gone wrong on order, or freshly made."""
        if self.key is None:
            return await self._with_faults()
        lock = (self.account.id, self.key)
        try:
            if len(self.key) > idempotency.MAX_LENGTH or not self.key:
                raise StripeError(400, f"Idempotency keys must be 1 to {idempotency.MAX_LENGTH} characters.")
            if lock in self.home.in_flight:
                raise idempotency.in_use(self.key)
            saved = idempotency.replay(self.world, self.account, self.key, self.print)
        except StripeError as error:
            return _failed(error)
        if saved is not None:
            return saved
        self.home.in_flight.add(lock)
        try:
            return await self._with_faults()
        finally:
            self.home.in_flight.discard(lock)

    async def _with_faults(self) -> Answer:
        name = f"{self.request.method} {self.path}"
        return await door.with_faults(self.world, self.home.face, self.account, name, self.request, self._do)

    def _do(self, instead: Instead | None = None) -> Answer:
        """Do the work in one transaction; `instead` is answered in place of the outcome, or of the work."""
        try:
            if instead is not None and not instead.after:
                return self._saved(instead.answer) if instead.saved else instead.answer
            matched, ids, params = self._judged()
        except StripeError as error:
            return _failed(error)
        try:
            with self.world.work(self.account, cause=self.cause) as work:
                try:
                    answer = _rendered(expand(work, matched.answer(Call(work, ids, params, self.secret)),
                                              params.get("expand") or ()))  # fmt: skip
                except StripeError as error:
                    if not error.keeps:
                        raise
                    answer = _failed(error)
                answer = instead.answer if instead is not None else answer
                self._keep(answer)
        except NotFound as error:
            noun = NOUNS.get(error.kind, error.kind)
            return _failed(no_such(noun, error.record_id, "intent" if noun == "payment_intent" else "id"))
        except StripeError as error:
            return self._saved(_failed(error)) if error.saved else _failed(error)
        return answer

    def _saved(self, answer: Answer) -> Answer:
        with self.world.store.transaction():
            self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        if self.key is not None:
            idempotency.save(self.world, self.account, self.key, self.print, answer)

    def _judged(self) -> tuple[Route, tuple[str, ...], dict[str, object]]:
        found = route.find(self.request.method, self.path)
        if found is None:
            raise StripeError(
                404, f"Unrecognized request URL ({self.request.method}: {self.path}). If you are trying to list "
                "objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a "
                "valid (non-empty) identifier in your code.", code="url_invalid" if "//" in self.path else None,
            )  # fmt: skip
        matched, ids = found
        if not self.secret and not matched.public:
            raise StripeError(
                403, "This API call cannot be made with a publishable API key. Please use a secret API key.",
                code="secret_key_required",
            )  # fmt: skip
        extras = PUBLIC_EXTRAS if matched.public else frozenset()
        return matched, ids, judge(matched.params, form.decode(self._encoded()), extras)

    def _encoded(self) -> bytes:
        if self.request.method != "POST":
            return bytes(self.request.scope["query_string"])
        if self.body and not self.request.headers.get("content-type", FORM).startswith(FORM):
            raise StripeError(400, "Invalid request (check that your POST content type is "
                                   "application/x-www-form-urlencoded).")  # fmt: skip
        return self.body


def _key(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            return ""
    return ""


def _rendered(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, indent=2).encode())


def _failed(error: StripeError) -> Answer:
    return Answer(error.status, json.dumps({"error": error.error}, indent=2).encode(), dict(error.headers))
