"""Who may what: every route declares it, nothing that does not hold opens anything, and what is not yours is
not there.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api import deps
from api.app import PARTS
from api.deps import GRANTS, Allowed, Permission
from devtools.inside import new_key
from domain.refusal import Unauthenticated
from providers.token import KeyRing
from tests.api.conftest import RETURN, Door
from tests.support.people import BOTH, traveller
from tests.support.shop import open_shop
from tests.support.stack import Booked, bearer, publishable_key

ROUTES = [route for part in PARTS for route in part.router.routes if isinstance(route, APIRoute)]


def declared(dependant: Dependant) -> Iterator[Permission | None]:
    if isinstance(dependant.call, Allowed):
        yield dependant.call.permission
    if dependant.call is deps.OPEN.dependency:
        yield None
    for needed in dependant.dependencies:
        yield from declared(needed)


@pytest.mark.row("IAM-02", partly="the other roles' routes come with their areas")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_every_route_declares_one_permission_or_that_it_is_open(route: APIRoute) -> None:
    assert len({*declared(route.dependant)}) == 1


PAYMENT = {
    "amount": 2500,
    "currency": "EUR",
    "resource_type": "booking",
    "resource_id": "BK-2026-000001",
    "return_url": RETURN,
}
INTENT = {"amount": 2500, "currency": "EUR", "booking_reference": "BK-2026-000001"}
LINE = {"line": "0017", "booked_at": "2026-11-24T00:00:00Z"}
RECEIPT = {**LINE, "reference": "RF18539007547034", "amount": {"minor": 2500, "currency": "EUR"}}

# Everything that asks for a credential, with a good body, by what it needs.
ASKED: list[tuple[Permission, str, str, dict[str, Any] | None]] = [
    (Permission.SEE_CATALOGUE, "GET", "/offers", None),
    (Permission.SEE_CATALOGUE, "GET", "/offers/{offer}", None),
    (Permission.SEE_CATALOGUE, "GET", "/offers/{offer}/slots", None),
    (Permission.SEE_CATALOGUE, "GET", "/payment-methods/available", None),
    (Permission.SEE_CATALOGUE, "POST", "/quotes", {}),
    (Permission.BOOK, "POST", "/bookings", {}),
    (Permission.LIST_BOOKINGS, "GET", "/bookings", None),
    (Permission.READ_BOOKING, "GET", "/bookings/{booking}", None),
    (Permission.READ_BOOKING, "GET", "/bookings/by-reference/{reference}", None),
    (Permission.READ_BOOKING, "GET", "/bookings/{booking}/events", None),
    (Permission.READ_BOOKING, "GET", "/tickets/{any}", None),
    (Permission.READ_BOOKING, "GET", "/tickets/{any}/qr.svg", None),
    (Permission.READ_BOOKING, "GET", "/tickets/{any}/qr.png", None),
    (Permission.PAY, "POST", "/bookings/{booking}/payments", {"return_url": RETURN}),
    (Permission.PAY, "POST", "/bookings/{booking}/confirm", {"provider_ref": "pi_x"}),
    (Permission.CANCEL, "POST", "/bookings/{booking}/cancel", {}),
    (Permission.CLAIM, "POST", "/bookings/claim", None),
    (Permission.BOOK, "POST", "/tickets/bookings", {}),
    (Permission.SEE_REPORTS, "GET", "/analytics/bookings", None),
    (Permission.READ_BOOKING, "GET", "/bookings/{booking}/checkout", None),
    (Permission.READ_BOOKING, "GET", "/bookings/{booking}/passengers", None),
    (Permission.READ_BOOKING, "GET", "/bookings/{booking}/consents", None),
    (Permission.CHANGE, "PATCH", "/bookings/{booking}", {}),
    (Permission.CHANGE, "PUT", "/bookings/{booking}/passengers", {"passengers": [traveller()]}),
    (Permission.CHANGE, "POST", "/bookings/{booking}/consents", {"consents": BOTH}),
    (Permission.PAY, "POST", "/payments", PAYMENT),
    (Permission.LIST_BOOKINGS, "GET", "/payments", None),
    (Permission.READ_BOOKING, "GET", "/payments/{any}", None),
    (Permission.OPERATE, "GET", "/admin/transactions", None),
    (Permission.PAY, "POST", "/payments/create-intent", INTENT),
    (Permission.LINK, "POST", "/payment-links", {"booking": "{booking}"}),
    (Permission.LINK, "DELETE", "/payment-links/{any}", None),
    (Permission.KEEP_METHODS, "GET", "/users/me/payment-methods", None),
    (Permission.KEEP_METHODS, "POST", "/users/me/payment-methods", {"payment_token": "pm_1"}),
    (Permission.KEEP_METHODS, "POST", "/users/me/payment-methods/{any}/default", None),
    (Permission.KEEP_METHODS, "DELETE", "/users/me/payment-methods/{any}", None),
    (Permission.REFUND, "POST", "/payments/{any}/refunds", {"reason": "why"}),
    (Permission.LIST_BOOKINGS, "GET", "/api/bookings", None),
    (Permission.BOOK, "POST", "/api/bookings", {}),
    (Permission.READ_BOOKING, "GET", "/api/bookings/{booking}", None),
    (Permission.CHANGE, "PUT", "/api/bookings/{booking}", {}),
    (Permission.CANCEL, "DELETE", "/api/bookings/{booking}", None),
    (Permission.CANCEL, "POST", "/payments/{any}/cancel", {}),
    (Permission.CAPTURE, "POST", "/payments/{any}/capture", {}),
    (Permission.READ_BOOKING, "GET", "/payments/{any}/refunds", None),
    (Permission.READ_BOOKING, "GET", "/refunds/{any}", None),
    (Permission.OPERATE, "GET", "/admin/webhook-events", None),
    (Permission.OPERATE, "GET", "/admin/webhook-events/{any}", None),
    (Permission.OPERATE, "GET", "/admin/webhook-events/{any}/body", None),
    (Permission.OPERATE, "POST", "/admin/webhook-events/{any}/replay", {"reason": "why"}),
    (Permission.OPERATE, "POST", "/admin/webhook-events/{any}/ignore", {"reason": "why"}),
    (Permission.OPERATE, "GET", "/admin/blocks", None),
    (Permission.OPERATE, "POST", "/admin/blocks", {"user_id": "eve", "reason": "why"}),
    (Permission.OPERATE, "DELETE", "/admin/blocks/user/{any}", None),
    (Permission.OPERATE, "GET", "/disputes", None),
    (Permission.OPERATE, "GET", "/disputes/{any}", None),
    (Permission.OPERATE, "POST", "/disputes/{any}/evidence", {"text": "They sailed."}),
    (Permission.OPERATE, "GET", "/admin/payment-routes", None),
    (Permission.OPERATE, "PUT", "/admin/payment-routes", {"rules": []}),
    (Permission.OPERATE, "POST", "/admin/bank-receipts", RECEIPT),
    (Permission.OPERATE, "POST", "/admin/refunds/{any}/transferred", LINE),
    (Permission.OPERATE, "GET", "/admin/cases", None),
    (Permission.OPERATE, "GET", "/admin/cases/{any}", None),
    (Permission.OPERATE, "POST", "/admin/cases/{any}/close", {"note": "what"}),
    (Permission.OPERATE, "POST", "/admin/transactions/{any}/investigate", None),
    (Permission.OPERATE, "GET", "/admin/bookings/{booking}/attempts", None),
    (Permission.OPERATE, "GET", "/admin/bookings/{booking}/notices", None),
    (Permission.OPERATE, "POST", "/admin/notices/{any}/resend", {"reason": "why"}),
    (Permission.OPERATE, "POST", "/admin/sagas/{booking}/retry", {"reason": "why"}),
    (Permission.OPERATE, "POST", "/bookings/{booking}/review-answer", {"accepted": True}),
    (Permission.ACCEPT, "POST", "/bookings/{booking}/partner-answer", {"accepted": True}),
    (Permission.DECODE, "POST", "/codec/decode", {"payloads": []}),
]


def test_the_list_names_every_route_that_asks_for_a_credential() -> None:
    closed = {
        (method, route.path)
        for route in ROUTES
        if {*declared(route.dependant)} != {None}
        for method in route.methods or ()
    }

    assert len(closed) == len(ASKED)


async def asked(
    door: Door, booking: Booked, wanted: tuple[Permission, str, str, dict[str, Any] | None], headers: Any
) -> Any:
    _, method, path, body = wanted
    base = "" if path.startswith("/api/") else "/api/v1"
    url = base + path.format(
        booking=booking.id, reference=booking.reference, offer=door.shop.offer.id, any=uuid4()
    )
    if path.endswith("/events"):
        url = url.replace(str(booking.id), str(uuid4()))  # a stream that opens would not end here
    key = {"Idempotency-Key": uuid4().hex}
    return await door.http.request(method, url, json=body, headers={**key, **headers})


ROLES = [
    "user",
    "staff",
    "organizer",
    "operator",
    "platform",
    "admin",
    "cashier",
    "security",
    "partner",
    "nobody",
]


@pytest.mark.parametrize("role", [*ROLES, "channel", "booking"])
async def test_a_role_opens_what_it_is_granted_and_nothing_else(door: Door, role: str) -> None:
    booking = await door.book({**door.user(), **door.through()})
    shown = {"channel": door.key, "booking": bearer(booking.token)}.get(role)
    shown = shown or door.user(roles=[role], email="ada@example.net")
    granted = GRANTS[role][0] if role in GRANTS else frozenset()

    for wanted in ASKED:
        answer = await asked(door, booking, wanted, shown)

        assert (answer.status_code == 403) == (wanted[0] not in granted), (wanted, answer.text)
        assert answer.status_code not in (401, 500), (wanted, answer.text)


async def test_every_closed_route_asks_who_is_there(door: Door) -> None:
    booking = await door.book()
    counts = await door.counts()

    for wanted in ASKED:
        answer = await asked(door, booking, wanted, {})

        assert answer.status_code == 401, wanted
        assert answer.json()["code"] == "unauthenticated"
    assert await door.counts() == counts


def forged(door: Door) -> dict[str, dict[str, str]]:
    """Make everything that looks like a credential and is none."""
    other = KeyRing(new_key())
    claims = {
        "iss": door.settings.jwt_issuer,
        "aud": "holdfast",
        "sub": "ada",
        "tenant": str(door.shop.tenant_id),
        "roles": ["admin"],
        "jti": "1",
        "iat": 1_700_000_000,
        "exp": 4_000_000_000,
    }
    good = door.user(roles=["admin"])["Authorization"].removeprefix("Bearer ")
    public = (
        serialization.load_pem_private_key(door.settings.jwt_private_key.encode(), None)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head, body, signature = good.split(".")
    return {
        "expired": door.user(ago=timedelta(minutes=16)),
        "not yet": door.user(ago=-timedelta(minutes=5)),
        "another key": door.user(keys=other),
        "another issuer": door.user(issuer="somebody"),
        "unsigned": bearer(jwt.encode(claims, "", "none")),
        "a secret as key": bearer(jwt.encode(claims, "x" * 32, "HS256")),
        "the public key as secret": bearer(_hs256_with(public, claims, head)),
        "another body": bearer(f"{head}.{body[:-2]}AA.{signature}"),
        "cut off": bearer(good[:-5]),
        "no token": bearer("hello"),
        "an unknown key": bearer("pk_test_nobody"),
        "odd bytes": {"Authorization": "Bearer pk_\xff\xfe"},
        "nothing": {"Authorization": "Bearer "},
        "another scheme": {"Authorization": f"Basic {good}"},
    }


def _hs256_with(public: bytes, claims: dict[str, Any], head: str) -> str:
    """Sign as if the public key were a shared secret, which a verifier believes that trusts the header."""

    def encode(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    header = encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode())
    signed = f"{header}.{encode(json.dumps(claims).encode())}"
    return f"{signed}.{encode(hmac.digest(public, signed.encode(), hashlib.sha256))}"


@pytest.mark.row("SEC-05", partly="cookie clients come with the accounts")
async def test_no_credential_that_does_not_hold_opens_anything(door: Door) -> None:
    booking = await door.book()
    counts = await door.counts()

    for name, headers in forged(door).items():
        raw = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
        for method, path in (("GET", f"/bookings/{booking.id}"), ("POST", "/bookings"), ("GET", "/bookings")):
            answer = await door.http.request(
                method, f"/api/v1{path}", headers=raw, json=door.body() if method == "POST" else None
            )

            assert answer.status_code == 401, (name, answer.text)
    assert await door.counts() == counts


async def test_a_booking_token_of_another_secret_or_booking_opens_nothing(door: Door) -> None:
    mine, theirs = await door.book(), await door.book()
    claims = jwt.decode(mine.token, options={"verify_signature": False})
    foreign = jwt.encode(claims, "another secret of thirty-two characters", "HS256")

    assert (await door.get(f"/bookings/{mine.id}", bearer(foreign))).status_code == 401
    assert (await door.get(f"/bookings/{theirs.id}", bearer(mine.token))).status_code == 404
    assert (await door.get(f"/bookings/{mine.id}", bearer(mine.token))).status_code == 200


async def test_a_token_that_ends_ends_in_our_memory_too(door: Door) -> None:
    headers = door.user(ago=timedelta(minutes=14, seconds=20))
    token = headers["Authorization"].removeprefix("Bearer ")
    house = door.app.state.house
    now = await deps.now()

    known = await house.caller(token, now)

    assert known.user_id == "ada"
    assert house.verdicts[token][1] <= now + timedelta(seconds=41)


@pytest.mark.row("SAG-16", partly="the flight checkout's own addresses: test_flight.py")
async def test_another_users_booking_and_another_tenants_read_like_none(door: Door) -> None:
    booking = await door.book({**door.user("ada"), **door.through()})
    other = await open_shop(door.databases.app)
    strangers = {
        "another user": door.user("eve"),
        "another tenant's admin": door.user("ada", ["admin"], tenant_id=other.tenant_id),
        "another tenant's user of the same name": door.user("ada", tenant_id=other.tenant_id),
    }
    counts = await door.counts()
    texts = set()

    for who, headers in strangers.items():
        for path in (f"/bookings/{booking.id}", f"/bookings/{booking.reference}", f"/bookings/{uuid4()}"):
            answer = await door.get(path, headers)
            assert answer.status_code == 404, (who, path)
            problem = answer.json()
            del problem["request_id"], problem["instance"]
            texts.add(str(problem))
        for wish in ("payments", "confirm", "cancel"):
            body = {"payments": {"return_url": RETURN}, "confirm": {"provider_ref": "pi_1"}}.get(wish, {})
            answer = await door.http.post(
                f"/api/v1/bookings/{booking.id}/{wish}",
                json=body,
                headers={**headers, "Idempotency-Key": uuid4().hex},
            )
            assert answer.status_code in (403, 404), (who, wish)
    assert len(texts) == 1
    assert await door.counts() == counts


@pytest.mark.parametrize("role", ["staff", "organizer", "admin"])
async def test_the_organizers_people_see_all_bookings_of_the_tenant(door: Door, role: str) -> None:
    booking = await door.book()

    assert (await door.get(f"/bookings/{booking.id}", door.user(roles=[role]))).status_code == 200


async def test_a_withdrawn_key_is_forgotten_in_a_minute(door: Door) -> None:
    house = door.app.state.house
    await door.book()
    await door.judge.execute("update channels set publishable_key = 'pk_withdrawn'")
    key = publishable_key(door.shop)

    assert (await house.caller(key, await deps.now())).channel is not None
    with pytest.raises(Unauthenticated):
        await house.caller(key, await deps.now() + timedelta(seconds=61))
