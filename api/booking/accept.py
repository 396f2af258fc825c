"""Accepting a booking: priced by us, then key, places and booking in one transaction; the saga hears of it
from the relay.
"""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

import structlog
from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import JsonValue
from uuid_utils.compat import uuid7

from api import problem
from api.billing import keep, refuse_unbillable
from api.booking.people import people
from api.booking.shape import AcceptedBooking, BookingWish
from api.deps import BASE, Caller, House, Key, Now, Parts, Permission, fingerprint, may
from api.flat import StrictFlatRoute
from api.paying import (
    Attempt,
    PaymentWish,
    opened,
    payable_through,
    refuse_unsuited,
    stored_method,
    tried_before,
)
from api.payment import PaymentAnswer, asker, shown, sold
from api.pricing import choices, lines
from api.route import Sold
from db import idempotency, pricing as quotes, relay
from db.booking import read
from db.booking.place import Placed, Placement
from db.catalog import Sale
from db.payment import attempt
from db.tenant import Channel
from domain.booking import BookingStatus
from domain.ids import BookingId, PaymentId, QuoteId
from domain.inventory import places_wanted
from domain.money import Money
from domain.payment import PaymentStatus
from domain.pricing import Line, due, price
from domain.refusal import (
    Forbidden,
    InvalidRequest,
    KeyReused,
    QuoteOutdated,
    Refusal,
    SalesClosed,
    SoldOut,
    Unauthenticated,
    Unknown,
)
from workflows.client import Away, ProviderAway, Unanswered

ROUTE = "POST /bookings"
PAYMENT_ROUTE = "POST /bookings, payment"


router = APIRouter(route_class=StrictFlatRoute, prefix=f"{BASE}/bookings", tags=["bookings"])


class Chosen(NamedTuple):
    """What a wish comes to: the sale, its lines at our price, and the quote they come from."""

    sale: Sale
    lines: tuple[Line, ...]
    total: Money
    quote_id: QuoteId | None = None


Booker = Annotated[Caller, may(Permission.BOOK)]
ChannelKey = Annotated[
    str | None,
    Header(alias="X-Channel-Key", max_length=200, description="With a user's token: the channel's key"),
]


async def channel_of(parts: Parts, now: Now, caller: Booker, channel_key: ChannelKey = None) -> Channel:
    """Give the shop front that is booked through: the caller's own, or the one a user names.

    Refuses InvalidRequest without one, Unauthenticated for one that is not the tenant's.
    """
    if caller.channel is not None:
        return caller.channel
    if channel_key is None:
        error: JsonValue = {
            "parameter": "X-Channel-Key",
            "code": "missing",
            "detail": "A user books through a channel: show its publishable key.",
        }
        raise InvalidRequest("A user books through a channel.", errors=[error])
    named = (await parts.caller(channel_key, now)).channel
    if named is None or named.tenant_id != caller.tenant_id:
        raise Unauthenticated("This key is not known.")
    return named


@router.post(
    "",
    status_code=201,
    response_model=AcceptedBooking,
    responses=problem.answers(
        Unauthenticated, Forbidden, Unknown, SoldOut, SalesClosed, QuoteOutdated, KeyReused
    ),
)
async def create_booking(
    request: Request,
    parts: Parts,
    caller: Booker,
    channel: Annotated[Channel, Depends(channel_of)],
    key: Key,
    now: Now,
    wish: BookingWish,
) -> Response:
    """Book places: all lines or none. The same Idempotency-Key and body is the same booking, and gets the
    same answer; without a key each request is a new booking.

    With `payment` the checkout is opened in the same call. When its answer takes too long the booking stands
    all the same (201 with Retry-After): repeat the request, or open the payment at its own address.
    """
    used = _used(caller, key, wish)
    try:
        placement = await _placement(parts, caller, channel, used, wish, now, parts.limits.client(request))
    except Refusal:
        # A repeat is the booking it made before, even if the same wish would be refused by now.
        before = await _made_before(parts, caller, used)
        if before is None:
            raise
        placed = before
    else:
        placed = await parts.placing.ask(placement, lane=caller.tenant_id)
    structlog.contextvars.bind_contextvars(booking_id=str(placed.booking.id))
    parts.waker.wake(relay.BEGIN_BOOKINGS, after=relay.HEAD_START if placed.booking.due else timedelta(0))
    if placed.answer is not None:
        return _response(placed.booking, placed.answer.body)
    payment = await _payment(request, parts, placed.booking, wish.payment, now)
    body = _body(parts, placed.booking, payment)
    if payment is None:
        return _response(placed.booking, body)
    if not payment.answered:
        return _response(placed.booking, body, come_back=True)
    if used is not None:
        async with parts.database.tenant(caller.tenant_id) as connection:
            await idempotency.answer(connection, caller.tenant_id, used, idempotency.Stored(201, body))
    return _response(placed.booking, body)


def _used(caller: Caller, key: str | None, wish: BookingWish) -> idempotency.Key | None:
    if key is None:
        return None
    return idempotency.Key(caller=caller.name, route=ROUTE, key=key, fingerprint=fingerprint(ROUTE, wish))


async def _placement(
    parts: House,
    caller: Caller,
    channel: Channel,
    used: idempotency.Key | None,
    wish: BookingWish,
    now: datetime,
    address: str,
) -> Placement:
    """Check and price a wish."""
    chosen = await _chosen(parts, caller, wish, now)
    if wish.expected_total is not None and wish.expected_total.money() != chosen.total:
        raise _broken("/expected_total", "price_changed", "This is not our price.", total=chosen.total)
    offer, slot = chosen.sale.offer, chosen.sale.slot
    to_pay = due(chosen.total, offer.terms)
    if wish.payment is not None:
        await _refuse_unpayable(parts, caller, channel, chosen, to_pay, wish.payment, now)
    booking_id = BookingId(uuid7())
    quantity = sum(line.quantity for line in chosen.lines)
    whole = wish.payment is not None or not to_pay
    named = people(parts.seal, booking_id, wish, chosen.sale, places=quantity, whole=whole, now=now)
    return Placement(
        tenant_id=caller.tenant_id,
        booking_id=booking_id,
        channel_id=channel.id,
        source=channel.source,
        offer_id=offer.id,
        slot_id=slot.id,
        starts_at=slot.starts_at,
        lines=chosen.lines,
        wanted=places_wanted(chosen.lines, slot, chosen.sale.variants),
        total=chosen.total,
        due=to_pay,
        terms=offer.terms,
        hold_seconds=offer.terms.hold_seconds if to_pay else None,
        summary=f"{quantity} × {offer.name}",
        **named._asdict(),
        delivery=wish.delivery,
        address=address,
        locale=wish.locale,
        quote_id=chosen.quote_id,
        user_id=caller.user_id,
        key=used,
    )


async def _refuse_unpayable(
    parts: House,
    caller: Caller,
    channel: Channel,
    chosen: Chosen,
    to_pay: Money,
    wish: PaymentWish,
    now: datetime,
) -> None:
    """Refuse a wish to pay that nothing could come of, before anything is booked for it."""
    offer = chosen.sale.offer
    paid_for = Sold(channel.tenant_id, channel.id, offer.id, offer.currency, to_pay.minor or None)
    async with parts.database.tenant(channel.tenant_id) as connection:
        await payable_through(connection, parts, paid_for, wish, at="/payment")
    if wish.method_id or wish.keep_method:
        try:
            async with parts.payments.tenant(channel.tenant_id) as connection:
                await stored_method(connection, channel.tenant_id, caller.user_id, wish)
        except Unknown:
            raise _broken("/payment/method_id", "unknown", "No stored method of yours.") from None
    if to_pay:
        refuse_unsuited(wish, chosen.sale, due=to_pay, total=chosen.total, now=now, at="/payment")
    refuse_unbillable(wish.billing, offer.terms, wish.method, at="/payment")


async def _chosen(parts: House, caller: Caller, wish: BookingWish, now: datetime) -> Chosen:
    """Price what is wished. Refuses Unknown, InvalidRequest, SalesClosed, QuoteOutdated."""
    if wish.quote_id is not None:
        return await _quoted(parts, caller, wish, QuoteId(wish.quote_id), now)
    for name in ("offer_id", "slot_id", "lines"):
        if getattr(wish, name) is None:
            raise _broken(f"/{name}", "missing", "Needed where there is no quote_id.")
    try:
        sale = await parts.sale(caller.tenant_id, wish.offer_id, wish.slot_id)
    except Unknown:
        raise _unknown("/slot_id", "No such slot of such an offer.") from None
    priced, total = price(choices(wish.lines or ()), sale.variants, sale.offer.currency)
    return Chosen(sale, priced, total)


async def _quoted(
    parts: House, caller: Caller, wish: BookingWish, quote_id: QuoteId, now: datetime
) -> Chosen:
    """Take the choice and the price of a quote that we still stand by."""
    for name in ("offer_id", "slot_id", "lines"):
        if getattr(wish, name) is not None:
            raise _broken(f"/{name}", "not_allowed", "The quote says this.")
    try:
        async with parts.database.tenant(caller.tenant_id) as connection:
            quote = await quotes.quote(connection, caller.tenant_id, quote_id)
    except Unknown:
        raise _unknown("/quote_id", "No such quote.") from None
    if quote.expires_at <= now:
        raise QuoteOutdated("This quote is over.", quote_id=str(quote.id))
    sale = await parts.sale(caller.tenant_id, quote.offer_id, quote.slot_id)
    return Chosen(sale, quote.lines, quote.total, quote.id)


async def _made_before(parts: House, caller: Caller, used: idempotency.Key | None) -> Placed | None:
    """Find the booking that the key made, if it made one. Refuses KeyReused."""
    if used is None:
        return None
    async with parts.database.tenant(caller.tenant_id) as connection:
        claim = await idempotency.find(connection, caller.tenant_id, used)
        if claim is None:
            return None
        booking = await read.find(connection, caller.tenant_id, BookingId(claim.subject))
    return Placed(booking, repeated=True, answer=claim.answer)


def _body(parts: House, booking: read.Booking, payment: PaymentAnswer | None) -> bytes:
    """Write the answer from what never changes of the booking, so that a repeat reads the same byte for byte.

    One with a payment is stored besides, once it says how to pay.
    """
    opened_too = payment is not None and payment.answered and payment.refused is None
    accepted = AcceptedBooking(
        id=booking.id,
        reference=booking.reference,
        status=BookingStatus.AWAITING_PAYMENT if opened_too else BookingStatus.HELD,
        total=booking.total,
        due=booking.due,
        lines=lines(booking.lines),
        created_at=booking.created_at,
        expires_at=booking.expires_at,
        access_token=parts.tokens.bookings.sign(booking.tenant_id, booking.id, made_at=booking.created_at),
        payment=payment,
    )
    return accepted.model_dump_json().encode()


def _response(booking: read.Booking, body: bytes, *, come_back: bool = False) -> Response:
    headers = {"Location": f"{BASE}/bookings/{booking.id}"}
    if come_back:
        headers["Retry-After"] = str(problem.RETRY_AFTER_SECONDS)
    return Response(body, 201, headers, "application/json")


async def _payment(
    request: Request, parts: House, booking: read.Booking, wish: PaymentWish | None, now: datetime
) -> PaymentAnswer | None:
    """Wish for the payment that came with the booking, under an id kept with it.

    Whatever becomes of it, the booking stands.
    """
    if wish is None or not booking.due:
        return None
    mark = fingerprint(PAYMENT_ROUTE, wish)
    used = idempotency.Key(caller=f"booking:{booking.id}", route=PAYMENT_ROUTE, key="1", fingerprint=mark)
    async with parts.database.tenant(booking.tenant_id) as connection:
        accounts = await payable_through(connection, parts, sold(booking), wish, at="/payment")
        claim = await idempotency.claim(connection, booking.tenant_id, used, uuid7())
        payment_id, refused = PaymentId(claim.subject), None
        await keep(connection, booking.tenant_id, booking.id, payment_id, wish.billing)
        tried = await tried_before(connection, booking)
    try:
        async with parts.payments.tenant(booking.tenant_id) as connection:
            suspicious = await parts.limits.count_payment(
                connection, request, booking.tenant_id, payment_id, booking.user_id
            )
            await stored_method(connection, booking.tenant_id, booking.user_id, wish)
            await attempt.note(
                connection,
                booking.tenant_id,
                payment_id,
                await asker(request, parts),
                user_id=booking.user_id,
            )
        checkout = await opened(parts, booking, wish, Attempt(payment_id, accounts, tried, suspicious), now)
        return shown(parts, checkout)
    except ProviderAway:
        async with parts.database.tenant(booking.tenant_id) as connection:
            await idempotency.free(connection, booking.tenant_id, used)
    except (Away, Unanswered):
        pass  # the repeat goes on under the same id
    except Refusal as no:
        refused = no.code
    status = PaymentStatus.FAILED if refused else PaymentStatus.PENDING
    provider = accounts[0].provider
    return PaymentAnswer(payment_id=payment_id, status=status, provider=provider, refused=refused)


def _unknown(pointer: str, detail: str) -> Unknown:
    return Unknown(errors=[{"pointer": pointer, "code": "unknown", "detail": detail}])


def _broken(pointer: str, code: str, detail: str, total: Money | None = None) -> InvalidRequest:
    error: JsonValue = {"pointer": pointer, "code": code, "detail": detail}
    if total is None:
        return InvalidRequest("The request breaks a rule.", errors=[error])
    return InvalidRequest("The price is another.", errors=[error], total=total.model_dump())
