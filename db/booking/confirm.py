"""The pivot: a booking that is paid becomes confirmed, in one transaction, on time or late.

Half of it must never be seen: places sold, tickets issued, books and feed written, notice owed. Whatever goes
wrong undoes all of it, and the retry finds nothing done. Locks are taken in the order of `db/inventory/`:
counters, holds, booking.
"""

from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from db import case, event, ledger, step, ticket
from db.booking import end
from db.event import Told
from db.inventory import hold as holds, sale
from db.session import Connection, Record
from domain import event as types, ledger as books, refusal
from domain.aftercare import LateMoney, Settled, Settlement
from domain.booking import (
    ENDED,
    OPEN,
    BookingStatus,
    ConfirmBooking,
    Confirmed,
    EndBooking,
    EndReason,
    Trigger,
    sources,
    without_a_run,
)
from domain.catalog import SalesTerms
from domain.ids import BookingId, PaymentId, TenantId
from domain.inventory import HoldPlaces
from domain.money import Money
from domain.refusal import BookingEnded, IllegalMove, NotOnSale, PaymentNotCompleted, Unknown
from domain.settlement import Consequence, News, Standing, consequence

# With its payments, and what of each was taken and has not gone back.
BOOKING = """
select b.id, b.status, b.cause, b.slot_id, b.offer_id, b.total_minor, b.due_minor, b.currency, b.terms,
       b.reference, b.contact_email, b.user_id, t.fee_basis_points,
       (select jsonb_agg(jsonb_build_object('id', p.id, 'status', p.status, 'minor',
                   p.captured_minor - coalesce((select sum(r.amount_minor) from refunds r
                                                 where r.tenant_id = p.tenant_id and r.payment_id = p.id
                                                   and r.status <> 'failed'), 0)) order by p.created_at, p.id)
          from payments p where p.tenant_id = b.tenant_id and p.booking_id = b.id) as payments
  from bookings b join tenants t on t.id = b.tenant_id
 where b.tenant_id = $1 and b.id = $2
"""

# Answers a row per admission unit, in the order of the lines, with the number drawn for its ticket. No row:
# the booking has moved on, and nothing was done.
CONFIRM = """
with confirmed as (
    update bookings set status = 'confirmed', cause = '', confirmed_at = now(), ended_at = null
     where tenant_id = $1 and id = $2 and status = any($3)
    returning id
),
paid_by as (
    insert into booking_payments (tenant_id, booking_id, payment_id, amount_minor)
    select $1, confirmed.id, payment.id, payment.minor
      from confirmed cross join unnest($4::uuid[], $5::bigint[]) as payment (id, minor)
),
owed as (
    insert into notices (tenant_id, id, booking_id, kind, version, data, status)
    select $1, $6, confirmed.id, 'booking_confirmed', 1, '{}', 'owed' from confirmed
    on conflict (tenant_id, booking_id, kind, version, sending) do nothing
)
select l.variant_id, nextval('ticket_numbers') as number, t.ticket_pattern,
       extract(year from now())::int as year
  from confirmed
  join booking_lines l on l.tenant_id = $1 and l.booking_id = confirmed.id
  join tenants t on t.id = $1
  cross join lateral generate_series(1, l.quantity) as unit
 order by l.position, unit
"""

CONFIRMED_BY = "select booking_id from booking_payments where tenant_id = $1 and payment_id = $2"

# The buyer has the slot again: by another booking that is confirmed, or on its way.
BOOKED_AGAIN = """
select exists (
    select from bookings other
     where other.tenant_id = $1 and other.id <> $2 and other.slot_id = $3 and other.offer_id = $4
       and (lower(other.contact_email) = lower($5) or other.user_id = $6)
       and other.status in ('held', 'awaiting_payment', 'payment_review', 'paid', 'awaiting_partner',
                            'confirmed')
       and (other.status <> 'held' or other.expires_at is null or other.expires_at > now()))
"""

GO_BACK = """
update bookings set status = 'refunding' where tenant_id = $1 and id = $2 and status = any($3)
"""

PAID = sources(Trigger.PAYMENT_VERIFIED) + sources(Trigger.TICKETS_ISSUED)
ACCEPTED = sources(Trigger.PARTNER_ACCEPTED) + sources(Trigger.REVIEW_ACCEPTED)  # by whoever had to
ON_TIME = PAID + ACCEPTED
FREE = sources(Trigger.NOTHING_TO_PAY) + sources(Trigger.PARTNER_ACCEPTED)
LATE = sources(Trigger.LATE_MONEY_HONOURED)
LOST = sorted({*PAID, BookingStatus.HELD.value})  # its run is gone: the row never ended
UNPAID_ENDS = sorted({*LATE, BookingStatus.CANCELLED.value})  # from where money goes back

ALREADY_PAID, BOOKED = "already_paid", "booked_again"
# A suspicious payment that nobody has accepted buys nothing, also when the places are free again.
NOT_ACCEPTED = {"review_declined", "review_silent"}
# Why money goes back.
CAUSES = {
    News.SECOND: ALREADY_PAID,
    News.CONFLICTED: "conflicted",
    News.SUCCESS: refusal.code_of(BookingEnded.__name__),
}


class Moved(Exception):
    """Raised when somebody else has moved the booking since it was read: look again, for there is no telling
    from here what that means.
    """


class Payment(NamedTuple):
    """What counts of a payment: minor units taken that have not gone back."""

    id: PaymentId
    status: str
    minor: int


async def confirm(connection: Connection, request: ConfirmBooking) -> Confirmed:
    """Confirm a booking whose due amount is there; a repeat answers the same.

    A hold that was taken back is taken anew. Refuses Unknown, PaymentNotCompleted, SoldOut, HoldEnded and
    BookingEnded; raises Moved.
    """
    booking = await _booking(connection, request.tenant_id, request.booking_id)
    if confirmed := await _confirmed_before(connection, request.tenant_id, booking):
        return confirmed
    _check_open(booking)
    paid = _paid(booking)
    allowed = ON_TIME if booking["due_minor"] else FREE
    return await _cross(connection, request.tenant_id, booking, paid, allowed)


async def settle_late_money(connection: Connection, request: LateMoney) -> Settled:
    """Decide what late money becomes: the places again, at the price they had, or a refund, and why.

    The first verdict over a payment stays. A booking that is to be refunded is `refunding` from here on, also
    one whose run was lost before it had ended.
    Refuses Unknown; raises Moved.
    """
    key = f"settle_late_money:{request.payment_id}"
    if first := await step.first_answer(connection, request.tenant_id, key, Settled):
        return first
    settled = await _settle(connection, request)
    if settled.settlement is Settlement.REFUND and settled.cause != ALREADY_PAID:
        await _end_lost(connection, request, settled.cause)
        await connection.execute(GO_BACK, request.tenant_id, request.booking_id, UNPAID_ENDS)
    return await step.keep_answer(connection, request.tenant_id, key, settled)


async def _end_lost(connection: Connection, request: LateMoney, cause: str) -> None:
    """End a booking that is still open: its run is lost, so nobody else does, and its places are nobody's."""
    booking = await _booking(connection, request.tenant_id, request.booking_id)
    if booking["status"] not in OPEN:
        return
    places = HoldPlaces(tenant_id=request.tenant_id, booking_id=request.booking_id)
    await holds.release_places(connection, places)
    # Time cannot end what is paid.
    reason = EndReason.CANCELLED if booking["status"] == BookingStatus.PAID else EndReason.EXPIRED
    ending = EndBooking(
        tenant_id=request.tenant_id, booking_id=request.booking_id, reason=reason, cause=cause
    )
    await end.end_booking(connection, ending)


async def _settle(connection: Connection, request: LateMoney) -> Settled:
    if await connection.fetchval(CONFIRMED_BY, request.tenant_id, request.payment_id):
        return Settled(settlement=Settlement.CONFIRMED)
    booking = await _booking(connection, request.tenant_id, request.booking_id)
    if cause := await _against(connection, request, booking):
        return Settled(settlement=Settlement.REFUND, cause=cause)
    try:
        paid = _paid(booking, first=request.payment_id)
        if booking["status"] in LATE:
            await holds.check_on_sale(connection, request.tenant_id, booking["slot_id"])
        await _cross(connection, request.tenant_id, booking, paid, LATE + LOST)
    except (NotOnSale, PaymentNotCompleted) as no:
        return Settled(settlement=Settlement.REFUND, cause=no.code)
    return Settled(settlement=Settlement.CONFIRMED)


async def _against(connection: Connection, request: LateMoney, booking: Record) -> str:
    """Say what speaks against honouring the payment, if anything does."""
    payment = next((one for one in _payments(booking) if one.id == request.payment_id), None)
    if payment is None:
        raise Unknown("This booking has no such payment.")
    standing = without_a_run(BookingStatus(booking["status"]))
    news = News.SECOND if standing is Standing.PURCHASED else News.SUCCESS
    news = News.CONFLICTED if payment.status == "conflicted" else news
    if consequence(news, standing) is Consequence.REFUND:
        return CAUSES[news]
    if booking["cause"] in NOT_ACCEPTED:
        return str(booking["cause"])
    again = await connection.fetchval(
        BOOKED_AGAIN,
        request.tenant_id,
        request.booking_id,
        booking["slot_id"],
        booking["offer_id"],
        booking["contact_email"],
        booking["user_id"],
    )
    return BOOKED if again else ""


async def _booking(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> Record:
    booking = await connection.fetchrow(BOOKING, tenant_id, booking_id)
    if booking is None:
        raise Unknown("There is no such booking.")
    return booking


async def _confirmed_before(connection: Connection, tenant_id: TenantId, booking: Record) -> Confirmed | None:
    if booking["status"] not in (BookingStatus.CONFIRMED, BookingStatus.COMPLETED, BookingStatus.NO_SHOW):
        return None
    return Confirmed(tickets=await ticket.count(connection, tenant_id, booking["id"]))


def _check_open(booking: Record) -> None:
    status = BookingStatus(booking["status"])
    if status in ENDED or status in (BookingStatus.REFUNDING, BookingStatus.CANCELLING):
        raise BookingEnded("This booking has ended.", status=status.value)


def _payments(booking: Record) -> list[Payment]:
    return [
        Payment(PaymentId(UUID(row["id"])), row["status"], row["minor"]) for row in booking["payments"] or ()
    ]


def _paid(booking: Record, first: PaymentId | None = None) -> list[Payment]:
    """List the payments that pay for it, beginning with `first`; what comes beyond the due is no pay of it,
    nor is a conflicted payment.

    Refuses PaymentNotCompleted when they do not reach what is due.
    """
    payments = _payments(booking)
    paid, reached = list[Payment](), 0
    for payment in sorted(payments, key=lambda payment: payment.id != first):
        if payment.status == "captured" and payment.minor and reached < booking["due_minor"]:
            paid.append(payment)
            reached += payment.minor
    if reached < booking["due_minor"]:
        status = payments[-1].status if payments else "none"
        raise PaymentNotCompleted("Less has been paid than is due.", status=status)
    return paid


async def _cross(
    connection: Connection, tenant_id: TenantId, booking: Record, paid: list[Payment], allowed: list[str]
) -> Confirmed:
    """Do all of it. Refuses SoldOut when the places are gone, and IllegalMove for a booking in a wrong state;
    raises Moved.
    """
    if not await sale.purchase(connection, tenant_id, booking["id"]):
        await holds.hold_anew(connection, tenant_id, booking["id"], booking["slot_id"])
        await sale.purchase(connection, tenant_id, booking["id"])
    payments, amounts = [payment.id for payment in paid], [payment.minor for payment in paid]
    units = await connection.fetch(CONFIRM, tenant_id, booking["id"], allowed, payments, amounts, uuid7())
    if not units:
        if (await _booking(connection, tenant_id, booking["id"]))["status"] != booking["status"]:
            raise Moved
        raise IllegalMove("This booking has moved on.", status=booking["status"], trigger="tickets_issued")
    if booking["status"] in ACCEPTED:
        await case.close(connection, tenant_id, booking["id"], closed_by="holdfast", note="accepted")
    tickets = await ticket.issue(connection, tenant_id, booking["id"], units)
    news = [
        Told(booking["id"], types.BOOKING_CONFIRMED, {"reference": booking["reference"]}),
        *(Told(made, types.TICKET_GENERATED, {"booking_id": str(booking["id"])}) for made in tickets),
    ]
    if paid:
        await _book_earnings(connection, tenant_id, booking, paid, news)
    else:
        await event.append(connection, tenant_id, *news)
    return Confirmed(tickets=len(tickets))


async def _book_earnings(
    connection: Connection, tenant_id: TenantId, booking: Record, paid: list[Payment], news: list[Told]
) -> None:
    """Write who has earned it, and tell of it before the `news`; beyond the price nothing is earned."""
    earned = min(booking["total_minor"], sum(payment.minor for payment in paid))
    amount = Money(minor=earned, currency=booking["currency"])
    shares = SalesTerms.model_validate(booking["terms"]).shares
    posting = books.booking_confirmed(booking["id"], amount, booking["fee_basis_points"], shares)
    processed = Told(booking["id"], types.PAYMENT_PROCESSED, {"amount": amount.model_dump()})
    await ledger.post(connection, tenant_id, posting, processed, *news)
