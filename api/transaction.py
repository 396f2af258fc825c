"""The history of payments: a user's own, an organizer's, and one of them; from the rows alone."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import problem
from api.access import theirs
from api.body import StrictRoute
from api.deps import BASE, Caller, House, Parts, Permission, may
from api.operator.desk import ADMIN, Operator, place, turned
from api.shape import Answer, Cursor, Instant, Limit, Shape, WrittenInstant
from db.payment import read as payments
from db.payment.read import Payment
from domain.dispute import DisputeState
from domain.ids import PaymentId
from domain.money import Money
from domain.payment import PaymentStatus, RiskResult
from domain.refusal import Forbidden, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, tags=["payments"])

NOS = problem.answers(Unauthenticated, Forbidden, also=())


class TransactionFilter(Shape):
    """Which payments: in this state, made in [`from`, `to`)."""

    status: PaymentStatus | None = None
    since: Annotated[WrittenInstant | None, Field(alias="from")] = None
    until: Annotated[WrittenInstant | None, Field(alias="to")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class TransactionAnswer(Answer):
    """A payment as its record has it; what was taken and went back in minor units of `captured_currency`,
    which is another than `amount`'s only where a provider took what nobody asked for. `dispute` says that the
    payer's bank wants, or has taken, money back, and how far it has come.
    """

    id: UUID
    transaction_reference: str
    booking_id: UUID
    provider: str
    psp_reference: str | None
    amount: Money
    captured_minor: int
    captured_currency: str
    refunded_minor: int
    status: PaymentStatus
    dispute: DisputeState | None
    method: str | None
    card_brand: str | None
    card_last4: str | None
    decline_code: str | None
    created_at: Instant
    authorized_at: datetime | None
    captured_at: datetime | None

    @classmethod
    def of(cls, payment: Payment) -> Self:
        """Write what is shown of a payment."""
        return cls(**_record(payment))


class Examined(TransactionAnswer):
    """A payment as operators see it, with what the provider's check for fraud said."""

    risk_score: Decimal | None
    risk_result: RiskResult | None


class TransactionPage(Answer):
    """Payments, newest first; `next` is the cursor of the page that follows, if one does."""

    items: tuple[TransactionAnswer, ...]
    next: str | None


class ExaminedPage(Answer):
    """Payments as operators see them, newest first."""

    items: tuple[Examined, ...]
    next: str | None


Wanted = Annotated[TransactionFilter, Query()]


@router.get(f"{BASE}/payments", responses=NOS)
async def list_payments(
    parts: Parts, caller: Annotated[Caller, may(Permission.LIST_BOOKINGS)], wanted: Wanted
) -> TransactionPage:
    """List the payments that a user has made, or an organizer's, newest first."""
    own = None if caller.reaches_all(Permission.LIST_BOOKINGS) else caller.user_id
    found = await _found(parts, caller, wanted, user_id=own)
    shown, last = turned(found, wanted.limit)
    items = tuple(map(TransactionAnswer.of, shown))
    return TransactionPage(items=items, next=str(last.id) if last else None)


@router.get(f"{ADMIN}/transactions", responses=NOS)
async def list_transactions(parts: Parts, caller: Operator, wanted: Wanted) -> ExaminedPage:
    """List a tenant's payments for its operators, newest first."""
    shown, last = turned(await _found(parts, caller, wanted), wanted.limit)
    items = tuple(
        Examined(**_record(payment), risk_score=payment.risk_score, risk_result=payment.risk_result)
        for payment in shown
    )
    return ExaminedPage(items=items, next=str(last.id) if last else None)


@router.get(
    f"{BASE}/payments/{{payment_id}}", responses=problem.answers(Unauthenticated, Forbidden, Unknown, also=())
)
async def read_payment(
    parts: Parts, caller: Annotated[Caller, may(Permission.READ_BOOKING)], payment_id: UUID
) -> TransactionAnswer:
    """Show one payment of a booking that is the caller's."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        payment = await payments.find(connection, caller.tenant_id, PaymentId(payment_id))
        await theirs(connection, caller, Permission.READ_BOOKING, str(payment.booking_id))
    return TransactionAnswer.of(payment)


async def _found(
    parts: House, caller: Caller, wanted: TransactionFilter, *, user_id: str | None = None
) -> list[Payment]:
    """Find a page of payments, and one more where others follow."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        return await payments.page(
            connection,
            caller.tenant_id,
            user_id=user_id,
            status=wanted.status,
            since=wanted.since,
            until=wanted.until,
            after=place(wanted.cursor),
            limit=wanted.limit + 1,
        )


def _record(payment: Payment) -> dict[str, Any]:
    own = payment._asdict()
    return {name: own[name] for name in TransactionAnswer.model_fields if name in own} | {
        "psp_reference": payment.provider_ref
    }
