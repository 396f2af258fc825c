"""The other ends of a booking, and what refunds mean for it."""

from collections.abc import Sequence

from db import case, event, notice, ticket
from db.event import Told
from db.inventory import sale
from db.session import Connection, Record
from domain import event as types
from domain.aftercare import LateMoney
from domain.booking import (
    OPEN,
    BookingRequest,
    BookingStatus,
    EndBooking,
    Ended,
    EndReason,
    Trigger,
    move,
    sources,
    without_a_run,
)
from domain.ids import BookingId, TenantId
from domain.notice import NoticeKind
from domain.refund import RefundStatus
from domain.refusal import IllegalMove, Unknown
from domain.settlement import Consequence, News, consequence

# Which moves a reason may make, whatever state the booking was left in.
TRIGGERS = {
    EndReason.EXPIRED: (Trigger.HOLD_TIME_OVER, Trigger.HOLD_REFUSED),
    EndReason.CANCELLED: (Trigger.CANCELLED_UNPAID, Trigger.HOLD_REFUSED),
    EndReason.FAILED: (
        Trigger.ATTEMPTS_USED_UP,
        Trigger.PROVIDERS_REFUSED,
        Trigger.REVIEW_DECLINED,
        Trigger.HOLD_REFUSED,
    ),
    EndReason.REJECTED: (Trigger.HOLD_REFUSED, Trigger.HOLD_TIME_OVER),
    EndReason.REFUSED: (Trigger.CANCELLED_UNPAID,),
}
# Who waits for a partner has paid: whatever the reason, the money goes back.
PAID = {
    reason: {BookingStatus.AWAITING_PARTNER}
    | ({BookingStatus.PAID} if reason not in (EndReason.EXPIRED, EndReason.REJECTED) else set())
    for reason in EndReason
}
MOVES = {
    reason: {
        source: move(BookingStatus(source), trigger).value
        for trigger in reversed(triggers)
        for source in sources(trigger)
    }
    | {state.value: move(state, Trigger.MONEY_GOES_BACK).value for state in PAID[reason]}
    for reason, triggers in TRIGGERS.items()
}

EVENTS = {
    BookingStatus.EXPIRED: types.BOOKING_EXPIRED,
    BookingStatus.CANCELLED: types.BOOKING_CANCELLED,
    BookingStatus.FAILED: types.BOOKING_FAILED,
    BookingStatus.REJECTED: types.BOOKING_FAILED,
    BookingStatus.REFUNDING: types.BOOKING_CANCELLED,
}
NOTICES = {
    BookingStatus.EXPIRED: NoticeKind.BOOKING_EXPIRED,
    BookingStatus.CANCELLED: NoticeKind.BOOKING_CANCELLED,
    BookingStatus.FAILED: NoticeKind.BOOKING_FAILED,
    BookingStatus.REFUNDING: NoticeKind.BOOKING_CANCELLED,
}

# A booking that has its tickets, and loses them with its money.
CONFIRMED = [
    state.value
    for state in BookingStatus
    if consequence(News.GIVEN_BACK, without_a_run(state)) is Consequence.CANCEL
]

END = """
update bookings b set status = moves.target, cause = $5, ended_at = now()
  from unnest($3::text[], $4::text[]) as moves (source, target)
 where b.tenant_id = $1 and b.id = $2 and b.status = moves.source
returning b.status
"""

STATUS = "select status from bookings where tenant_id = $1 and id = $2"

# Refunds that a provider has taken, or has taken and given back to us; numbered within the booking so that
# each is told once.
TO_TELL = """
select r.id, r.version, r.amount_minor, r.currency, r.status
  from (select id, payment_id, amount_minor, currency, status, provider_ref,
               row_number() over (order by created_at, id)::int as version
          from refunds where tenant_id = $1 and booking_id = $2) r
 where r.payment_id = $3 and r.provider_ref is not null
   and (r.status <> 'failed' or exists (
       select from notices n where n.tenant_id = $1 and n.booking_id = $2 and n.kind = 'payment_refunded'
                               and n.version = r.version))
 order by r.version
"""

# All that was taken for a confirmed booking goes back, or has gone.
GOES_BACK = """
select b.status = any($3) and taken.minor > 0 and taken.minor <= given.minor
  from bookings b
  cross join lateral (
      select coalesce(sum(captured_minor), 0) as minor from payments where tenant_id = $1 and booking_id = $2
  ) taken
  cross join lateral (
      select coalesce(sum(amount_minor), 0) as minor from refunds
       where tenant_id = $1 and booking_id = $2 and status <> 'failed'
  ) given
 where b.tenant_id = $1 and b.id = $2
"""
GO_BACK = """
update bookings set status = 'refunding' where tenant_id = $1 and id = $2 and status = any($3)
"""

REFUNDED = """
update bookings set status = 'refunded', ended_at = coalesce(ended_at, now())
 where tenant_id = $1 and id = $2 and status = any($3)
   and not exists (select from refunds
                    where tenant_id = $1 and booking_id = $2 and status in ('pending', 'processing'))
   and not exists (
       select from payments p
        where p.tenant_id = $1 and p.booking_id = $2
          and p.captured_minor > coalesce((select sum(r.amount_minor) from refunds r
                                            where r.tenant_id = $1 and r.payment_id = p.id
                                              and r.status = 'completed'), 0))
"""

TOLD_TEMPORAL = """
update bookings b set saga_started_at = now()
  from unnest($1::uuid[], $2::uuid[]) as told (tenant_id, id)
 where b.tenant_id = told.tenant_id and b.id = told.id and b.saga_started_at is null
"""


async def end_booking(connection: Connection, request: EndBooking) -> Ended:
    """Write the end of a booking that was not confirmed; answers how it ended, also when it had before.

    Refuses Unknown. A booking that is still open and may not end so is a defect: IllegalMove.
    """
    moves = MOVES[request.reason]
    sources, targets = list(moves), list(moves.values())
    ended = await connection.fetchval(
        END, request.tenant_id, request.booking_id, sources, targets, request.cause
    )
    if ended is None:
        return await _ended_before(connection, request)
    status = BookingStatus(ended)
    await event.append(
        connection, request.tenant_id, Told(request.booking_id, EVENTS[status], {"cause": request.cause})
    )
    await case.close(
        connection, request.tenant_id, request.booking_id, closed_by="holdfast", note=request.cause
    )
    if status in NOTICES:
        await notice.owe(connection, request.tenant_id, request.booking_id, NOTICES[status])
    if status is BookingStatus.REFUNDING:
        # What was only authorised need not go back.
        back = await _refunded(connection, request.tenant_id, request.booking_id)
        status = BookingStatus.REFUNDED if back else status
    return Ended(status=status)


async def _ended_before(connection: Connection, request: EndBooking) -> Ended:
    found = await connection.fetchval(STATUS, request.tenant_id, request.booking_id)
    if found is None:
        raise Unknown("There is no such booking.")
    status = BookingStatus(found)
    if status in OPEN:
        raise IllegalMove("This booking cannot end so.", status=found, trigger=request.reason.value)
    return Ended(status=status)


async def record_refund(connection: Connection, request: LateMoney) -> None:
    """Write what the refunds of a payment mean for its booking.

    A confirmed booking whose money goes back whole is `refunding` from then on: its tickets are void, its
    places free. The buyer is owed a notice for each refund that the provider has taken, and for each that
    came back after that; a booking that is `refunding` becomes `refunded` when nothing of its money is left
    with us. A repeat changes nothing.
    """
    if await connection.fetchval(GOES_BACK, request.tenant_id, request.booking_id, CONFIRMED):
        await _give_up(connection, request)
    for row in await connection.fetch(TO_TELL, request.tenant_id, request.booking_id, request.payment_id):
        await _tell_buyer(connection, request, row)
    await _refunded(connection, request.tenant_id, request.booking_id)


async def _give_up(connection: Connection, request: LateMoney) -> None:
    """Void the tickets of a booking and free its places, in the lock order of `db/inventory/`."""
    places = await sale.lock_sold(connection, request.tenant_id, request.booking_id)
    moved = await connection.execute(GO_BACK, request.tenant_id, request.booking_id, CONFIRMED)
    if moved == "UPDATE 1":
        await sale.return_sold(connection, request.tenant_id, places)
        await ticket.void(connection, request.tenant_id, request.booking_id)


async def _tell_buyer(connection: Connection, request: LateMoney, refund: Record) -> None:
    """Owe the notice of a refund, and close the case of one that got through."""
    failed = refund["status"] == RefundStatus.FAILED
    amount = {"minor": refund["amount_minor"], "currency": refund["currency"]}
    await notice.owe(
        connection,
        request.tenant_id,
        request.booking_id,
        NoticeKind.REFUND_FAILED if failed else NoticeKind.PAYMENT_REFUNDED,
        version=refund["version"],
        data={"amount": amount},
    )
    if not failed:
        await case.close(connection, request.tenant_id, refund["id"], closed_by="holdfast", note="taken")


async def _refunded(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> bool:
    """Let a booking that is `refunding` be refunded once nothing of its money is left with us; says if it
    became so.
    """
    moved = await connection.execute(REFUNDED, tenant_id, booking_id, sources(Trigger.REFUND_DONE))
    if moved == "UPDATE 0":
        return False
    await event.append(connection, tenant_id, Told(booking_id, types.BOOKING_REFUNDED, {}))
    return True


async def mark_told(connection: Connection, bookings: Sequence[BookingRequest]) -> None:
    """Note that Temporal knows of these bookings, so that the relay need not tell it."""
    tenants, ids = [booking.tenant_id for booking in bookings], [booking.booking_id for booking in bookings]
    await connection.execute(TOLD_TEMPORAL, tenants, ids)
