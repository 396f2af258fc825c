"""Signed tokens: of users, of single bookings, of tickets.

A token's algorithm and key come from us, never from the token: its header names a key of a table, and what
kind of token it is stands in its audience. Whoever verifies says what time it is. What does not hold is
refused as Unauthenticated, whatever it was.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import OKPAlgorithm
from jwt.types import Options
from jwt.utils import base64url_encode

from domain.ids import BookingId, LinkId, TenantId
from domain.refusal import Unauthenticated, Unknown
from domain.ticket import Ticket, TicketClaims
from domain.value import Value

USER_LIFETIME = timedelta(minutes=15)
BOOKING_LIFETIME = timedelta(days=400)
TICKET_LIFETIME = timedelta(days=365)
# How far the clock of whoever signed may be ahead of ours.
LEEWAY_SECONDS = 30
KID_LENGTH = 12

EDWARDS, SHARED = "EdDSA", "HS256"
API, BOOKING = "holdfast", "booking"

# We look at the times ourselves, with the caller's `now`.
_NO_TIMES: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}

V = TypeVar("V", bound=Value)


class UserClaims(Value):
    """What a user's token says: who, for which tenant, in which roles; `email` as OpenID Connect has it."""

    sub: str
    tenant: TenantId
    roles: tuple[str, ...]
    email: str | None = None
    email_verified: bool = False
    jti: str
    iat: int
    exp: int


class BookingAccess(Value):
    """What a booking access token opens: this booking, to be read, paid and cancelled."""

    tenant_id: TenantId
    booking_id: BookingId
    exp: int


class KeyRing:
    """One Ed25519 key that signs, and all that are believed, by their key ids (thumbprints).

    To rotate: sign with the new key and go on believing the old one until its last token has ended.
    """

    def __init__(self, private_pem: str, further_public_pems: str = "") -> None:
        key = load_pem_private_key(private_pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - the text is wrong
        self._private, self._kid = key, _kid(key.public_key())
        self._believed: dict[str, Ed25519PublicKey] = {self._kid: key.public_key()}
        for public in _public_keys(further_public_pems):
            self._believed[_kid(public)] = public

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Write a token; the same claims give the same token (RFC 8032 draws no random number)."""
        return jwt.encode(dict(claims), self._private, EDWARDS, {"kid": self._kid})

    def read(self, token: str, *, audience: str | None, issuer: str | None, now: datetime) -> dict[str, Any]:
        """Give the claims of a token in force that one of our keys signed. Refuses Unauthenticated."""
        key = self._believed.get(_header(token).get("kid", ""))
        if key is None:
            raise Unauthenticated("This token was not signed by a key of ours.")
        return _claims(token, key, EDWARDS, audience=audience, issuer=issuer, now=now)

    def jwks(self) -> list[dict[str, str]]:
        """List the public keys that are believed, the signing one first (RFC 7517)."""
        return [_jwk(key) | {"kid": kid, "alg": EDWARDS, "use": "sig"} for kid, key in self._believed.items()]


class UserTokens:
    """Tokens of users and services of this API."""

    def __init__(self, keys: KeyRing, issuer: str) -> None:
        self._keys, self._issuer = keys, issuer

    def sign(
        self,
        subject: str,
        tenant_id: TenantId,
        roles: Iterable[str],
        *,
        token_id: str,
        now: datetime,
        lifetime: timedelta = USER_LIFETIME,
        email: str | None = None,
        email_verified: bool = False,
    ) -> str:
        """Write a token; `token_id` names it for whoever keeps a list of revoked ones."""
        known = {"email": email, "email_verified": email_verified} if email else {}
        return self._keys.sign(
            {
                "iss": self._issuer,
                "aud": API,
                "sub": subject,
                "tenant": str(tenant_id),
                "roles": sorted(roles),
                "jti": token_id,
                **known,
                **_times(now, lifetime),
            }
        )

    def verify(self, token: str, now: datetime) -> UserClaims:
        """Give what a token in force says. Refuses Unauthenticated."""
        return _as(UserClaims, self._keys.read(token, audience=API, issuer=self._issuer, now=now))


class BookingTokens:
    """Tokens that open one booking to whoever holds them, so that guests need no account.

    Only we sign and verify them, so a shared secret will do. The same booking has the same token, always.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._header = jwt.encode({}, self._secret, SHARED).encode().partition(b".")[0]

    def sign(self, tenant_id: TenantId, booking_id: BookingId, *, made_at: datetime) -> str:
        """Write the token of a booking; `made_at` is the booking's own, not the clock's.

        By hand (RFC 7515, 7.1): one is signed for each booking, and PyJWT tries each time whether the secret
        is a key of another kind.
        """
        claims = {"aud": BOOKING, "sub": str(booking_id), "tnt": str(tenant_id)}
        written = json.dumps({**claims, **_times(made_at, BOOKING_LIFETIME)}, separators=(",", ":"))
        signed = self._header + b"." + base64url_encode(written.encode())
        signature = hmac.digest(self._secret, signed, sha256)
        return (signed + b"." + base64url_encode(signature)).decode()

    def verify(self, token: str, now: datetime) -> BookingAccess:
        """Give what a token in force opens. Refuses Unauthenticated."""
        claims = _claims(token, self._secret, SHARED, audience=BOOKING, issuer=None, now=now)
        opens = {"tenant_id": claims.get("tnt"), "booking_id": claims["sub"], "exp": claims["exp"]}
        return _as(BookingAccess, opens)


class LinkTokens:
    """Tokens in the addresses of payment links: ids and a signature of 128 bits, so that none is stored.

    How long a link is good says its row, which can be revoked.
    """

    def __init__(self, secret: str, site: str) -> None:
        self._secret, self._site = b"payment link:" + secret.encode(), site

    def address(self, tenant_id: TenantId, link_id: LinkId) -> str:
        """Write the address that a link is opened at."""
        return f"{self._site}/pay/{self.sign(tenant_id, link_id)}"

    def sign(self, tenant_id: TenantId, link_id: LinkId) -> str:
        """Write the token of a link, base64url; the same link has the same token."""
        names = tenant_id.bytes + link_id.bytes
        return urlsafe_b64encode(names + self._signature(names)).decode().rstrip("=")

    def verify(self, token: str) -> tuple[TenantId, LinkId]:
        """Give whose and which link a token names. Refuses Unknown for what we have not signed."""
        try:
            signed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise Unknown from None
        names = signed[:32]
        if len(signed) != 48 or not hmac.compare_digest(signed[32:], self._signature(names)):
            raise Unknown
        return TenantId(UUID(bytes=names[:16])), LinkId(UUID(bytes=names[16:]))

    def _signature(self, names: bytes) -> bytes:
        return hmac.new(self._secret, names, sha256).digest()[:16]


class TicketTokens:
    """Tokens of tickets, which anybody with our public keys can check, also without a network."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def sign(self, claims: TicketClaims) -> str:
        """Write the token of a ticket; the same claims give the same token, so none has to be stored."""
        return self._keys.sign(claims.model_dump(mode="json"))

    def verify(self, token: str, now: datetime) -> TicketClaims:
        """Give what a ticket's token in force says. Refuses Unauthenticated."""
        return _as(TicketClaims, self._keys.read(token, audience=None, issuer=None, now=now))


def ticket_claims(
    ticket: Ticket, *, issued_at: datetime, lifetime: timedelta = TICKET_LIFETIME
) -> TicketClaims:
    """Say what a ticket's token shall claim; it lasts `lifetime`, or longer if the ticket does."""
    times = _times(issued_at, max(lifetime, ticket.valid_until - issued_at))
    return TicketClaims(sub=ticket.id, evt=ticket.slot_id, typ=ticket.variant_id, ver=ticket.version, **times)


def kind(token: str) -> str | None:
    """Tell, before anything is verified, for whom a token says it is; nothing when it is no token."""
    try:
        audience = jwt.decode(token, options={"verify_signature": False}).get("aud")
    except jwt.PyJWTError:
        return None
    return audience if isinstance(audience, str) else None


def _claims(
    token: str,
    key: Ed25519PublicKey | bytes,
    algorithm: str,
    *,
    audience: str | None,
    issuer: str | None,
    now: datetime,
) -> dict[str, Any]:
    wanted = ["exp", "iat", "sub", *(["aud"] if audience else []), *(["iss"] if issuer else [])]
    options: Options = {**_NO_TIMES, "require": wanted, "strict_aud": audience is not None}
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], audience=audience, issuer=issuer, options=options
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Unauthenticated("This token does not hold.") from None
    _in_force(claims, int(now.timestamp()))
    return claims


def _in_force(claims: Mapping[str, Any], now: int) -> None:
    begins = (claims["iat"], claims.get("nbf", 0))
    if not all(type(each) is int for each in (claims["exp"], *begins)):
        raise Unauthenticated("This token does not hold.")
    if claims["exp"] <= now:
        raise Unauthenticated("This token has ended.")
    if max(begins) > now + LEEWAY_SECONDS:
        raise Unauthenticated("This token is not in force yet.")


def _as(kind: type[V], claims: Mapping[str, Any]) -> V:
    try:
        return kind.model_validate(claims)
    except ValueError:
        raise Unauthenticated("This token does not hold.") from None


def _times(since: datetime, lifetime: timedelta) -> dict[str, int]:
    return {"iat": int(since.timestamp()), "exp": int((since + lifetime).timestamp())}


def _header(token: str) -> Mapping[str, Any]:
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Unauthenticated("This token does not hold.") from None
    return header


def _public_keys(pems: str) -> Sequence[Ed25519PublicKey]:
    end = "-----END PUBLIC KEY-----"
    keys = [load_pem_public_key((text + end).encode()) for text in pems.split(end)[:-1]]
    if not all(isinstance(key, Ed25519PublicKey) for key in keys):
        raise ValueError("not an Ed25519 key")
    return [key for key in keys if isinstance(key, Ed25519PublicKey)]


def _jwk(key: Ed25519PublicKey) -> dict[str, str]:
    jwk = OKPAlgorithm.to_jwk(key, as_dict=True)
    return {name: str(jwk[name]) for name in ("kty", "crv", "x")}


def _kid(key: Ed25519PublicKey) -> str:
    """Give the RFC 7638 thumbprint: SHA-256 over the required members in lexical order, base64url.

    Its beginning, for it travels in every code to scan.
    """
    jwk = _jwk(key)
    text = f'{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}","x":"{jwk["x"]}"}}'
    return base64url_encode(sha256(text.encode()).digest()).decode()[:KID_LENGTH]
