"""What becomes of a payment that is not taken yet: it is let go, or taken by hand, whole or in part.

Both are wishes to the booking's run, which alone asks the provider, between two of its steps. A key is asked
for: the same key and body get the same answer.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from uuid_utils.compat import uuid7

from api import problem
from api.access import theirs
from api.body import StrictRoute
from api.deps import BASE, Caller, House, Parts, Permission, RequiredKey, fingerprint, may
from api.operator.desk import Words, note
from api.shape import MoneyShape, Shape, example
from api.transaction import TransactionAnswer
from db import idempotency
from db.booking.read import Booking
from db.idempotency import Key, Stored
from db.payment import read as payments
from db.payment.read import Payment
from domain.booking import OPEN
from domain.ids import PaymentId
from domain.payment import LAPSED, PaymentStatus, TakePayment
from domain.refusal import (
    AlreadyCaptured,
    BookingEnded,
    ExceedsAuthorized,
    Forbidden,
    IllegalMove,
    KeyMissing,
    KeyReused,
    LessThanDue,
    PaymentNotCompleted,
    Refusal,
    Unauthenticated,
    Unknown,
)

CANCEL = "POST /payments/{payment}/cancel"
CAPTURE = "POST /payments/{payment}/capture"

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/payments", tags=["payments"])

NOS = (Unauthenticated, Forbidden, Unknown, KeyMissing, KeyReused, AlreadyCaptured, BookingEnded)

# Nothing more comes of it; what is conflicted stays so, for a person looks at it.
LET_GO = (*LAPSED, PaymentStatus.CONFLICTED)


class LetGoWish(Shape):
    """Why, for your own people."""

    model_config = example(reason="Pays at the counter.")

    reason: Words | None = None


class CaptureWish(Shape):
    """Take `amount` of what was authorised, or all of it; the rest is free for the buyer again."""

    model_config = example(amount={"minor": 6000, "currency": "EUR"})

    amount: MoneyShape | None = None


@router.post(
    "/{payment_id}/cancel",
    response_model=TransactionAnswer,
    responses={**problem.answers(*NOS, IllegalMove), **problem.PENDING},
)
async def cancel_payment(
    request: Request,
    parts: Parts,
    caller: Annotated[Caller, may(Permission.CANCEL)],
    payment_id: UUID,
    key: RequiredKey,
    wish: LetGoWish | None = None,
) -> Response:
    """Let a payment go: its checkout can be paid no more, what was authorised is released. Its booking stays,
    to be paid otherwise while its time lasts.

    Let go already answers the same. 409 `already_captured`: it was taken; refund it instead.
    """
    booking, payment = await _theirs(parts, caller, Permission.CANCEL, payment_id)
    wish = wish or LetGoWish()

    async def let_go() -> Payment:
        _refuse_captured(payment)
        if payment.status not in LAPSED and booking.status in OPEN:
            await _told(
                parts.sagas.cancel_payment(
                    booking.request(grace=parts.rules.grace), payment.id, wish_id=str(uuid7())
                )
            )
        after = await _again(parts, payment, booking)
        _refuse_captured(after)
        if after.status not in LET_GO:
            raise BookingEnded("This booking has ended.", status=booking.status.value)
        if caller.reaches_all(Permission.CANCEL):
            await _note(parts, caller, "payment.cancel", payment, after, reason=wish.reason or "")
        return after

    used = _key(caller, CANCEL, key, payment, wish)
    return await _under(request, parts, booking, used, payment, let_go)


@router.post(
    "/{payment_id}/capture",
    response_model=TransactionAnswer,
    responses={
        **problem.answers(*NOS, PaymentNotCompleted, ExceedsAuthorized, LessThanDue),
        **problem.PENDING,
    },
)
async def capture_payment(
    request: Request,
    parts: Parts,
    caller: Annotated[Caller, may(Permission.CAPTURE)],
    payment_id: UUID,
    key: RequiredKey,
    wish: CaptureWish | None = None,
) -> Response:
    """Take what a buyer has authorised now, instead of right before the booking is confirmed.

    Of more than is due (all of the price, where a deposit would do) a part may be taken that pays for the
    booking still. 409 `already_captured`: nothing of it is left to take.
    """
    booking, payment = await _theirs(parts, caller, Permission.CAPTURE, payment_id)
    wish = wish or CaptureWish()
    amount = wish.amount.money() if wish.amount else None

    async def take() -> Payment:
        _refuse_captured(payment)
        if booking.status in OPEN:
            await _told(
                parts.sagas.take_payment(
                    booking.request(grace=parts.rules.grace),
                    TakePayment(payment_id=payment.id, amount=amount),
                    wish_id=str(uuid7()),
                )
            )
        after = await _again(parts, payment, booking)
        if not after.captured_minor:
            raise BookingEnded("This booking has ended.", status=booking.status.value)
        await _note(parts, caller, "payment.capture", payment, after, captured_minor=after.captured_minor)
        return after

    used = _key(caller, CAPTURE, key, payment, wish)
    return await _under(request, parts, booking, used, payment, take)


async def _theirs(
    parts: House, caller: Caller, permission: Permission, payment_id: UUID
) -> tuple[Booking, Payment]:
    """Find a payment of a booking that is the caller's. Refuses Unknown."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        payment = await payments.find(connection, caller.tenant_id, PaymentId(payment_id))
        return await theirs(connection, caller, permission, str(payment.booking_id)), payment


async def _under(
    request: Request,
    parts: House,
    booking: Booking,
    used: Key,
    payment: Payment,
    work: Callable[[], Awaitable[Payment]],
) -> Response:
    """Answer under a key: as it was answered before, or by what comes of `work`, which may be done again.

    Raises Away and Unanswered, which are not stored.
    """
    async with parts.database.tenant(booking.tenant_id) as connection:
        claim = await idempotency.claim(connection, booking.tenant_id, used, payment.id)
    if claim.answer is not None:
        return problem.replayed(claim.answer)
    try:
        stored = Stored(200, TransactionAnswer.of(await work()).model_dump_json().encode())
    except Refusal as no:
        response = problem.of_refusal(request, no)
        stored = Stored(response.status_code, bytes(response.body))
    async with parts.database.tenant(booking.tenant_id) as connection:
        await idempotency.answer(connection, booking.tenant_id, used, stored)
    return problem.replayed(stored)


async def _told(wish: Awaitable[object]) -> None:
    try:
        await wish
    except BookingEnded:
        pass  # meanwhile: the row knows how


async def _again(parts: House, payment: Payment, booking: Booking) -> Payment:
    async with parts.database.tenant(booking.tenant_id) as connection:
        return await payments.find(connection, booking.tenant_id, payment.id)


async def _note(
    parts: House, caller: Caller, action: str, before: Payment, after: Payment, **facts: object
) -> None:
    """Write an operator's act down, unless nothing has changed by it."""
    if before.status is after.status:
        return
    async with parts.database.tenant(caller.tenant_id) as connection:
        await note(
            connection,
            caller,
            action,
            before.id,
            before={"status": before.status.value},
            after={"status": after.status.value, **facts},
        )


def _key(caller: Caller, route: str, key: str, payment: Payment, wish: Shape) -> Key:
    mark = fingerprint(f"{route} {payment.id}", wish)
    return Key(caller=caller.name, route=route, key=key, fingerprint=mark)


def _refuse_captured(payment: Payment) -> None:
    if payment.captured_minor:
        raise AlreadyCaptured("This payment was taken.", captured=payment.captured_minor)
