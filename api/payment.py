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
from pydantic import JsonValue, StrictBool
from uuid_utils.compat import uuid7

from api import problem
from api.access import Named, theirs
from api.back import BackUrl, allowed, through_us
from api.billing import BillingWish, keep, refuse_unbillable
from api.body import StrictRoute
from api.deps import BASE, Caller, House, Now, Parts, Permission, RequiredKey, fingerprint, may
from api.passenger import Country
from api.paying import asked, refuse_unpayable
from api.route import Sold, routed
from api.shape import Answer, Code, Instant, MoneyShape, Shape, example
from db import idempotency, method as methods, tenant
from db.booking.read import Booking, find
from db.idempotency import Key, Stored
from db.method import Method
from db.payment import read as payments
from db.payment.attempt import Asker, note
from db.payment.read import Payment
from db.session import Connection
from domain.bank import BankTransfer
from domain.ids import MethodId, PaymentId, TenantId
from domain.payment import CASH, Checkout, PaymentStatus
from domain.refusal import (
    AlreadyPaid,
    AttemptsExhausted,
    BookingEnded,
    Forbidden,
    HoldEnded,
    IllegalMove,
    InvalidRequest,
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
from domain.route import AccountName, Purchase
from workflows.client import Away, ProviderAway

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


class PaymentWish(Shape):
    """How to pay: at a page of the provider (`hosted`), or with a secret that the client pays with itself.

    Which provider is asked follows from the organizer's rules, unless one is named, and may depend on the
    buyer's `country` (unless said, that of the billing address). With `method_id` one of the caller's own
    stored methods is tried at once; there is an address to go to only where their bank asks them. The buyer
    comes back to `return_url`, which is ours or on the channel's list; an app's own scheme will do. `amount`
    is a part of what is due, where the offer may be paid in parts, or all of the price where a deposit would
    do. Paying by `card` needs the holder's name in `billing`, some products a billing address.
    """

    model_config = example(return_url="https://shop.example/thanks", hosted=True)

    provider: Code | None = None
    method: Code | None = None
    country: Country | None = None
    method_id: UUID | None = None
    return_url: BackUrl
    hosted: StrictBool = True
    amount: MoneyShape | None = None
    billing: BillingWish | None = None

    @property
    def from_country(self) -> str | None:
        """The buyer's country, as far as the wish tells."""
        address = self.billing.address if self.billing else None
        return self.country or (address.country if address else None)


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
    async with parts.database.tenant(found.tenant_id) as connection:
        before = await idempotency.find(connection, found.tenant_id, used)
    if before is not None and before.answer is not None:
        return problem.replayed(before.answer)
    claimed = await _claimed(request, parts, found, wish, used, user_id=user_id, takes_cash=takes_cash)
    if claimed.answer is not None:
        return problem.replayed(claimed.answer)
    async with parts.payments.tenant(found.tenant_id) as connection:
        await note(connection, found.tenant_id, claimed.payment_id, asker, user_id=user_id, metadata=metadata)
    try:
        stored = await _answered(request, parts, found, wish, claimed, now)
    except ProviderAway:
        async with parts.database.tenant(found.tenant_id) as connection:
            await idempotency.free(connection, found.tenant_id, used)
        raise
    async with parts.database.tenant(found.tenant_id) as connection:
        await idempotency.answer(connection, found.tenant_id, used, stored)
    return problem.replayed(stored)


class _Claimed(NamedTuple):
    """A payment whose id is stored with the caller's key, where it may go to, and its answer if it has one
    already.
    """

    payment_id: PaymentId
    accounts: tuple[AccountName, ...]
    suspicious: bool
    answer: Stored | None


async def _claimed(
    request: Request,
    parts: House,
    found: Booking,
    wish: PaymentWish,
    used: Key,
    *,
    user_id: str | None,
    takes_cash: bool,
) -> _Claimed:
    """Store a payment's id with the key, if the wish may be met: one transaction."""
    method = await _stored_method(parts, found.tenant_id, user_id, wish)
    async with parts.database.tenant(found.tenant_id) as connection:
        accounts = await payable_through(
            connection, parts, sold(found), wish, stored=method, takes_cash=takes_cash
        )
        refuse_unbillable(wish.billing, found.terms, wish.method)
        claim = await idempotency.claim(connection, found.tenant_id, used, uuid7())
        payment_id = PaymentId(claim.subject)
        await keep(connection, found.tenant_id, found.id, payment_id, wish.billing)
        suspicious = accounts[0].provider != CASH and await parts.limits.count_payment(
            connection, request, found.tenant_id, payment_id, user_id
        )
    return _Claimed(payment_id, accounts, suspicious, claim.answer)


async def _answered(
    request: Request, parts: House, found: Booking, wish: PaymentWish, claimed: _Claimed, now: datetime
) -> Stored:
    """Have the booking's saga answer; its no is an answer, too."""
    try:
        answer = await opened(
            parts, found, wish, claimed.accounts, claimed.payment_id, now=now, suspicious=claimed.suspicious
        )
    except Refusal as no:
        response = problem.of_refusal(request, no)
        return Stored(response.status_code, bytes(response.body))
    return Stored(201, answer.model_dump_json().encode())


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
    channel = await tenant.channel_by_id(connection, sold.tenant_id, sold.channel_id)
    origins = (parts.rules.api_url, *(channel.return_origins if channel else ()))
    if not allowed(wish.return_url, origins):
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
    return await routed(
        connection,
        parts,
        sold.tenant_id,
        purchase,
        provider=wish.provider,
        stored=stored,
        cash=takes_cash and wish.provider == CASH,
        at=at,
    )


async def _stored_method(
    parts: House, tenant_id: TenantId, user_id: str | None, wish: PaymentWish
) -> Method | None:
    """Find the stored method that a wish names, if it does, among this user's.

    Refuses Unknown, also for another user's, and MethodDeactivated.
    """
    if wish.method_id is None:
        return None
    if user_id is None:
        raise Unknown
    async with parts.payments.tenant(tenant_id) as connection:
        method = await methods.owned(connection, tenant_id, user_id, MethodId(wish.method_id))
    if not method.is_active:
        raise MethodDeactivated("This method cannot be paid with.")
    return method


async def opened(
    parts: House,
    booking: Booking,
    wish: PaymentWish,
    accounts: tuple[AccountName, ...],
    payment_id: PaymentId,
    *,
    now: datetime,
    suspicious: bool = False,
) -> PaymentAnswer:
    """Ask the booking's saga for a checkout under this payment id; a person reviews a `suspicious` one.

    Raises refusals, Away, Unanswered; a booking that has ended is refused from its row, for no run is begun
    for it.
    """
    await _stored_method(parts, booking.tenant_id, booking.user_id, wish)
    async with parts.database.tenant(booking.tenant_id) as connection:
        tried = await payments.of_booking(connection, booking.tenant_id, booking.id)
    refuse_unpayable(booking)
    ask = await asked(
        parts,
        booking,
        tried,
        payment_id=payment_id,
        accounts=accounts,
        return_url=through_us(
            wish.return_url,
            api_url=parts.rules.api_url,
            tenant_id=booking.tenant_id,
            channel_id=booking.channel_id,
        ),
        hosted=wish.hosted,
        method=wish.method,
        method_id=MethodId(wish.method_id) if wish.method_id else None,
        amount=wish.amount.money() if wish.amount else None,
        suspicious=suspicious,
        now=now,
    )
    try:
        checkout = await parts.sagas.start_payment(booking.request(grace=parts.rules.grace), ask)
    except BookingEnded as no:  # meanwhile: the row knows how
        async with parts.database.tenant(booking.tenant_id) as connection:
            refuse_unpayable(await find(connection, booking.tenant_id, booking.id))
        if not no.facts:  # Temporal's word, not the run's: a wish that no worker has accepted may get lost
            raise Away from no
        raise
    return _answer(parts, checkout, PaymentStatus.PROCESSING if checkout.paid else PaymentStatus.PENDING)


def sold(booking: Booking) -> Sold:
    """Say what a payment of a booking is for."""
    return Sold(
        booking.tenant_id, booking.channel_id, booking.offer_id, booking.due.currency, booking.due.minor
    )


def attempt(parts: House, payment: Payment) -> PaymentAnswer:
    """Show an attempt to pay as its row knows it."""
    checkout = payment.checkout or Checkout(payment_id=payment.id, provider=payment.provider)
    return _answer(parts, checkout, payment.status)


def _answer(parts: House, checkout: Checkout, status: PaymentStatus = PaymentStatus.PENDING) -> PaymentAnswer:
    secret = checkout.client_secret
    return PaymentAnswer(
        **checkout.model_dump(),
        status=status,
        publishable_key=parts.rules.publishable_keys.get((checkout.provider, checkout.account))
        if secret
        else None,
    )
