"""What a wish to pay asks of the booking's saga, under the terms the booking was accepted with."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from api.deps import House
from db.booking.read import Booking
from db.payment.read import Payment
from domain.booking import OPEN, BookingStatus
from domain.due import LATE_SETTLING, payable, settles_within
from domain.ids import MethodId, PaymentId
from domain.money import Money
from domain.payment import PaymentStatus, StartPayment
from domain.refusal import AlreadyPaid, BookingEnded, HoldEnded
from domain.route import AccountName


def secured(tried: Sequence[Payment]) -> int:
    """Reckon what was taken for a booking and has not gone back, or could be taken; in minor units."""
    return sum(
        payment.amount.minor
        if payment.status is PaymentStatus.AUTHORIZED
        else payment.captured_minor - payment.refunded_minor
        for payment in tried
        if payment.status is not PaymentStatus.CONFLICTED
    )


def refuse_unpayable(booking: Booking) -> None:
    """Refuse to pay a booking that is confirmed (AlreadyPaid) or has ended (HoldEnded, BookingEnded)."""
    if booking.status is BookingStatus.EXPIRED and booking.expires_at is not None:
        raise HoldEnded("The time to pay is over.", ended_at=booking.expires_at.isoformat())
    if booking.confirmed_at is not None and booking.status is not BookingStatus.REFUNDED:
        raise AlreadyPaid("This booking is paid.")
    if booking.status not in OPEN:
        raise BookingEnded("This booking has ended.", status=booking.status.value)


async def asked(
    parts: House,
    booking: Booking,
    tried: Sequence[Payment],
    *,
    payment_id: PaymentId,
    accounts: tuple[AccountName, ...],
    return_url: str,
    hosted: bool,
    method: str | None,
    method_id: MethodId | None,
    amount: Money | None,
    suspicious: bool,
    now: datetime,
) -> StartPayment:
    """Write the wish as the saga hears it.

    What a partner or reviewer must accept is only authorised at first. Refuses AlreadyPaid, and
    InvalidRequest for an amount or a method that the booking's terms or its slot do not allow.
    """
    return StartPayment(
        payment_id=payment_id,
        provider=accounts[0].provider,
        account=accounts[0].name,
        otherwise=accounts[1:],
        amount=payable(booking.due, booking.total, secured(tried), booking.terms, amount),
        hosted=hosted,
        return_url=return_url,
        method=method,
        method_id=method_id,
        manual=booking.terms.authorises_first or suspicious,
        review=suspicious,
        settles_within=await _settles_within(parts, booking, method, now),
        due=booking.due,
        shares=booking.terms.shares,
    )


async def _settles_within(
    parts: House, booking: Booking, method: str | None, now: datetime
) -> timedelta | None:
    if method not in LATE_SETTLING:
        return None
    sale = await parts.sale(booking.tenant_id, booking.offer_id, booking.slot_id)
    return settles_within(method, sale.slot.sales_until, now)
