"""Giving money back by hand: accepted in one transaction, seen through by a run of its own.

The wish is judged where the money is known, under the payment's lock, and stored with the caller's key and an
entry in the audit; the relay begins the run. So it may be sent while Temporal or the provider is away. A
person's words of why stay in the row and travel through no saga.
"""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Response
from pydantic import Field, JsonValue, StringConstraints
from uuid_utils.compat import uuid7

from api import problem
from api.access import theirs
from api.body import StrictRoute
from api.deps import BASE, Caller, House, Parts, Permission, RequiredKey, fingerprint, may
from api.shape import Answer, MoneyShape, Shape, example
from db import audit, idempotency
from db.idempotency import Key, Stored
from db.payment import read as payments
from db.payment.read import Payment
from db.refund import intent, read as refunds
from db.refund.read import Refund
from domain.booking import OPEN
from domain.ids import PaymentId, RefundId
from domain.money import Money
from domain.payment import PaymentStatus
from domain.refund import Hindrance, RefundPayment, RefundStatus, standing_after
from domain.refusal import (
    ExceedsCaptured,
    Forbidden,
    IllegalMove,
    InvalidRequest,
    KeyMissing,
    KeyReused,
    Unauthenticated,
    Unknown,
)

ROUTE = "POST /payments/{payment}/refunds"
BY_HAND = "by_hand"

router = APIRouter(route_class=StrictRoute, prefix=BASE, tags=["refunds"])

NOS = problem.answers(Unauthenticated, Forbidden, Unknown)


class RefundWish(Shape):
    """Give `amount` back, or all that is left of the payment; `reason` is for your own people."""

    model_config = example(amount={"minor": 1500, "currency": "EUR"}, reason="The cabin had no window.")

    amount: MoneyShape | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class RefundAnswer(Answer):
    """Money on its way back. `payment_status` is what its payment is called by now.

    `original_psp_reference` names what was paid at the provider, `refund_psp_reference` what goes back, once
    the provider has taken it. `waits_for` says why it does not get on, `failure_code` why it failed,
    `retry_of` which failed refund it replaces. Why, and by whom it was asked for, is shown to those who may
    refund.
    """

    id: UUID
    refund_reference: str
    payment_id: UUID
    booking_id: UUID
    amount: Money
    status: RefundStatus
    payment_status: str
    cause: str
    original_psp_reference: str | None
    refund_psp_reference: str | None
    retry_of: UUID | None
    reason: str | None = None
    initiated_by: str | None = None
    waits_for: Hindrance | None = None
    failure_code: str | None = None
    created_at: datetime
    changed_at: datetime
    processed_at: datetime | None

    @classmethod
    def of(cls, refund: Refund, payment: Payment, caller: Caller) -> Self:
        """Write what this caller is shown of a refund."""
        hidden = (
            {
                "reason": refund.reason,
                "initiated_by": refund.initiated_by,
                "waits_for": refund.hindrance,
                "failure_code": refund.failure_code,
            }
            if caller.may(Permission.REFUND)
            else {}
        )
        return cls(
            id=refund.id,
            refund_reference=refund.reference,
            payment_id=refund.payment_id,
            booking_id=refund.booking_id,
            amount=refund.amount,
            status=refund.status,
            payment_status=standing_after(payment.status, payment.captured_minor, payment.refunded_minor),
            cause=refund.cause,
            original_psp_reference=refund.original_ref,
            refund_psp_reference=refund.provider_ref,
            retry_of=refund.retry_of,
            created_at=refund.created_at,
            changed_at=refund.changed_at,
            processed_at=refund.processed_at,
            **hidden,
        )


class Refunds(Answer):
    """The refunds of a payment, the first first."""

    items: tuple[RefundAnswer, ...]


Id = Annotated[UUID, Field(description="An id")]


@router.post(
    "/payments/{payment_id}/refunds",
    status_code=201,
    response_model=RefundAnswer,
    responses=problem.answers(
        Unauthenticated, Forbidden, Unknown, KeyMissing, KeyReused, IllegalMove, ExceedsCaptured
    ),
)
async def create_refund(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.REFUND)],
    payment_id: Id,
    wish: RefundWish,
    key: RequiredKey,
) -> Response:
    """Give money of a payment back, whole or in parts; the same key and body are the same refund.

    A confirmed booking whose money goes back whole loses its tickets and places. 422 `exceeds_captured`: more
    would go back than is left. 409: the booking is still on its way; cancel it instead.
    """
    payment = await _payment(parts, caller, Permission.REFUND, PaymentId(payment_id), closed=True)
    if wish.amount and (wish.amount.currency != payment.captured_currency or not wish.amount.minor):
        raise _not_this_amount(wish.amount, payment)
    used = Key(
        caller=caller.name, route=ROUTE, key=key, fingerprint=fingerprint(f"{ROUTE} {payment_id}", wish)
    )
    async with parts.payments.tenant(caller.tenant_id) as connection:
        claim = await idempotency.claim(connection, caller.tenant_id, used, uuid7())
        if claim.answer is not None:
            return problem.replayed(claim.answer)
        request = RefundPayment(
            tenant_id=caller.tenant_id,
            booking_id=payment.booking_id,
            payment_id=payment.id,
            refund_id=RefundId(claim.subject),
            amount=wish.amount.money() if wish.amount else None,
            cause=BY_HAND,
        )
        refund = await intent.ask(connection, request, reason=wish.reason, initiated_by=caller.name)
        await audit.write(
            connection,
            caller.tenant_id,
            actor=caller.name,
            action="payment.refund",
            subject=payment.id,
            after={"refund": str(refund.id), "amount": refund.amount.model_dump()},
        )
        shown = RefundAnswer.of(refund, payment, caller)
        stored = Stored(201, shown.model_dump_json().encode())
        await idempotency.answer(connection, caller.tenant_id, used, stored)
    return problem.replayed(stored)


@router.get("/payments/{payment_id}/refunds", responses=NOS)
async def list_refunds(
    parts: Parts, caller: Annotated[Caller, may(Permission.READ_BOOKING)], payment_id: Id
) -> Refunds:
    """List what went back of a payment, or is on its way."""
    payment = await _payment(parts, caller, Permission.READ_BOOKING, PaymentId(payment_id))
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await refunds.of_payment(connection, caller.tenant_id, payment.id)
    return Refunds(items=tuple(RefundAnswer.of(each, payment, caller) for each in found))


@router.get("/refunds/{refund_id}", responses=NOS)
async def read_refund(
    parts: Parts, caller: Annotated[Caller, may(Permission.READ_BOOKING)], refund_id: Id
) -> RefundAnswer:
    """Show where a refund stands."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        refund = await refunds.find(connection, caller.tenant_id, RefundId(refund_id))
    payment = await _payment(parts, caller, Permission.READ_BOOKING, refund.payment_id)
    return RefundAnswer.of(refund, payment, caller)


async def _payment(
    parts: House, caller: Caller, permission: Permission, payment_id: PaymentId, *, closed: bool = False
) -> Payment:
    """Find a payment of a booking that is the caller's; with `closed`, one that no open run counts on, as a
    conflicted one. Refuses Unknown, IllegalMove.
    """
    async with parts.database.tenant(caller.tenant_id) as connection:
        payment = await payments.find(connection, caller.tenant_id, payment_id)
        booking = await theirs(connection, caller, permission, str(payment.booking_id))
    structlog.contextvars.bind_contextvars(payment_id=str(payment_id))
    if closed and booking.status in OPEN and payment.status is not PaymentStatus.CONFLICTED:
        raise IllegalMove(
            "This booking is still on its way: cancel it, and its money goes back.",
            status=booking.status.value,
            trigger="refund",
        )
    return payment


def _not_this_amount(amount: MoneyShape, payment: Payment) -> InvalidRequest:
    pointer, detail = "/amount", "It has to be more than nothing."
    if amount.currency != payment.captured_currency:
        pointer, detail = "/amount/currency", f"This payment was made in {payment.captured_currency}."
    error: JsonValue = {"pointer": pointer, "code": "not_allowed", "detail": detail}
    return InvalidRequest("This amount cannot be given back.", errors=[error])
