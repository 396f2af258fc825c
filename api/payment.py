"""The wish to pay, and the answer: where to pay, or with what.

The payment's id is made here and stored with the caller's key before anybody is asked: the same request under
the same key is the same payment, whatever broke in between. The saga answers by update-with-start, so nobody
waits for the relay. No answer yet (202) and nobody there (503) are not stored: the request goes on when it
comes again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from api import problem
from api.access import Named, theirs
from api.billing import keep, refuse_unbillable
from api.deps import BASE, Caller, House, Now, Parts, Permission, RequiredKey, fingerprint, may
from api.flat import StrictFlatRoute
from api.paying import Attempt, PaymentWish, opened, payable_through, stored_method, tried_before
from api.route import Sold
from api.shape import Answer, Instant
from db import idempotency
from db.booking.read import Booking
from db.idempotency import Key, Stored
from db.payment.attempt import Asker, use_key
from db.payment.read import Payment
from db.session import Connection
from domain.bank import BankTransfer
from domain.ids import PaymentId
from domain.payment import CASH, Checkout, PaymentStatus
from domain.refusal import (
    AlreadyPaid,
    AttemptsExhausted,
    BookingEnded,
    Forbidden,
    HoldEnded,
    IllegalMove,
    KeyMissing,
    KeyReused,
    MethodDeactivated,
    PaymentDeclined,
    PriceChanged,
    ProviderRefused,
    QuotaExceeded,
    Refusal,
    Unauthenticated,
    Unknown,
)
from workflows.client import ProviderAway

ROUTE = "POST /bookings/{booking}/payments"
LONGEST_AGENT = 500

router = APIRouter(route_class=StrictFlatRoute, prefix=f"{BASE}/bookings", tags=["payments"])

NOS = problem.answers(
    Unauthenticated,
    Forbidden,
    Unknown,
    KeyMissing,
    KeyReused,
    AlreadyPaid,
    AttemptsExhausted,
    BookingEnded,
    HoldEnded,
    IllegalMove,
    MethodDeactivated,
    PaymentDeclined,
    PriceChanged,
    ProviderRefused,
    QuotaExceeded,
)


async def asker(request: Request, parts: Parts) -> Asker:
    """Tell who asks, as far as the request shows: kept with the payment, for those who look into fraud."""
    agent = request.headers.get("user-agent")
    return Asker(
        ip_address=parts.limits.client(request) or None, user_agent=agent[:LONGEST_AGENT] if agent else None
    )


Asking = Annotated[Asker, Depends(asker)]


class PaymentAnswer(Answer):
    """An attempt to pay: where to pay (`payment_url`), with what (`client_secret`, `publishable_key`), or
    whom, by a bank `transfer` that has to come until `expires_at`.

    With `refused` (a problem's code) the wish was answered no. Beyond `pending` nobody has to do anything:
    the booking tells what comes of it. Else it is not answered yet: send the same request again under the
    same Idempotency-Key, or look at the booking.
    """

    payment_id: UUID
    status: PaymentStatus
    provider: str
    payment_url: str | None = None
    client_secret: str | None = None
    publishable_key: str | None = None
    transfer: BankTransfer | None = None
    expires_at: Instant | None = None
    refused: str | None = None

    @property
    def answered(self) -> bool:
        """Say whether this is how to pay, or a no: an answer that stays."""
        done = self.status is not PaymentStatus.PENDING
        return bool(self.payment_url or self.client_secret or self.transfer or self.refused) or done


class Wished(NamedTuple):
    """A wish to pay, under which key and from whom. Only who `takes_cash` may say that it was paid so."""

    booking: Booking
    wish: PaymentWish
    key: Key
    asker: Asker
    user_id: str | None
    takes_cash: bool = False
    metadata: Mapping[str, str] | None = None


@router.post(
    "/{booking}/payments", status_code=201, response_model=PaymentAnswer, responses={**NOS, **problem.PENDING}
)
async def start_payment(
    request: Request,
    parts: Parts,
    caller: Annotated[Caller, may(Permission.PAY)],
    booking: Named,
    wish: PaymentWish,
    key: RequiredKey,
    asker: Asking,
    now: Now,
) -> Response:
    """Open a checkout for what is due of a booking; an earlier one that is still open is closed first.

    The same key and body get the same answer. 202: not answered in time; 503: not possible at this moment.
    Both carry Retry-After and ask for the same request under the same key.
    """
    async with parts.payments.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.PAY, booking)
        mark = fingerprint(f"{ROUTE} {found.id}", wish)
        wished = Wished(
            booking=found,
            wish=wish,
            key=Key(caller=caller.name, route=ROUTE, key=key, fingerprint=mark),
            asker=asker,
            user_id=caller.user_id,
            takes_cash=caller.may(Permission.TAKE_CASH),
        )
        attempt = await claimed(connection, request, parts, wished)
    return await answered(request, parts, wished, attempt, now)


async def claimed(connection: Connection, request: Request, parts: House, wished: Wished) -> Attempt | Stored:
    """Store a payment's id with the key, if the wish may be met, and who asks; or give the answer that is
    stored with it already. In a transaction of the payment role: who is refused has wished for nothing.
    """
    found, wish = wished.booking, wished.wish
    claim = await use_key(
        connection,
        found.tenant_id,
        wished.key,
        wished.asker,
        user_id=wished.user_id,
        metadata=wished.metadata,
    )
    if claim.answer is not None:
        return claim.answer
    method = await stored_method(connection, found.tenant_id, wished.user_id, wish)
    await stored_method(connection, found.tenant_id, found.user_id, wish)  # the buyer's, whoever asks
    accounts = await payable_through(
        connection, parts, sold(found), wish, stored=method, takes_cash=wished.takes_cash
    )
    refuse_unbillable(wish.billing, found.terms, wish.method)
    payment_id = PaymentId(claim.subject)
    suspicious = accounts[0].provider != CASH and await parts.limits.count_payment(
        connection, request, found.tenant_id, payment_id, wished.user_id
    )
    tried = await tried_before(connection, found)
    return Attempt(payment_id, accounts, tried, suspicious)


async def answered(
    request: Request, parts: House, wished: Wished, attempt: Attempt | Stored, now: datetime
) -> Response:
    """Answer a wish to pay as it was answered before, or by the booking's saga, whose no is an answer, too.

    Raises Away and Unanswered, which are not stored.
    """
    if isinstance(attempt, Stored):
        return problem.replayed(attempt)
    booking, wish = wished.booking, wished.wish
    tenant_id = booking.tenant_id
    if wish.billing is not None:  # which the payment role does not see
        async with parts.database.tenant(tenant_id) as connection:
            await keep(connection, tenant_id, booking.id, attempt.payment_id, wish.billing)
    try:
        checkout = await opened(parts, booking, wish, attempt, now)
    except ProviderAway:
        async with parts.payments.tenant(tenant_id) as connection:
            await idempotency.free(connection, tenant_id, wished.key)
        raise
    except Refusal as no:
        response = problem.of_refusal(request, no)
        stored = Stored(response.status_code, bytes(response.body))
    else:
        stored = Stored(201, shown(parts, checkout).model_dump_json().encode())
    async with parts.payments.looking(tenant_id) as connection:
        await idempotency.answer(connection, tenant_id, wished.key, stored)
    return problem.replayed(stored)


def sold(booking: Booking) -> Sold:
    """Say what a payment of a booking is for."""
    return Sold(
        booking.tenant_id, booking.channel_id, booking.offer_id, booking.due.currency, booking.due.minor
    )


def as_it_stands(parts: House, payment: Payment) -> PaymentAnswer:
    """Show an attempt to pay as its row knows it."""
    checkout = payment.checkout or Checkout(payment_id=payment.id, provider=payment.provider)
    return _answer(parts, checkout, payment.status)


def shown(parts: House, checkout: Checkout) -> PaymentAnswer:
    """Show a checkout that was just opened."""
    return _answer(parts, checkout, PaymentStatus.PROCESSING if checkout.paid else PaymentStatus.PENDING)


def _answer(parts: House, checkout: Checkout, status: PaymentStatus) -> PaymentAnswer:
    key = parts.rules.publishable_keys.get((checkout.provider, checkout.account))
    return PaymentAnswer(
        **checkout.model_dump(), status=status, publishable_key=key if checkout.client_secret else None
    )
