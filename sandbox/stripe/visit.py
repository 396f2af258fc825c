"""One request with a known caller: which call it is, whether it was answered before, and doing it."""

from starlette.requests import Request

from sandbox import door
from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.door import Instead
from sandbox.record import Json, NotFound
from sandbox.stripe import form, idempotency, route
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, no_such
from sandbox.stripe.expand import expand
from sandbox.stripe.route import Route
from sandbox.stripe.shape import judge
from sandbox.stripe.text import LINES
from sandbox.work import Cause, Work, World

FORM = "application/x-www-form-urlencoded"
PUBLIC_EXTRAS = frozenset({"client_secret", "key"})
NOUNS = {
    "payment": "payment_intent",
    "attempt": "charge",
    "checkout": "checkout.session",
    "method": "PaymentMethod",
    "movement": "balance_transaction",
    "endpoint": "webhook_endpoint",
}


class Visit:
    """Answers one request; `secret` tells whether it came with a secret key."""

    def __init__(
        self, world: World, request: Request, *, body: bytes, account: Account, secret: bool, request_id: str
    ) -> None:
        self.world, self.request, self.account, self.secret = world, request, account, secret
        self.body, self.path = body, request.scope["path"].removeprefix("/stripe")
        self.key = request.headers.get("idempotency-key") if request.method == "POST" else None
        self.cause = Cause(request_id, self.key)
        self.print = idempotency.fingerprint(request.method, self.path, body)

    async def answer(self, in_flight: set[tuple[str, str]]) -> Answer:
        """Return the answer: refused, replayed, gone wrong on order, or freshly made.

        `in_flight` holds accounts and keys of requests that are being answered right now.
        """
        if self.key is None:
            return await self._fresh()
        lock = (self.account.id, self.key)
        try:
            idempotency.check(self.key, in_use=lock in in_flight)
            saved = idempotency.replay(self.world, self.account, self.key, self.print)
        except StripeError as error:
            return failed(error)
        if saved is not None:
            return saved
        in_flight.add(lock)
        try:
            return await self._fresh()
        finally:
            in_flight.discard(lock)

    async def _fresh(self) -> Answer:
        name = f"{self.request.method} {self.path}"
        return await door.with_faults(self.world, self.account, name, self.request, self._do)

    def _do(self, instead: Instead | None = None) -> Answer:
        """Do the work; `instead` is answered in place of the outcome, or of the work."""
        if instead is not None and not instead.after:
            return self._saved(instead.answer) if instead.saved else instead.answer
        try:
            matched, ids, params = self._judged()
            with self.world.work(self.account, cause=self.cause) as work:
                answer = _worked(work, matched, Call(work, ids, params, self.secret))
                answer = answer if instead is None else instead.answer
                self._keep(answer)
        except NotFound as error:
            noun = NOUNS.get(error.kind, error.kind)
            return failed(no_such(noun, error.record_id, "intent" if noun == "payment_intent" else "id"))
        except StripeError as error:
            return self._saved(failed(error)) if error.saved else failed(error)
        return answer

    def _saved(self, answer: Answer) -> Answer:
        with self.world.store.transaction():
            self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        if self.key is not None:
            idempotency.save(self.world, self.account, self.key, self.print, answer)

    def _judged(self) -> tuple[Route, tuple[str, ...], Json]:
        found = route.find(self.request.method, self.path)
        if found is None:
            raise StripeError(
                404,
                f"Unrecognized request URL ({self.request.method}: {self.path}). If you are trying to list "
                "objects, remove the trailing slash. If you are trying to retrieve an object, make sure you "
                "passed a valid (non-empty) identifier in your code.",
            )
        matched, ids = found
        if not self.secret and not matched.public:
            raise StripeError(
                403,
                "This API call cannot be made with a publishable API key. Please use a secret API key.",
                code="secret_key_required",
            )
        extras = PUBLIC_EXTRAS if matched.public else frozenset()
        return matched, ids, judge(matched.params, form.decode(self._encoded()), extras)

    def _encoded(self) -> bytes:
        if self.request.method != "POST":
            return bytes(self.request.scope["query_string"])
        if self.body and not self.request.headers.get("content-type", FORM).startswith(FORM):
            raise StripeError(400, f"Invalid request (check that your POST content type is {FORM}).")
        return self.body


def _worked(work: Work, matched: Route, call: Call) -> Answer:
    """Answer a call; a refusal that keeps what was done, such as a declined charge, is an answer too."""
    try:
        return rendered(expand(work, matched.answer(call), call.params.get("expand") or ()))
    except StripeError as error:
        if error.keeps:
            return failed(error)
        raise


def rendered(value: Json) -> Answer:
    """Return an object as an answer."""
    return Answer(200, LINES.encode(value).encode())


def failed(error: StripeError) -> Answer:
    """Return a refusal as an answer."""
    return Answer(error.status, LINES.encode({"error": error.error}).encode())
