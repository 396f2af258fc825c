"""Places: taken, kept, given back, sold. The rules, for whoever adds a statement:

1. Places move in counters by conditional updates; the guard stands in the statement, never in Python.
2. Lock order: counters by id, then holds, then the booking. Whoever moves places locks its counters before it
   touches a hold; with holds first, races are one deadlock after another. Who moves none (`keep_places`)
   locks no counter.
3. A hold claims places of all its counters or of none. It is live until a statement changes its row: a
   deadline that has passed changes nothing by itself. From `kept_until` on anybody who needs the places takes
   them back, counter by counter; a booking that has lost one of its places has lost its hold.
4. Nobody hears *sold out* before the overdue holds on the counter were taken back in the same transaction,
   and reads count them as free. So neither a late timer nor a stopped worker blocks a sale.
5. held → sold is one update of one row: no other buyer ever sees the place free in between.
6. The clock is the database's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from db import case, event, step
from db.session import Connection, Record
from domain.booking import ENDED, AskJudge, BookingStatus, Judge, Trigger, sources
from domain.case import CaseKind
from domain.event import INVENTORY_RESERVED, PARTNER_ASKED, REVIEW_ASKED
from domain.ids import BookingId, CounterId, PaymentId, SlotId, TenantId
from domain.inventory import Hold, HoldPlaces, KeepPlaces, Kept, OpenPayment
from domain.money import Money, zero
from domain.refusal import BookingEnded, HoldEnded, SalesClosed, SoldOut, Unknown

# One counter: the update is its own lock. Several: they are locked first, in the order of their ids, and all
# judged before the first changes (a CASE is lazy, so one counter pays for no second look).
HOLD = """
with wanted as (
    select * from unnest($3::uuid[], $4::int[]) as wanted (counter_id, places)
),
locked as (
    select c.held + c.sold + w.places <= c.capacity as fits
      from counters c join wanted w on w.counter_id = c.id
     where c.tenant_id = $1
     order by c.id for no key update of c
),
taken as (
    update counters c set held = c.held + w.places
      from wanted w
     where c.tenant_id = $1 and c.id = w.counter_id
       and case when cardinality($3::uuid[]) = 1 then c.held + c.sold + w.places <= c.capacity
                else (select bool_and(fits) and count(*) = cardinality($3::uuid[]) from locked) end
       and not exists (select from holds where tenant_id = $1 and booking_id = $2
                                           and status in ('active', 'purchased'))
    returning c.id, w.places
)
insert into holds (tenant_id, booking_id, counter_id, n, places, status, expires_at, kept_until)
select $1, $2, taken.id,
       1 + coalesce((select max(n) from holds where tenant_id = $1 and booking_id = $2), 0),
       taken.places, 'active', now() + $5, now() + $5
  from taken
returning expires_at
"""

ROOM = """
select c.id, c.capacity - c.held - c.sold as free, coalesce(overdue.places, 0)::int as overdue
  from counters c
  left join lateral (
      select sum(places) as places from holds h
       where h.tenant_id = c.tenant_id and h.counter_id = c.id
         and h.status = 'active' and h.kept_until < now()
  ) overdue on true
 where c.tenant_id = $1 and c.id = any($2)
"""

LOCK = """
select id from counters where tenant_id = $1 and id = any($2) order by id for no key update
"""

LOCK_OF_BOOKING = """
select c.id from counters c
 where c.tenant_id = $1
   and c.id in (select counter_id from holds
                 where tenant_id = $1 and booking_id = $2 and status = 'active')
 order by c.id for no key update
"""

TAKE_BACK = """
with freed as (
    update holds set status = 'expired'
     where tenant_id = $1 and counter_id = any($2) and status = 'active' and kept_until < now()
    returning counter_id, places
)
update counters c set held = c.held - freed.places
  from (select counter_id, sum(places)::int as places from freed group by counter_id) freed
 where c.tenant_id = $1 and c.id = freed.counter_id
"""

RELEASE = """
with freed as (
    update holds set status = case when expires_at <= now() then 'expired' else 'released' end
     where tenant_id = $1 and booking_id = $2 and status = 'active'
    returning counter_id, places
)
update counters c set held = c.held - freed.places
  from (select counter_id, sum(places)::int as places from freed group by counter_id) freed
 where c.tenant_id = $1 and c.id = freed.counter_id
"""

PURCHASE = """
with bought as (
    update holds set status = 'purchased'
     where tenant_id = $1 and booking_id = $2 and status = 'active'
    returning counter_id, places
)
update counters c set held = c.held - bought.places, sold = c.sold + bought.places
  from bought
 where c.tenant_id = $1 and c.id = bought.counter_id
"""

LOCK_SOLD = """
select c.id, h.places from counters c
  join holds h on h.tenant_id = c.tenant_id and h.counter_id = c.id
 where c.tenant_id = $1 and h.booking_id = $2 and h.status = 'purchased'
 order by c.id for no key update of c
"""

RETURN = """
update counters c set sold = c.sold - back.places
  from unnest($2::uuid[], $3::int[]) as back (id, places)
 where c.tenant_id = $1 and c.id = back.id
"""

# Where a booking and its latest hold stand, by the database's clock.
STANDING = """
select b.status, b.slot_id, b.due_minor, b.total_minor, b.currency, b.expires_at, b.terms, now() as at,
       hold.rows, hold.active, hold.bought, hold.kept_until
  from bookings b
  cross join lateral (
      select count(*) as rows, count(*) filter (where h.status = 'active') as active,
             count(*) filter (where h.status = 'purchased') as bought, min(h.kept_until) as kept_until
        from holds h
       where h.tenant_id = b.tenant_id and h.booking_id = b.id
         and h.n = (select max(n) from holds where tenant_id = b.tenant_id and booking_id = b.id)
  ) hold
 where b.tenant_id = $1 and b.id = $2
"""

WANTED = """
select wanted.counter_id, sum(wanted.quantity)::int as places
  from bookings b
  join booking_lines l on l.tenant_id = b.tenant_id and l.booking_id = b.id
  join variants v on v.tenant_id = l.tenant_id and v.id = l.variant_id
  cross join lateral (values (b.slot_id, l.quantity), (v.quota_id, l.quantity))
       as wanted (counter_id, quantity)
 where b.tenant_id = $1 and b.id = $2 and wanted.counter_id is not null
 group by wanted.counter_id order by wanted.counter_id
"""

ON_SALE = """
select status = 'live' and now() < sales_until and (sales_from is null or sales_from <= now())
  from slots where tenant_id = $1 and id = $2
"""

HELD = """
update bookings set status = 'held', expires_at = $4 where tenant_id = $1 and id = $2 and status = any($3)
"""

TRIED = """
select id, amount_minor, currency, provider, account, manual, review, settles_seconds, status, declines
  from payments
 where tenant_id = $1 and booking_id = $2 order by created_at, id
"""
STILL_OF_INTEREST = {"pending", "processing", "requires_action", "authorized", "captured", "conflicted"}

KEEP = """
update holds
   set kept_until = case when expires_at is not null
                         then greatest(kept_until, case when $4 then now() else expires_at end + $3) end
 where tenant_id = $1 and booking_id = $2 and status = 'active' and ($4 or expires_at > now())
returning coalesce(kept_until, now() + $3) as kept_until, coalesce(kept_until - now(), $3) as left
"""

# A statement sees what was there when it began: a hold that it waited for and that is gone by then may have a
# successor that only the next one sees.
LOOKS = 3

AWAIT_PAYMENT = """
update bookings set status = 'awaiting_payment' where tenant_id = $1 and id = $2 and status = any($3)
"""

AWAIT_JUDGE = """
update bookings set status = $4 where tenant_id = $1 and id = $2 and status = any($3)
"""
# Which state a booking waits in, and which it may come from: paid is passed through.
JUDGED = {
    Judge.REVIEWER: (BookingStatus.PAYMENT_REVIEW, sources(Trigger.REVIEW_ASKED)),
    Judge.PARTNER: (
        BookingStatus.AWAITING_PARTNER,
        [
            *sources(Trigger.PARTNER_ASKED),
            *sources(Trigger.PAYMENT_VERIFIED),
            *sources(Trigger.REVIEW_ACCEPTED),
        ],
    ),
}
CASES = {Judge.REVIEWER: CaseKind.REVIEW, Judge.PARTNER: CaseKind.PARTNER}
ASKED = {Judge.REVIEWER: REVIEW_ASKED, Judge.PARTNER: PARTNER_ASKED}


class Room(NamedTuple):
    """What is free of a counter, and what overdue holds would give back."""

    free: int
    overdue: int


# --- taking


async def hold(
    connection: Connection,
    *,
    tenant_id: TenantId,
    booking_id: BookingId,
    slot_id: SlotId,
    wanted: Mapping[CounterId, int],
    seconds: int | None,
) -> datetime | None:
    """Hold all the places that are wanted, for `seconds` (none: no deadline); gives the deadline (UTC).

    A booking that holds or bought places already is answered its own deadline. Refuses SoldOut.
    """
    length = None if seconds is None else timedelta(seconds=seconds)
    counters, places = list(wanted), list(wanted.values())
    held = await connection.fetch(HOLD, tenant_id, booking_id, counters, places, length)
    if not held:
        standing = await _standing(connection, tenant_id, booking_id)
        if standing["active"] or standing["bought"]:
            return _deadline(standing)
        await make_room(connection, tenant_id, slot_id, wanted)
        held = await connection.fetch(HOLD, tenant_id, booking_id, counters, places, length)
    if not held:
        raise sold_out(slot_id, sum(places), 0)
    return _deadline(held[0])


async def make_room(
    connection: Connection, tenant_id: TenantId, slot_id: SlotId, wanted: Mapping[CounterId, int]
) -> None:
    """Take back overdue holds, so that one more try may succeed. Refuses SoldOut when that cannot help."""
    rows = await connection.fetch(ROOM, tenant_id, list(wanted))
    room = {row["id"]: Room(row["free"], row["overdue"]) for row in rows}
    for counter, places in wanted.items():
        left = sum(room.get(counter, Room(0, 0)))
        if left < places:
            raise sold_out(slot_id, places, left)
    await take_back(connection, tenant_id, list(wanted))


async def take_back(connection: Connection, tenant_id: TenantId, counters: Sequence[CounterId]) -> None:
    """Free what overdue holds still claim of these counters. Nothing overdue: nothing done."""
    await connection.execute(LOCK, tenant_id, counters)
    await connection.execute(TAKE_BACK, tenant_id, counters)


async def wanted_by(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId
) -> dict[CounterId, int]:
    """Reckon from a booking's lines how many places it wants of which counters, in lock order."""
    rows = await connection.fetch(WANTED, tenant_id, booking_id)
    return {row["counter_id"]: row["places"] for row in rows}


async def check_on_sale(connection: Connection, tenant_id: TenantId, slot_id: SlotId) -> None:
    """Make sure that the slot may be sold now, by the database's clock. Refuses Unknown, SalesClosed."""
    on_sale = await connection.fetchval(ON_SALE, tenant_id, slot_id)
    if on_sale is None:
        raise Unknown("There is no such slot.")
    if not on_sale:
        raise SalesClosed("This slot is not on sale.", slot_id=str(slot_id))


# --- the steps


async def hold_places(connection: Connection, request: HoldPlaces) -> Hold:
    """Adopt the hold that the door took, or take one for a booking that came another way.

    A repeat answers the same hold with what is left of its time: nothing, when it is over and a run that is
    lost has left payments to be looked after. A booking that is paid or confirmed holds its places for good
    and owes nothing. Refuses Unknown, SoldOut, SalesClosed, HoldEnded (the undo gives back what is left of
    it) and BookingEnded.
    """
    standing = await _standing(connection, request.tenant_id, request.booking_id)
    status = BookingStatus(standing["status"])
    if status in ENDED or status in (BookingStatus.CANCELLING, BookingStatus.REFUNDING):
        raise BookingEnded("This booking has ended.", status=status.value)
    if status in (BookingStatus.PAID, BookingStatus.CONFIRMED):
        nothing = zero(standing["currency"])
        return Hold(left=None, expires_at=standing["expires_at"], due=nothing, total=nothing)
    if not standing["rows"]:
        return await _take(connection, request, standing)
    hold = await _hold(connection, request, standing, standing["expires_at"])
    over = standing["active"] < standing["rows"] or _passed(standing["kept_until"], standing["at"])
    if over and not hold.open_payments:
        raise HoldEnded("The time to pay is over.", ended_at=_told(standing["expires_at"]))
    return hold


async def release_places(connection: Connection, request: HoldPlaces) -> None:
    """Give back what the booking still holds: expired when its time was over, else released.

    Nothing held, or bought: nothing done, so a second call frees nothing twice.
    """
    await connection.execute(LOCK_OF_BOOKING, request.tenant_id, request.booking_id)
    await connection.execute(RELEASE, request.tenant_id, request.booking_id)


async def keep_places(connection: Connection, request: KeepPlaces) -> Kept:
    """Keep the places a grace behind the deadline (with `again`, behind now); the booking awaits payment.

    A repeat for the same payment answers the same instant. Refuses Unknown, HoldEnded and BookingEnded.
    """
    key = f"keep_places:{request.payment_id}:{request.again}"
    standing = await _standing(connection, request.tenant_id, request.booking_id)
    if first := await step.first_answer(connection, request.tenant_id, key, Kept):
        return first.model_copy(update={"left": first.kept_until - standing["at"]})
    kept = await _keep(connection, request)
    moved = await connection.execute(
        AWAIT_PAYMENT, request.tenant_id, request.booking_id, sources(Trigger.CHECKOUT_OPENED)
    )
    if moved == "UPDATE 0":
        raise BookingEnded("This booking has ended.", status=standing["status"])
    final = await _standing(connection, request.tenant_id, request.booking_id)  # nobody chooses anew any more
    if not kept or len(kept) < final["rows"]:
        raise HoldEnded("The time to pay is over.", ended_at=_told(final["expires_at"]))
    answer = Kept(
        left=kept[0]["left"],
        kept_until=kept[0]["kept_until"],
        due=Money(minor=final["due_minor"], currency=final["currency"]),
        total=Money(minor=final["total_minor"], currency=final["currency"]),
    )
    return await step.keep_answer(connection, request.tenant_id, key, answer)


async def ask_judge(connection: Connection, request: AskJudge) -> Kept:
    """Let the booking wait for a partner or reviewer, and keep its places until their time is over.

    A repeat answers the same instant. Refuses Unknown, HoldEnded and BookingEnded.
    """
    key = f"ask_judge:{request.booking_id}:{request.judge}"
    standing = await _standing(connection, request.tenant_id, request.booking_id)
    if first := await step.first_answer(connection, request.tenant_id, key, Kept):
        return first.model_copy(update={"left": first.kept_until - standing["at"]})
    keeping, from_now = request.within + request.grace, True
    kept = await connection.fetch(KEEP, request.tenant_id, request.booking_id, keeping, from_now)
    waits_in, from_states = JUDGED[request.judge]
    moved = await connection.execute(
        AWAIT_JUDGE, request.tenant_id, request.booking_id, from_states, waits_in.value
    )
    if moved == "UPDATE 0":
        raise BookingEnded("This booking has ended.", status=standing["status"])
    if not kept or len(kept) < standing["rows"]:
        raise HoldEnded("The places were taken back.", ended_at=_told(standing["expires_at"]))
    until = standing["at"] + keeping
    asked = event.Told(request.booking_id, ASKED[request.judge], {"until": until.isoformat()})
    await event.append(connection, request.tenant_id, asked)
    await case.open_case(
        connection,
        request.tenant_id,
        CASES[request.judge],
        request.booking_id,
        cause=waits_in.value,
        booking_id=request.booking_id,
    )
    answer = Kept(left=keeping, kept_until=until)
    return await step.keep_answer(connection, request.tenant_id, key, answer)


async def purchase(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> bool:
    """Sell what the booking holds; says no, and does nothing, when its hold is gone or no longer whole.

    Sold already: yes, and nothing done.
    """
    await connection.execute(LOCK_OF_BOOKING, tenant_id, booking_id)
    standing = await _standing(connection, tenant_id, booking_id)
    if not standing["rows"] or standing["active"] + standing["bought"] < standing["rows"]:
        return False
    await connection.execute(PURCHASE, tenant_id, booking_id)
    return True


async def lock_sold(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId
) -> dict[CounterId, int]:
    """Lock the counters a booking has bought places of, and tell how many it has of each."""
    rows = await connection.fetch(LOCK_SOLD, tenant_id, booking_id)
    return {row["id"]: row["places"] for row in rows}


async def return_sold(connection: Connection, tenant_id: TenantId, places: Mapping[CounterId, int]) -> None:
    """Free places that were sold; who asks has locked their counters and makes sure that it is done once."""
    await connection.execute(RETURN, tenant_id, list(places), list(places.values()))


async def hold_anew(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, slot_id: SlotId
) -> None:
    """Take the places of a booking again, as its next hold, to be bought at once. Refuses SoldOut."""
    await release_places(connection, HoldPlaces(tenant_id=tenant_id, booking_id=booking_id))
    wanted = await wanted_by(connection, tenant_id, booking_id)
    await hold(
        connection, tenant_id=tenant_id, booking_id=booking_id, slot_id=slot_id, wanted=wanted, seconds=None
    )


# --- inside


async def _take(connection: Connection, request: HoldPlaces, standing: Record) -> Hold:
    await check_on_sale(connection, request.tenant_id, standing["slot_id"])
    expires_at = await hold(
        connection,
        tenant_id=request.tenant_id,
        booking_id=request.booking_id,
        slot_id=standing["slot_id"],
        wanted=await wanted_by(connection, request.tenant_id, request.booking_id),
        seconds=standing["terms"]["hold_seconds"] if standing["due_minor"] else None,
    )
    await connection.execute(
        HELD, request.tenant_id, request.booking_id, sources(Trigger.PLACES_HELD), expires_at
    )
    reserved = event.Told(request.booking_id, INVENTORY_RESERVED, {"slot_id": str(standing["slot_id"])})
    await event.append(connection, request.tenant_id, reserved)
    return await _hold(connection, request, standing, expires_at)


async def _hold(
    connection: Connection, request: HoldPlaces, standing: Record, expires_at: datetime | None
) -> Hold:
    tried = await connection.fetch(TRIED, request.tenant_id, request.booking_id)
    return Hold(
        left=None if expires_at is None else max(timedelta(0), expires_at - standing["at"]),
        expires_at=expires_at,
        due=Money(minor=standing["due_minor"], currency=standing["currency"]),
        total=Money(minor=standing["total_minor"], currency=standing["currency"]),
        declines=sum(row["declines"] for row in tried),
        open_payments=tuple(
            OpenPayment(
                payment_id=PaymentId(row["id"]),
                amount=Money(minor=row["amount_minor"], currency=row["currency"]),
                provider=row["provider"],
                account=row["account"],
                manual=row["manual"],
                review=row["review"],
                settles_within=_seconds(row["settles_seconds"]),
            )
            for row in tried
            if row["status"] in STILL_OF_INTEREST
        ),
    )


async def _keep(connection: Connection, request: KeepPlaces) -> list[Record]:
    """Keep the hold that is active now: who chose anew while we waited has put another in its place."""
    longer = request.grace + (request.settles_within or timedelta(0))
    kept: list[Record] = []
    for _ in range(LOOKS):
        if kept := await connection.fetch(
            KEEP, request.tenant_id, request.booking_id, longer, request.again > 0
        ):
            break
    return kept


async def _standing(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> Record:
    standing = await connection.fetchrow(STANDING, tenant_id, booking_id)
    if standing is None:
        raise Unknown("There is no such booking.")
    return standing


def sold_out(slot_id: SlotId, asked: int, left: int) -> SoldOut:
    """Say that fewer places are left than asked."""
    return SoldOut("There are not enough places left.", slot_id=str(slot_id), asked=asked, left=max(0, left))


def _seconds(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _deadline(row: Record) -> datetime | None:
    deadline: datetime | None = row["expires_at"]
    return deadline


def _passed(instant: datetime | None, at: datetime) -> bool:
    return instant is not None and instant < at


def _told(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
