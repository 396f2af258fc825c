"""What operators do about one booking: see every attempt to pay, have a parked step tried again."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from uuid_utils.compat import uuid7

from api import problem
from api.access import Named, theirs
from api.body import StrictRoute
from api.deps import House, Parts, Permission
from api.operator.desk import ADMIN, NOS, ActWish, Operator, at_desk, note
from api.shape import Answer, Instant
from db import case as cases, decline as declines
from db.booking.read import Booking
from db.decline import Declined
from db.payment import read as payments
from db.payment.read import Payment
from domain.booking import BookingStatus, Progress
from domain.case import CaseKind
from domain.decline import Decline
from domain.money import Money
from domain.payment import PaymentStatus
from domain.refusal import BookingEnded, Forbidden, NothingToRetry, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, prefix=ADMIN, tags=["operators"])


class DeclinedTry(Answer):
    """One try that a bank declined: our `code` for why, which the buyer was told, and the provider's own
    word, which buyers never see.
    """

    code: Decline
    reason: str | None
    at: Instant


class AttemptAnswer(Answer):
    """One attempt to pay, with every try on it that was declined, the first first."""

    payment_id: UUID
    provider: str
    account: str
    method: str | None
    amount: Money
    status: PaymentStatus
    captured_minor: int
    captured_currency: str
    refunded_minor: int
    declines: int
    tries: tuple[DeclinedTry, ...]
    provider_ref: str | None


class AttemptList(Answer):
    """All attempts to pay a booking, the first first; `declines` and `most` are what the limit counts."""

    booking_id: UUID
    reference: str
    status: BookingStatus
    cause: str
    declines: int
    most: int
    items: tuple[AttemptAnswer, ...]


class RunAnswer(Answer):
    """Where the run of a booking stands: its step, and the undo that waits for an operator, if one does."""

    booking_id: UUID
    reference: str
    step: str
    parked: str | None
    deadline: datetime | None


@router.get("/bookings/{booking}/attempts", responses=NOS)
async def list_attempts(parts: Parts, caller: Operator, booking: Named) -> AttemptList:
    """List every attempt to pay a booking, with the provider's own word for each decline."""
    async with at_desk(parts, caller) as connection:
        found = await theirs(connection, caller, Permission.OPERATE, booking)
        tried = await payments.of_booking(connection, found.tenant_id, found.id)
        declined = await declines.of_booking(connection, found.tenant_id, found.id)
    items = tuple(
        AttemptAnswer(
            payment_id=each.id,
            provider=each.provider,
            account=each.account,
            method=each.method,
            amount=each.amount,
            status=each.status,
            captured_minor=each.captured_minor,
            captured_currency=each.captured_currency,
            refunded_minor=each.refunded_minor,
            declines=each.declines,
            tries=tuple(_tries(declined, each)),
            provider_ref=each.provider_ref,
        )
        for each in tried
    )
    return AttemptList(
        booking_id=found.id,
        reference=found.reference,
        status=found.status,
        cause=found.cause,
        declines=sum(each.declines for each in tried),
        most=found.terms.payment_attempts,
        items=items,
    )


@router.post(
    "/sagas/{booking}/retry",
    responses={**problem.answers(Unauthenticated, Forbidden, Unknown, NothingToRetry), **problem.PENDING},
)
async def retry_step(
    parts: Parts, caller: Operator, booking: Named, wish: ActWish | None = None
) -> RunAnswer:
    """Have the step tried again that a booking's run is parked at; its case is closed.

    The case is closed before the run hears of it and stays locked until then, for the step may be refused
    anew at once: that opens another.
    """
    reason = wish.reason if wish else ""
    async with at_desk(parts, caller) as connection:
        found = await theirs(connection, caller, Permission.OPERATE, booking)
        await cases.close(
            connection,
            found.tenant_id,
            found.id,
            closed_by=caller.name,
            note=f"tried again: {reason}" if reason else "tried again",
            kind=CaseKind.STEP,
        )
        progress = await _tried_again(parts, found)
        await note(
            connection, caller, "saga.retry", found.id, after={"step": progress.step, "reason": reason}
        )
    return RunAnswer(
        booking_id=found.id,
        reference=found.reference,
        step=progress.step,
        parked=progress.parked,
        deadline=progress.deadline,
    )


async def _tried_again(parts: House, booking: Booking) -> Progress:
    try:
        return await parts.sagas.retry_step(booking.request(grace=parts.rules.grace), str(uuid7()))
    except BookingEnded:  # its run has: the booking may be confirmed
        raise NothingToRetry("The run of this booking is over.", status=booking.status.value) from None


def _tries(declined: Sequence[Declined], payment: Payment) -> Iterator[DeclinedTry]:
    for each in declined:
        if each.payment_id == payment.id:
            yield DeclinedTry(code=each.decline, reason=each.reason, at=each.at)
