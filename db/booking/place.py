"""The front door's one transaction: key, places, booking, lines, events. All of it or nothing.

    begin and tenant · one statement · commit

The statement takes the places by the rules of `db/inventory/` and writes the rest only where they were
taken. Its guards are all inside: the slot is on sale by the database's clock, the key was not used, every
counter has room. When it writes nothing, a second look says why; overdue holds are taken back before anybody
hears *sold out*. The same key at the same moment: the second waits for the first's counter, then trips over
its key, and reads what the first has written.
"""

from datetime import datetime
from typing import NamedTuple

import asyncpg

from db import consent, idempotency, passenger
from db.booking.read import Booking, Contact, find
from db.idempotency import Key, Stored
from db.inventory import hold as holds
from db.reference import next_reference
from db.session import Connection, Database, Record
from domain import event
from domain.booking import BookingStatus
from domain.catalog import SalesTerms
from domain.consent import ConsentText
from domain.ids import BookingId, ChannelId, CounterId, OfferId, QuoteId, SlotId, TenantId
from domain.money import Money
from domain.passenger import Passenger
from domain.pricing import Line
from domain.ticket import Delivery
from domain.value import Value

PLACE = """
with wanted as (
    select * from unnest($5::uuid[], $6::int[]) as wanted (counter_id, places)
),
on_sale as (
    select from slots
     where tenant_id = $1 and id = $4 and status = 'live'
       and now() < sales_until and (sales_from is null or sales_from <= now())
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
       and exists (select from on_sale)
       and not exists (select from idempotency_keys
                        where tenant_id = $1 and caller = $8 and route = $9 and key = $10)
       and case when cardinality($5::uuid[]) = 1 then c.held + c.sold + w.places <= c.capacity
                else (select bool_and(fits) and count(*) = cardinality($5::uuid[]) from locked) end
    returning c.id, w.places
),
accepted as (
    insert into bookings
        (tenant_id, id, offer_id, slot_id, expires_at, channel_id, source, reference, starts_at, quote_id,
         status, cause, total_minor, due_minor, currency, terms, summary, locale, contact_name, contact_email,
         contact_phone, user_id, delivery)
    select $1, $2, $3, $4, now() + make_interval(secs => $7), $12, $13, $14, $15, $16,
           'held', '', $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $33
     where exists (select from taken)
    returning created_at, expires_at
),
used as (
    insert into idempotency_keys (tenant_id, caller, route, key, fingerprint, subject)
    select $1, $8, $9, $10, $11, $2 from accepted where $10::text is not null
),
lined as (
    insert into booking_lines
        (tenant_id, booking_id, position, variant_id, name, quantity, unit_minor, total_minor)
    select $1, $2, line.position, line.variant_id, line.name, line.quantity, line.unit_minor,
           line.unit_minor * line.quantity
      from accepted, unnest($27::uuid[], $28::text[], $29::int[], $30::bigint[]) with ordinality
           as line (variant_id, name, quantity, unit_minor, position)
),
held as (
    insert into holds (tenant_id, booking_id, counter_id, n, places, status, expires_at, kept_until)
    select $1, $2, taken.id, 1, taken.places, 'active', accepted.expires_at, accepted.expires_at
      from taken, accepted
),
told as (
    insert into events (tenant_id, subject, n, type, data)
    select $1, $2, told.n, told.type, told.data
      from accepted, unnest($31::text[], $32::jsonb[]) with ordinality as told (type, data, n)
     order by told.n
)
select created_at, expires_at from accepted
"""

# Two keys or ids cannot be used twice; a reference is drawn anew.
REPEATED = {"pk_idempotency_keys", "pk_bookings", "uq_bookings_reference"}
TRIES = 5


class Placement(Value):
    """A booking as the door accepts it: checked, priced, its terms frozen.

    `wanted` are places by counter, in lock order; `hold_seconds` the time to pay (none: nothing is due);
    `reference` is drawn in the tenant's pattern when it is not given. Without a `key` each call is a new
    booking. `consents` are texts that the buyer agreed to from `address`.
    """

    tenant_id: TenantId
    booking_id: BookingId
    channel_id: ChannelId
    source: str
    offer_id: OfferId
    slot_id: SlotId
    starts_at: datetime
    lines: tuple[Line, ...]
    wanted: dict[CounterId, int]
    total: Money
    due: Money
    terms: SalesTerms
    hold_seconds: int | None
    summary: str
    contact: Contact
    locale: str = "en"
    delivery: Delivery = Delivery.EMAIL
    passengers: tuple[Passenger, ...] = ()
    consents: tuple[ConsentText, ...] = ()
    address: str = ""
    quote_id: QuoteId | None = None
    user_id: str | None = None
    key: Key | None = None
    reference: str | None = None


class Placed(NamedTuple):
    """The booking as it stands: just made, or, `repeated`, the one the key made before, with the answer that
    was stored for it.
    """

    booking: Booking
    repeated: bool
    answer: Stored | None = None


async def place(database: Database, placement: Placement) -> Placed:
    """Accept a booking with its places, or give the booking that the same key made before.

    A repeat at the same moment joins the first. When the connection was lost nobody knows whether it was
    accepted: the same call finds out. Refuses Unknown, SalesClosed, SoldOut, KeyReused.
    """
    for _ in range(TRIES - 1):
        try:
            return await _try(database, placement)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name not in REPEATED:
                raise
    return await _try(database, placement)


async def _try(database: Database, placement: Placement) -> Placed:
    reference = placement.reference or await next_reference(database, placement.tenant_id)
    async with database.tenant(placement.tenant_id) as connection:
        if placed := await _accept(connection, placement, reference):
            return placed
        if before := await _made_before(connection, placement):
            return before
        await holds.check_on_sale(connection, placement.tenant_id, placement.slot_id)
        await holds.make_room(connection, placement.tenant_id, placement.slot_id, placement.wanted)
        if placed := await _accept(connection, placement, reference):
            return placed
        raise holds.sold_out(placement.slot_id, max(placement.wanted.values()), 0)


async def _accept(connection: Connection, placement: Placement, reference: str) -> Placed | None:
    row = await _write(connection, placement, reference)
    if row is None:
        return None
    booking = _booking(placement, reference, row)
    await passenger.write(connection, booking.tenant_id, booking.id, placement.passengers)
    await consent.write(
        connection, booking.tenant_id, booking.id, placement.consents, address=placement.address
    )
    return Placed(booking, repeated=False)


async def _made_before(connection: Connection, placement: Placement) -> Placed | None:
    if placement.key is None:
        return None
    claim = await idempotency.find(connection, placement.tenant_id, placement.key)
    if claim is None:
        return None
    booking = await find(connection, placement.tenant_id, BookingId(claim.subject))
    return Placed(booking, repeated=True, answer=claim.answer)


async def _write(connection: Connection, placement: Placement, reference: str) -> Record | None:
    key, contact = placement.key, placement.contact
    return await connection.fetchrow(
        PLACE,
        placement.tenant_id,
        placement.booking_id,
        placement.offer_id,
        placement.slot_id,
        list(placement.wanted),
        list(placement.wanted.values()),
        placement.hold_seconds,
        *((key.caller, key.route, key.key, key.fingerprint) if key else (None, None, None, None)),
        placement.channel_id,
        placement.source,
        reference,
        placement.starts_at,
        placement.quote_id,
        placement.total.minor,
        placement.due.minor,
        placement.total.currency,
        placement.terms.model_dump(mode="json"),
        placement.summary,
        placement.locale,
        contact.name,
        contact.email,
        contact.phone,
        placement.user_id,
        [line.variant_id for line in placement.lines],
        [line.name for line in placement.lines],
        [line.quantity for line in placement.lines],
        [line.unit.minor for line in placement.lines],
        [event.BOOKING_CREATED, event.BOOKING_INITIATED, event.INVENTORY_RESERVED],
        [
            {"reference": reference, "total": placement.total.model_dump()},
            _initiated(placement, reference),
            {"slot_id": str(placement.slot_id)},
        ],
        placement.delivery.value,
    )


def _initiated(placement: Placement, reference: str) -> dict[str, object]:
    return {
        "reference": reference,
        "offer_id": str(placement.offer_id),
        "source": placement.source,
        "total": placement.total.model_dump(),
    }


def _booking(placement: Placement, reference: str, row: Record) -> Booking:
    return Booking(
        id=placement.booking_id,
        reference=reference,
        status=BookingStatus.HELD,
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        **{name: getattr(placement, name) for name in SHARED},
    )


SHARED = Placement.model_fields.keys() & Booking.model_fields.keys() - {"reference"}
