"""Access tokens: what a client id and its secret are exchanged for, and what every other call shows."""

import base64
import binascii
import json
from urllib.parse import parse_qsl

from starlette.requests import Request

from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.identifier import derive
from sandbox.paypal.error import PayPalError
from sandbox.paypal.face import PayPalFace
from sandbox.work import World

LIFE_SECONDS = 9 * 3600
SCOPE = (
    "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/applications/webhooks"
)


def client(world: World, face: PayPalFace, request: Request) -> Account | None:
    """Return the account that shows its id and secret; the secret of the first time is the account's."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    key = face.account_key(name) if scheme.lower() == "basic" else None
    if key is None or len(secret) < 8:
        return None
    mark = derive(secret)
    return world.account("paypal", key) if world.store.meta(f"secret of {key}", mark) == mark else None


def issued(world: World, account: Account, body: bytes) -> Answer:
    """Return a new token, or say that the grant is none that is given."""
    if dict(parse_qsl(body.decode(errors="replace"))).get("grant_type") != "client_credentials":
        return refused(400, "unsupported_grant_type", "Grant Type is NULL or not supported")
    expires = int(world.now(account)) + LIFE_SECONDS
    named = base64.urlsafe_b64encode(f"{account.key} {expires}".encode()).decode().rstrip("=")
    told = {
        "scope": SCOPE,
        "access_token": f"A21AA{named}.{_seal(world, account.key, expires)}",
        "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T",
        "expires_in": LIFE_SECONDS,
        "nonce": derive(world.seed, account.id, expires),
    }
    return Answer(200, json.dumps(told).encode())


def bearer(world: World, request: Request) -> Account:
    """Return the account of a token; refuse one that is none, or over."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    named, _, seal = token.removeprefix("A21AA").partition(".")
    try:
        key, _, expires = base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)).decode().partition(" ")
        until = int(expires)
    except ValueError:
        raise PayPalError("AUTHENTICATION_FAILURE") from None
    if scheme.lower() != "bearer" or seal != _seal(world, key, until):
        raise PayPalError("AUTHENTICATION_FAILURE")
    account = world.account("paypal", key)
    if until <= world.now(account):
        raise PayPalError("AUTHENTICATION_FAILURE")
    return account


def refused(status: int, error: str, description: str) -> Answer:
    """Return a refusal in the form of OAuth 2."""
    return Answer(status, json.dumps({"error": error, "error_description": description}).encode())


def _seal(world: World, key: str, expires: int) -> str:
    return derive(world.seed, "token", key, expires, length=32)
