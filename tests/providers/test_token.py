"""Tokens: what holds, and everything that must not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, strategies as st

from domain.ids import BookingId, OfferId, SlotId, TenantId, TicketId, VariantId
from domain.refusal import Unauthenticated
from domain.ticket import Ticket, TicketClaims
from providers import token
from providers.token import BookingTokens, KeyRing, TicketTokens, UserTokens, ticket_claims

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TENANT, BOOKING = TenantId(uuid4()), BookingId(uuid4())
SECRET = "a shared secret of forty characters ....."  # noqa: S105 - made up here
CLAIMS = TicketClaims(
    sub=TicketId(uuid4()),
    evt=SlotId(uuid4()),
    typ=VariantId(uuid4()),
    ver=1,
    iat=int(NOW.timestamp()),
    exp=int((NOW + timedelta(days=365)).timestamp()),
)


def private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
RING = KeyRing(private_pem(NEW))
USERS, BOOKINGS, TICKETS = UserTokens(RING, "holdfast"), BookingTokens(SECRET), TicketTokens(RING)


def user_token(users: UserTokens = USERS, **given: Any) -> str:
    return users.sign("user-1", TENANT, ["operator", "admin"], token_id="jti-1", now=NOW, **given)  # noqa: S106 - an id


def parts(signed: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = signed.split(".")
    return _decoded(header), _decoded(claims), signature


def _decoded(text: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=="))
    return decoded


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_user_token_says_who_for_whom_and_in_which_roles() -> None:
    claims = USERS.verify(user_token(), NOW)

    assert (claims.sub, claims.tenant, claims.roles) == ("user-1", TENANT, ("admin", "operator"))
    assert claims.exp - claims.iat == 15 * 60


def test_a_booking_has_one_token_for_ever_and_it_opens_this_booking_alone() -> None:
    tokens = {BOOKINGS.sign(TENANT, BOOKING, made_at=NOW) for _ in range(3)}

    assert len(tokens) == 1
    opens = BOOKINGS.verify(tokens.pop(), NOW)
    assert (opens.tenant_id, opens.booking_id) == (TENANT, BOOKING)


@pytest.mark.row("TKT-04", partly="shorter forms and the check at the door come with the tickets")
def test_a_ticket_token_survives_a_round_trip_with_only_the_public_key() -> None:
    signed = TICKETS.sign(CLAIMS)

    public = jwt.PyJWK(RING.jwks()[0]).key
    claims = jwt.decode(
        signed, public, algorithms=["EdDSA"], options={"verify_exp": False, "verify_iat": False}
    )

    assert TICKETS.verify(signed, NOW) == TicketClaims.model_validate(claims) == CLAIMS
    assert set(claims) == {"sub", "evt", "typ", "ver", "iat", "exp"}


@pytest.mark.row("TKT-04", partly="shorter forms and the check at the door come with the tickets")
def test_a_ticket_lasts_a_year_or_as_long_as_what_it_admits_to() -> None:
    near = Ticket(
        id=CLAIMS.sub,
        tenant_id=TENANT,
        booking_id=BOOKING,
        offer_id=OfferId(uuid4()),
        slot_id=CLAIMS.evt,
        variant_id=CLAIMS.typ,
        number="T-1",
        valid_from=NOW,
        valid_until=NOW + timedelta(days=1),
    )
    far = near.model_copy(update={"valid_until": NOW + timedelta(days=700)})

    assert ticket_claims(near, issued_at=NOW) == CLAIMS
    assert ticket_claims(far, issued_at=NOW).exp == int(far.valid_until.timestamp())


@pytest.mark.row("TKT-04", partly="shorter forms and the check at the door come with the tickets")
def test_the_old_key_is_believed_after_rotation_and_no_longer_when_it_is_dropped() -> None:
    signed = TicketTokens(KeyRing(private_pem(OLD))).sign(CLAIMS)
    rotated = TicketTokens(KeyRing(private_pem(NEW), public_pem(OLD)))

    assert rotated.verify(signed, NOW) == CLAIMS
    with pytest.raises(Unauthenticated):
        TICKETS.verify(signed, NOW)


def test_the_published_keys_have_ids_and_nothing_private() -> None:
    keys = KeyRing(private_pem(NEW), public_pem(OLD) + public_pem(NEW)).jwks()

    assert len(keys) == 2
    assert {frozenset(key) for key in keys} == {frozenset({"kty", "crv", "x", "kid", "alg", "use"})}
    assert parts(user_token())[0]["kid"] == keys[0]["kid"]


def forged(header: dict[str, Any], key: Any, algorithm: str | None) -> str:
    return jwt.PyJWS().encode(CLAIMS.model_dump_json().encode(), key, algorithm, header)


RSA = generate_private_key(65537, 2048)
KID = RING.jwks()[0]["kid"]
RAW_PUBLIC = NEW.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


@pytest.mark.row("TKT-04", partly="shorter forms and the check at the door come with the tickets")
@pytest.mark.parametrize(
    ("header", "key", "algorithm"),
    [
        pytest.param({"kid": KID}, None, "none", id="no signature"),
        pytest.param({"kid": KID}, RAW_PUBLIC, "HS256", id="the public key as a shared secret"),
        pytest.param({"kid": KID}, RSA, "RS256", id="another algorithm"),
        pytest.param({"kid": KID}, OLD, "EdDSA", id="another key under our id"),
        pytest.param({"kid": "foreign"}, NEW, "EdDSA", id="a foreign id"),
        pytest.param({}, NEW, "EdDSA", id="no id"),
    ],
)
def test_confusion_of_keys_and_algorithms_is_refused(
    header: dict[str, Any], key: Any, algorithm: str | None
) -> None:
    with pytest.raises(Unauthenticated):
        TICKETS.verify(forged(header, key, algorithm), NOW)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_booking_token_takes_one_algorithm_and_one_secret() -> None:
    claims = parts(BOOKINGS.sign(TENANT, BOOKING, made_at=NOW))[1]
    wrong = [
        jwt.PyJWS().encode(json.dumps(claims).encode(), None, "none"),  # type: ignore[arg-type] # no key
        jwt.encode(claims, SECRET, "HS512"),
        jwt.encode(claims, SECRET + ".", "HS256"),
        jwt.encode(claims, NEW, "EdDSA", {"kid": KID}),
    ]

    for each in wrong:
        with pytest.raises(Unauthenticated):
            BOOKINGS.verify(each, NOW)


def test_no_kind_of_token_passes_for_another() -> None:
    signed = {
        USERS.verify: user_token(),
        BOOKINGS.verify: BOOKINGS.sign(TENANT, BOOKING, made_at=NOW),
        TICKETS.verify: TICKETS.sign(CLAIMS),
    }

    for verify, own in signed.items():
        verify(own, NOW)
        for other in set(signed.values()) - {own}:
            with pytest.raises(Unauthenticated):
                verify(other, NOW)


def test_a_token_of_another_issuer_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        USERS.verify(user_token(UserTokens(RING, "somebody else")), NOW)


def test_a_token_is_refused_before_its_time_and_from_its_last_second() -> None:
    signed = user_token()

    USERS.verify(signed, NOW + timedelta(minutes=15, seconds=-1))
    USERS.verify(signed, NOW - timedelta(seconds=30))
    for moment in (NOW + timedelta(minutes=15), NOW - timedelta(seconds=31), NOW + timedelta(days=9)):
        with pytest.raises(Unauthenticated):
            USERS.verify(signed, moment)


ODD: list[Any] = [None, {}, True, 1e300, float("nan")]
TEXTS = ["", "x" * 100]


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        *(
            (claim, value)
            for claim in ("exp", "iat", "sub", "aud", "tenant", "roles", "iss", "jti")
            for value in ODD
        ),
        *((claim, value) for claim in ("exp", "iat", "aud", "tenant", "roles", "iss") for value in TEXTS),
        *((claim, []) for claim in ("exp", "iat", "sub", "aud", "tenant", "iss", "jti")),
        ("aud", ["holdfast"]),
        ("exp", -1),
        ("nbf", 10**12),
    ],
)
def test_a_claim_of_a_wrong_shape_is_refused_even_when_we_signed_it(changed: str, value: Any) -> None:
    claims = {**parts(user_token())[1], changed: value}
    signed = jwt.PyJWS().encode(json.dumps(claims).encode(), NEW, "EdDSA", {"kid": KID})

    with pytest.raises(Unauthenticated):
        USERS.verify(signed, NOW)


@pytest.mark.parametrize("missing", ["exp", "iat", "sub", "aud", "tenant", "roles", "iss", "jti"])
def test_a_token_that_lacks_a_claim_is_refused(missing: str) -> None:
    claims = {name: value for name, value in parts(user_token())[1].items() if name != missing}

    with pytest.raises(Unauthenticated):
        USERS.verify(RING.sign(claims), NOW)


@given(text=st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode() + "..x"))
def test_whatever_is_no_token_is_refused_and_nothing_else(text: str) -> None:
    for verify in (USERS.verify, BOOKINGS.verify, TICKETS.verify):
        with pytest.raises(Unauthenticated):
            verify(text, NOW)
    assert token.kind(text) is None


@given(place=st.integers(min_value=0), letter=st.sampled_from("ABCXYZabcxyz0189-_.="))
def test_one_changed_letter_is_enough(place: int, letter: str) -> None:
    for verify, signed in ((USERS.verify, user_token()), (TICKETS.verify, TICKETS.sign(CLAIMS))):
        at = place % (len(signed) - 1)  # the last letter holds unused bits
        if signed[at] == letter:
            continue
        with pytest.raises(Unauthenticated):
            verify(signed[:at] + letter + signed[at + 1 :], NOW)


def test_a_header_of_a_wrong_shape_is_refused() -> None:
    _, claims, signature = parts(user_token())
    for header in (
        {"alg": "EdDSA", "kid": []},
        {"alg": [], "kid": KID},
        {"kid": KID},
        {"alg": "EdDSA", "kid": None},
    ):
        with pytest.raises(Unauthenticated):
            USERS.verify(f"{_encoded(header)}.{_encoded(claims)}.{signature}", NOW)


def test_a_token_tells_its_kind_before_it_is_verified() -> None:
    assert token.kind(user_token()) == token.API
    assert token.kind(BOOKINGS.sign(TENANT, BOOKING, made_at=NOW)) == token.BOOKING
    assert token.kind(TICKETS.sign(CLAIMS)) is None


def test_keys_of_another_kind_are_refused_at_the_start() -> None:
    rsa = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    rsa_public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    with pytest.raises(ValueError, match="Ed25519"):
        KeyRing(rsa)
    with pytest.raises(ValueError, match="Ed25519"):
        KeyRing(private_pem(NEW), rsa_public)
