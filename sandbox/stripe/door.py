"""Where Stripe's API comes in: whose key it is and whether its headers are right."""

import base64
import binascii

import stripe
from starlette.requests import Request
from starlette.responses import Response

from sandbox import door
from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.payee import Payee, Purse
from sandbox.record import NotFound
from sandbox.stripe.error import StripeError
from sandbox.stripe.face import StripeFace
from sandbox.stripe.visit import Visit, failed
from sandbox.work import World


class StripeDoor:
    """Answers everything below `/stripe`."""

    def __init__(self, world: World, face: StripeFace) -> None:
        self.world, self.face = world, face
        self.in_flight: set[tuple[str, str]] = set()

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        request_id = self.world.request_id()
        answer = await self._answer(request, request_id)
        headers = {
            "Content-Type": "application/json",
            "Request-Id": request_id,
            "Stripe-Version": stripe.api_version,
        }
        return door.response(answer, {**headers, **answer.headers})

    async def _answer(self, request: Request, request_id: str) -> Answer:
        try:
            body = await door.read(request)
            key, account = self._caller(request)
            account = self._acting_for(request, account)
        except door.TooLarge:
            return failed(StripeError(413, "Request too large."))
        except StripeError as error:
            return failed(error)
        secret = not key.startswith("pk_")
        visit = Visit(self.world, request, body=body, account=account, secret=secret, request_id=request_id)
        return await visit.answer(self.in_flight)

    def _caller(self, request: Request) -> tuple[str, Account]:
        key = _key(request.headers.get("authorization", "")) or request.query_params.get("key", "")
        if not key:
            raise StripeError(
                401,
                "You did not provide an API key. You need to provide your API key in the Authorization "
                "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
                "https://stripe.com/docs/api#authentication for details.",
            )
        owner = self.face.account_key(key)
        if owner is None:
            hidden = f"{key[:8]}{'*' * min(20, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "****"
            raise StripeError(401, f"Invalid API Key provided: {hidden}")
        return key, self.world.account("stripe", owner)

    def _acting_for(self, request: Request, account: Account) -> Account:
        """Return whose world a request is about: the key's own, or one of the accounts it has connected."""
        version = request.headers.get("stripe-version", stripe.api_version)
        if version != stripe.api_version:
            raise StripeError(
                400, f"Invalid Stripe API version: {version[:40]}. The sandbox plays {stripe.api_version}."
            )
        connected = request.headers.get("stripe-account", account.id)
        if connected == account.id:
            return account
        try:
            return Purse(self.world.store.get(Payee, account.id, connected).id, account)
        except NotFound:
            raise StripeError(
                403,
                f"The provided key does not have access to account '{connected[:40]}' (or that account does "
                "not exist). Application access may have been revoked.",
                code="account_invalid",
            ) from None


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
