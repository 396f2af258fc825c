"""Payments by the resource they are for: the two shapes in which shops ask for one.

Both are the wish to pay of `api/payment.py` in other words: the amount is the caller's expectation, held
against what is due, and never ours to believe.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field, JsonValue, StringConstraints

from api import problem
from api.access import theirs
from api.back import BackUrl
from api.billing import BillingWish
from api.body import StrictRoute
from api.deps import BASE, Caller, Now, Parts, Permission, RequiredKey, fingerprint, may
from api.paying import PaymentWish
from api.payment import NOS, Asking, PaymentAnswer, Wished, answered, claimed
from api.shape import MOST_MINOR, Answer, Code, Email, MoneyShape, Shape, example
from db.booking.read import Booking
from db.idempotency import Key
from db.payment.attempt import Asker
from domain.refusal import InvalidRequest

ROUTE = "POST /payments"
INTENT_ROUTE = "POST /payments/create-intent"
BOOKING = "booking"
# Where a rule of the wish to pay is broken, in these shapes.
POINTERS = {"/amount/minor": "/amount", "/amount/currency": "/currency", "/method": "/payment_method"}

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/payments", tags=["payments"])

Payer = Annotated[Caller, may(Permission.PAY)]
Minor = Annotated[int, Field(strict=True, ge=1, le=MOST_MINOR, description="Minor units")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]
Labels = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")],
        Annotated[str, StringConstraints(max_length=500)],
    ],
    Field(max_length=20, description="Kept with the payment; at most 20"),
]


class PaymentFor(Shape):
    """A payment for a resource: today a booking, by its id or reference.

    `amount` must be what is due, or a part that the offer lets be paid.
    """

    model_config = example(
        amount=2500,
        currency="EUR",
        resource_type=BOOKING,
        resource_id="BK-2026-000042",
        return_url="https://shop.example/thanks",
    )

    amount: Minor
    currency: Currency
    resource_type: Literal["booking"]
    resource_id: Annotated[str, Field(min_length=3, max_length=100)]
    return_url: BackUrl
    payment_method: Code | None = None
    billing: BillingWish | None = None
    metadata: Labels = Field(default_factory=dict)


class PaymentForAnswer(Answer):
    """Where to pay (`redirect_url`), or what a provider's own script is begun with (`session_data`, and the
    `publishable_key` of our account there).
    """

    payment_id: UUID
    provider: str
    session_data: str | None = None
    publishable_key: str | None = None
    redirect_url: str | None = None


class IntentWish(Shape):
    """A payment that the client completes with a secret.

    `email`, where it is given, must be the booking's own.
    """

    model_config = example(amount=2500, currency="EUR", booking_reference="BK-2026-000042")

    amount: Minor
    currency: Currency
    booking_reference: Annotated[str, Field(min_length=3, max_length=100)]
    email: Email | None = None
    billing: BillingWish | None = None
    metadata: Labels = Field(default_factory=dict)


class IntentAnswer(Answer):
    """What the client pays with, at which provider: the one that took the wish, whoever was asked first."""

    payment_id: UUID
    provider: str
    client_secret: str | None = None
    publishable_key: str | None = None


@router.post("", status_code=201, response_model=PaymentForAnswer, responses={**NOS, **problem.PENDING})
async def create_payment(
    request: Request, parts: Parts, caller: Payer, wish: PaymentFor, key: RequiredKey, asker: Asking, now: Now
) -> Response:
    """Open a payment for what is due of a resource. The same key and body get the same answer."""
    asked = PaymentWish(
        return_url=wish.return_url, method=wish.payment_method, amount=_expected(wish), billing=wish.billing
    )
    async with parts.payments.tenant(caller.tenant_id) as connection:
        booking = await theirs(connection, caller, Permission.PAY, wish.resource_id)
        wished = _wished(caller, booking, ROUTE, key, wish, asked, asker)
        attempt = await claimed(connection, request, parts, wished)
    answer = await answered(request, parts, wished, attempt, now)
    return _reshaped(
        answer,
        lambda paid: PaymentForAnswer(
            payment_id=paid.payment_id,
            provider=paid.provider,
            session_data=paid.client_secret,
            publishable_key=paid.publishable_key,
            redirect_url=paid.payment_url,
        ),
    )


@router.post(
    "/create-intent", status_code=201, response_model=IntentAnswer, responses={**NOS, **problem.PENDING}
)
async def create_intent(
    request: Request, parts: Parts, caller: Payer, wish: IntentWish, key: RequiredKey, asker: Asking, now: Now
) -> Response:
    """Open a payment that the client completes itself. The same key and body get the same answer."""
    asked = PaymentWish(
        return_url=f"{parts.rules.api_url}/return", hosted=False, amount=_expected(wish), billing=wish.billing
    )
    async with parts.payments.tenant(caller.tenant_id) as connection:
        booking = await theirs(connection, caller, Permission.PAY, wish.booking_reference)
        if wish.email is not None and wish.email.lower() != booking.contact.email.lower():
            error: JsonValue = {"pointer": "/email", "code": "not_allowed", "detail": "Not this booking's."}
            raise InvalidRequest("The request breaks a rule.", errors=[error])
        wished = _wished(caller, booking, INTENT_ROUTE, key, wish, asked, asker)
        attempt = await claimed(connection, request, parts, wished)
    answer = await answered(request, parts, wished, attempt, now)
    return _reshaped(
        answer,
        lambda paid: IntentAnswer(
            payment_id=paid.payment_id,
            provider=paid.provider,
            client_secret=paid.client_secret,
            publishable_key=paid.publishable_key,
        ),
    )


def _expected(wish: PaymentFor | IntentWish) -> MoneyShape:
    return MoneyShape(minor=wish.amount, currency=wish.currency)


def _wished(
    caller: Caller,
    booking: Booking,
    route: str,
    key: str,
    wish: PaymentFor | IntentWish,
    asked: PaymentWish,
    asker: Asker,
) -> Wished:
    """Write a wish in the caller's words as one of ours."""
    return Wished(
        booking=booking,
        wish=asked,
        key=Key(caller=caller.name, route=route, key=key, fingerprint=fingerprint(route, wish)),
        asker=asker,
        user_id=caller.user_id,
        metadata=wish.metadata,
    )


def _reshaped(answer: Response, shape: Callable[[PaymentAnswer], Answer]) -> Response:
    """Say how to pay in the caller's words; a no points at the caller's fields."""
    if answer.status_code == HTTPStatus.CREATED:
        paid = PaymentAnswer.model_validate_json(bytes(answer.body))
        return Response(shape(paid).model_dump_json(), 201, media_type="application/json")
    document = json.loads(bytes(answer.body))
    for error in document.get("errors", ()):
        error["pointer"] = POINTERS.get(error.get("pointer"), error.get("pointer"))
    return Response(json.dumps(document), answer.status_code, media_type=answer.media_type)
