"""Our public keys, with which anybody verifies the tokens of users and tickets (RFC 7517)."""

from fastapi import APIRouter, Response

from api.body import StrictRoute
from api.deps import OPEN, Parts
from api.shape import Answer

router = APIRouter(route_class=StrictRoute, tags=["operations"], dependencies=[OPEN])


class PublicKey(Answer):
    """One Ed25519 key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class PublicKeys(Answer):
    """All keys that are believed."""

    keys: tuple[PublicKey, ...]


@router.get("/.well-known/jwks.json")
async def public_keys(parts: Parts, response: Response) -> PublicKeys:
    """List the public keys of users' tokens and of tickets."""
    response.headers["Cache-Control"] = "public, max-age=300"
    known = {key["kid"]: key for ring in parts.tokens.keys for key in ring.jwks()}
    return PublicKeys(keys=tuple(PublicKey(**key) for key in known.values()))
