"""The wish to pay, and the answer: where to pay, or with what.

The payment's id is made here and stored with the caller's key before anybody is asked: the same request under
the same key is the same payment, whatever broke in between. The saga answers by update-with-start, so nobody
waits for the relay. No answer yet (202) and nobody there (503) are not stored: the request goes on when it
comes again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from uuid_utils.compat import uuid7

from api import problem
from api.access import Named, theirs
from api.billing import keep, refuse_unbillable
from api.body import StrictRoute
from api.deps import BASE, Caller, House, Now, Parts, Permission, RequiredKey, fingerprint, may
from api.paying import Attempt, PaymentWish, opened, payable_through, stored_method
from api.route import Sold
from api.shape import Answer, Instant
from db import idempotency
from db.booking.read import Booking
from db.idempotency import Key, Stored
from db.payment import read as payments
from db.payment.attempt import Asker, note
from db.payment.read import Payment
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

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["payments"])

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
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.PAY, booking)
    used = Key(caller=caller.name, route=ROUTE, key=key, fingerprint=fingerprint(f"{ROUTE} {found.id}", wish))
    return await paid_under(
        request,
        parts,
        found,
        wish,
        used,
        asker=asker,
        user_id=caller.user_id,
        takes_cash=caller.may(Permission.TAKE_CASH),
        now=now,
    )


async def paid_under(
    request: Request,
    parts: House,
    found: Booking,
    wish: PaymentWish,
    used: Key,
    *,
    asker: Asker,
    user_id: str | None,
    takes_cash: bool = False,
    metadata: Mapping[str, str] | None = None,
    now: datetime,
) -> Response:
    """Answer a wish to pay under its key: as it was answered before, or by the booking's saga. Only who
    `takes_cash` may say that it was paid so.

    Raises Away and Unanswered, which are not stored.
    """
    attempt = await _claimed(request, parts, found, wish, used, user_id=user_id, takes_cash=takes_cash)
    if isinstance(attempt, Stored):
        return problem.replayed(attempt)
    async with parts.payments.tenant(found.tenant_id) as connection:
        await note(connection, found.tenant_id, attempt.payment_id, asker, user_id=user_id, metadata=metadata)
    try:
        stored = await _answered(request, parts, found, wish, attempt, now)
    except ProviderAway:
        async with parts.database.tenant(found.tenant_id) as connection:
            await idempotency.free(connection, found.tenant_id, used)
        raise
    async with parts.database.tenant(found.tenant_id) as connection:
        await idempotency.answer(connection, found.tenant_id, used, stored)
    return problem.replayed(stored)


async def _claimed(
    request: Request,
    parts: House,
    found: Booking,
    wish: PaymentWish,
    used: Key,
    *,
    user_id: str | None,
    takes_cash: bool,
) -> Attempt | Stored:
    """Store a payment's id with the key, if the wish may be met, in one transaction; or give the answer that
    is stored with it already.
    """
    async with parts.database.tenant(found.tenant_id) as connection:
        before = await idempotency.find(connection, found.tenant_id, used)
        if before is not None and before.answer is not None:
            return before.answer
        method = await stored_method(parts, found.tenant_id, user_id, wish)
        accounts = await payable_through(
            connection, parts, sold(found), wish, stored=method, takes_cash=takes_cash
        )
        refuse_unbillable(wish.billing, found.terms, wish.method)
        claim = await idempotency.claim(connection, found.tenant_id, used, uuid7())
        if claim.answer is not None:
            return claim.answer
        payment_id = PaymentId(claim.subject)
        await keep(connection, found.tenant_id, found.id, payment_id, wish.billing)
        suspicious = accounts[0].provider != CASH and await parts.limits.count_payment(
            connection, request, found.tenant_id, payment_id, user_id
        )
        tried = await payments.of_booking(connection, found.tenant_id, found.id)
    return Attempt(payment_id, accounts, tried, suspicious)


async def _answered(
    request: Request, parts: House, found: Booking, wish: PaymentWish, attempt: Attempt, now: datetime
) -> Stored:
    """Have the booking's saga answer; its no is an answer, too."""
    try:
        checkout = await opened(parts, found, wish, attempt, now)
    except Refusal as no:
        response = problem.of_refusal(request, no)
        return Stored(response.status_code, bytes(response.body))
    return Stored(201, shown(parts, checkout).model_dump_json().encode())


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
