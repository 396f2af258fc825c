"""What a buyer asks of an accepted booking: to believe a payment, and to be let go.

Both are wishes to its saga, which alone decides; an ended or confirmed booking is answered from its row. The
client's word about money only makes the saga ask the provider.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import JsonValue
from uuid_utils.compat import uuid7

from api import problem
from api.access import Named, theirs
from api.body import StrictRoute
from api.booking.look import show
from api.booking.shape import BookingAnswer, CancelWish, ConfirmWish
from api.decline import Language, told
from api.deps import BASE, Caller, House, Parts, Permission, may
from api.paying import refuse_unpayable
from db import audit, decline as declines, tenant
from db.booking.read import Booking, find
from db.decline import Declined
from db.payment import read as payments
from db.payment.read import Payment
from db.session import Connection
from domain.booking import OPEN, BookingStatus, CancelBooking
from domain.ids import PaymentId
from domain.payment import PaymentStatus
from domain.refusal import (
    BookingEnded,
    Forbidden,
    HoldEnded,
    IllegalMove,
    InvalidRequest,
    PaymentDeclined,
    PaymentMismatch,
    PaymentNotCompleted,
    Unauthenticated,
    Unknown,
)
from workflows.client import Unanswered

# Nothing was taken, and the bank is not deciding either.
UNPAID = (PaymentStatus.PENDING, PaymentStatus.FAILED)
# How a booking ends that is let go: what was paid for already gives the money back.
LET_GO = (BookingStatus.CANCELLED, BookingStatus.REFUNDING, BookingStatus.REFUNDED)
CONFIRMED = (BookingStatus.CONFIRMED, BookingStatus.COMPLETED, BookingStatus.NO_SHOW)

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["bookings"])


@router.post(
    "/{booking}/confirm",
    responses={
        **problem.answers(
            Unauthenticated,
            Forbidden,
            Unknown,
            PaymentMismatch,
            PaymentNotCompleted,
            PaymentDeclined,
            HoldEnded,
            BookingEnded,
        ),
        **problem.PENDING,
    },
)
async def confirm_booking(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.PAY)],
    booking: Named,
    wish: ConfirmWish,
    language: Language,
) -> BookingAnswer:
    """Have the provider asked about a payment now; answers the confirmed booking.

    Asking again answers the same. 402: the provider has not got the money; of a decline it says why, and with
    what to try again.
    """
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.PAY, booking)
        payment = await _meant(connection, found, wish)
    if found.status in OPEN:
        found = await _asked(parts, found, payment)
    return await _confirmed(parts, found, payment, language)


@router.post(
    "/{booking}/cancel",
    responses={
        **problem.answers(Unauthenticated, Forbidden, Unknown, IllegalMove, HoldEnded, BookingEnded),
        **problem.PENDING,
    },
)
async def cancel_booking(
    parts: Parts,
    caller: Annotated[Caller, may(Permission.CANCEL)],
    booking: Named,
    wish: CancelWish | None = None,
) -> BookingAnswer:
    """Cancel a booking that is not confirmed yet: its places are free again, money that was on the way goes
    back whole. The same again answers the same.
    """
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.CANCEL, booking)
    if found.status in OPEN:
        found = await _let_go(parts, caller, found, wish.reason if wish else "")
    _refuse_uncancelled(found)
    async with parts.database.tenant(found.tenant_id) as connection:
        return await show(connection, parts, found)


async def _meant(connection: Connection, booking: Booking, wish: ConfirmWish) -> Payment:
    """Find the payment that is meant. Refuses InvalidRequest, Unknown, PaymentMismatch."""
    payment_id = wish.payment_id
    if (payment_id is None) == (wish.provider_ref is None):
        error: JsonValue = {
            "pointer": "/payment_id",
            "code": "missing",
            "detail": "Either payment_id or provider_ref.",
        }
        raise InvalidRequest("Say which payment is meant.", errors=[error])
    for account in await tenant.accounts(connection, booking.tenant_id) if wish.provider_ref else ():
        address = await payments.by_reference(
            connection, account.provider, account.name, wish.provider_ref or ""
        )
        payment_id = address.payment_id if address else payment_id
    if payment_id is None:
        raise Unknown
    payment = await payments.find(connection, booking.tenant_id, PaymentId(payment_id))
    if payment.booking_id != booking.id:
        raise PaymentMismatch("This payment is another booking's.")
    return payment


async def _asked(parts: House, booking: Booking, payment: Payment) -> Booking:
    """Let the saga ask the provider; gives the booking as it stands then."""
    try:
        await parts.sagas.check_payment(
            booking.request(grace=parts.rules.grace), payment.id, wish_id=str(uuid7())
        )
    except BookingEnded:
        pass  # meanwhile: the row knows how
    return await _again(parts, booking)


async def _confirmed(parts: House, booking: Booking, payment: Payment, language: str | None) -> BookingAnswer:
    async with parts.database.tenant(booking.tenant_id) as connection:
        payment = await payments.find(connection, booking.tenant_id, payment.id)
        if booking.status in CONFIRMED and payment.status is PaymentStatus.CAPTURED:
            return await show(connection, parts, booking)
        declined = await declines.of_booking(connection, booking.tenant_id, booking.id)
    if booking.status not in CONFIRMED:
        refuse_unpayable(booking)
    if payment.status in UNPAID and (why := _last(declined, payment)):
        advice = told(why.decline, language, booking.locale).model_dump(mode="json", exclude={"code"})
        raise PaymentDeclined("The payment was declined.", reason=why.decline.value, **advice)
    raise PaymentNotCompleted("The provider has not got the money.", status=payment.status.value)


def _last(declined: Sequence[Declined], payment: Payment) -> Declined | None:
    return next((each for each in reversed(declined) if each.payment_id == payment.id), None)


async def _let_go(parts: House, caller: Caller, booking: Booking, reason: str) -> Booking:
    """Wish the saga to cancel, which is written down; gives the booking as it stands then.

    A wish without an answer is written down as well: an undo may wait for an operator, who has to know of it.
    """
    by = "buyer" if caller.booking_id or caller.user_id == booking.user_id else "operator"
    try:
        await parts.sagas.cancel(booking.request(grace=parts.rules.grace), CancelBooking(by=by))
    except BookingEnded:
        pass  # meanwhile: the row knows how
    except Unanswered:
        await _note(parts, caller, booking, await _again(parts, booking), reason)
        raise
    after = await _again(parts, booking)
    if after.status in LET_GO:
        await _note(parts, caller, booking, after, reason)
    return after


def _refuse_uncancelled(booking: Booking) -> None:
    if booking.status in LET_GO and booking.confirmed_at is None:
        return
    if booking.confirmed_at is not None:
        raise IllegalMove(
            "This booking is confirmed already.", status=booking.status.value, trigger="cancelled_unpaid"
        )
    if booking.status is not BookingStatus.FAILED:  # whose attempts to pay are not what is asked for
        refuse_unpayable(booking)
    raise BookingEnded("This booking has ended.", status=booking.status.value)


async def _note(parts: House, caller: Caller, before: Booking, after: Booking, reason: str) -> None:
    async with parts.database.tenant(before.tenant_id) as connection:
        await audit.write(
            connection,
            before.tenant_id,
            actor=caller.name,
            action="booking.cancel",
            subject=before.id,
            before={"status": before.status.value},
            after={"status": after.status.value, "reason": reason},
        )


async def _again(parts: House, booking: Booking) -> Booking:
    async with parts.database.tenant(booking.tenant_id) as connection:
        return await find(connection, booking.tenant_id, booking.id)
