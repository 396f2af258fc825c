"""The wish to pay, and what it asks of the booking's saga, under the terms the booking was accepted with."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pydantic import JsonValue, StrictBool

from api.back import BackUrl, allowed, through_us
from api.billing import BillingWish
from api.deps import House
from api.passenger import Country
from api.route import Sold, routed
from api.shape import Code, MoneyShape, Shape, example
from db import method as methods, route as routes
from db.booking.read import Booking, find
from db.catalog import Sale
from db.method import Method
from db.payment import read as payments
from db.payment.read import Payment
from db.session import Connection
from domain.booking import OPEN, BookingStatus
from domain.due import LATE_SETTLING, payable, settles_within
from domain.ids import MethodId, PaymentId, TenantId
from domain.money import Money
from domain.payment import CASH, Checkout, PaymentStatus, StartPayment
from domain.refusal import (
    AlreadyPaid,
    AttemptsExhausted,
    BookingEnded,
    HoldEnded,
    InvalidRequest,
    MethodDeactivated,
    Unknown,
    code,
)
from domain.route import AccountName, Purchase
from workflows.client import Away


class PaymentWish(Shape):
    """How to pay: at a page of the provider (`hosted`), or with a secret that the client pays with itself.

    Which provider is asked follows from the organizer's rules, unless one is named, and may depend on the
    buyer's `country` (unless said, that of the billing address). With `method_id` one of the caller's own
    stored methods is tried at once; there is an address to go to only where their bank asks them. With
    `keep_method` the provider keeps what a user pays with, where it does so as they pay: then it is stored by
    the payment's id. The buyer comes back to `return_url`, which is ours or on the channel's list; an app's
    own scheme will do. `amount` is a part of what is due, where the offer may be paid in parts, or all of the
    price where a deposit would do. Paying by `card` needs the holder's name in `billing`, some products a
    billing address.
    """

    model_config = example(return_url="https://shop.example/thanks", hosted=True)

    provider: Code | None = None
    method: Code | None = None
    country: Country | None = None
    method_id: UUID | None = None
    keep_method: StrictBool = False
    return_url: BackUrl
    hosted: StrictBool = True
    amount: MoneyShape | None = None
    billing: BillingWish | None = None

    @property
    def from_country(self) -> str | None:
        """The buyer's country, as far as the wish tells."""
        address = self.billing.address if self.billing else None
        return self.country or (address.country if address else None)


class Attempt(NamedTuple):
    """A payment that was wished for and may be made: its id, the accounts that it may go to, the first to be
    asked first, what was tried before it, and whether a person reviews it.
    """

    payment_id: PaymentId
    accounts: tuple[AccountName, ...]
    tried: Sequence[Payment]
    suspicious: bool = False


async def tried_before(connection: Connection, booking: Booking) -> Sequence[Payment]:
    """List the attempts to pay a booking. While it is only held there is none: a booking awaits its payment
    from before the first is written (`keep_places`).
    """
    if booking.status is BookingStatus.HELD:
        return ()
    return await payments.of_booking(connection, booking.tenant_id, booking.id)


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
    """Refuse to pay a booking that is confirmed (AlreadyPaid) or has ended (HoldEnded, AttemptsExhausted,
    BookingEnded).
    """
    if booking.status is BookingStatus.EXPIRED and booking.expires_at is not None:
        raise HoldEnded("The time to pay is over.", ended_at=booking.expires_at.isoformat())
    if booking.confirmed_at is not None and booking.status is not BookingStatus.REFUNDED:
        raise AlreadyPaid("This booking is paid.")
    if booking.status is BookingStatus.FAILED and booking.cause == code(AttemptsExhausted):
        raise AttemptsExhausted(
            "Every allowed attempt was declined.", attempts=booking.terms.payment_attempts
        )
    if booking.status not in OPEN:
        raise BookingEnded("This booking has ended.", status=booking.status.value)


async def payable_through(
    connection: Connection,
    parts: House,
    sold: Sold,
    wish: PaymentWish,
    *,
    at: str = "",
    stored: Method | None = None,
    takes_cash: bool = False,
) -> tuple[AccountName, ...]:
    """Choose the accounts that a wish may go to, the first to be asked first: the one that keeps the `stored`
    method, else what the organizer's rules say. Cash is never chosen unless it is named by who takes it.

    Refuses InvalidRequest for a provider or a method that is not offered, and for an address of return that
    is neither ours nor on the channel's list; `at` is where in the body the wish stands.
    """
    ruled = await routes.ruled(connection, sold.tenant_id, sold.channel_id)
    if not allowed(wish.return_url, (parts.rules.api_url, *ruled.origins)):
        error: JsonValue = {
            "pointer": f"{at}/return_url",
            "code": "not_allowed",
            "detail": "Ours, or on the channel's list of addresses of return.",
        }
        raise InvalidRequest("The wish to pay breaks a rule.", errors=[error])
    purchase = Purchase(
        offer_id=sold.offer_id,
        currency=sold.currency,
        minor=wish.amount.minor if wish.amount else sold.minor,
        country=wish.from_country,
        method=wish.method,
    )
    return routed(
        parts,
        ruled,
        purchase,
        provider=wish.provider,
        stored=stored,
        cash=takes_cash and wish.provider == CASH,
        at=at,
    )


def refuse_unsuited(
    wish: PaymentWish, sale: Sale, *, due: Money, total: Money, now: datetime, at: str = ""
) -> None:
    """Refuse InvalidRequest for an amount or a method that the terms or the slot of what is to be booked do
    not allow; `at` is where in the body the wish stands.
    """
    payable(due, total, 0, sale.offer.terms, wish.amount.money() if wish.amount else None, at=at)
    settles_within(wish.method, sale.slot.sales_until, now, at=at)


async def stored_method(
    connection: Connection, tenant_id: TenantId, user_id: str | None, wish: PaymentWish
) -> Method | None:
    """Find the stored method that a wish names, if it does, among this user's; as the payment role.

    Refuses Unknown, also for another user's, MethodDeactivated, and InvalidRequest for a guest's to be kept.
    """
    if wish.keep_method and user_id is None:
        raise InvalidRequest("Only a user's method is kept.")
    if wish.method_id is None:
        return None
    if user_id is None:
        raise Unknown
    method = await methods.owned(connection, tenant_id, user_id, MethodId(wish.method_id))
    if not method.is_active:
        raise MethodDeactivated("This method cannot be paid with.")
    return method


async def opened(
    parts: House, booking: Booking, wish: PaymentWish, attempt: Attempt, now: datetime
) -> Checkout:
    """Ask the booking's saga for a checkout.

    Raises refusals, Away, Unanswered; a booking that has ended is refused from its row, for no run is begun
    for it.
    """
    refuse_unpayable(booking)
    ask = await _asked(parts, booking, wish, attempt, now)
    try:
        return await parts.sagas.start_payment(booking.request(grace=parts.rules.grace), ask)
    except BookingEnded as no:  # meanwhile: the row knows how
        async with parts.database.tenant(booking.tenant_id) as connection:
            refuse_unpayable(await find(connection, booking.tenant_id, booking.id))
        if not no.facts:  # Temporal's word, not the run's: a wish that no worker has accepted may get lost
            raise Away from no
        raise


async def _asked(
    parts: House, booking: Booking, wish: PaymentWish, attempt: Attempt, now: datetime
) -> StartPayment:
    """Write the wish as the saga hears it.

    What a partner or reviewer must accept is only authorised at first. Refuses AlreadyPaid, and
    InvalidRequest for an amount or a method that the booking's terms or its slot do not allow.
    """
    first, *otherwise = attempt.accounts
    amount = wish.amount.money() if wish.amount else None
    return StartPayment(
        payment_id=attempt.payment_id,
        provider=first.provider,
        account=first.name,
        otherwise=tuple(otherwise),
        amount=payable(booking.due, booking.total, secured(attempt.tried), booking.terms, amount),
        hosted=wish.hosted,
        return_url=through_us(
            wish.return_url,
            api_url=parts.rules.api_url,
            tenant_id=booking.tenant_id,
            channel_id=booking.channel_id,
        ),
        method=wish.method,
        method_id=MethodId(wish.method_id) if wish.method_id else None,
        keeps=wish.keep_method,
        manual=booking.terms.authorises_first or attempt.suspicious,
        review=attempt.suspicious,
        settles_within=await _settles_within(parts, booking, wish.method, now),
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
