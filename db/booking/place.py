"""The front door's one transaction: key, places, booking, lines, events. All of it or nothing.

    begin and tenant · lock the counters · one statement · commit

The statement takes bookings of one tenant, first come first served: it takes the places by the rules of
`db/inventory/`, and writes the rest of a booking only where its were taken. The locks come before it, so that
it sees the counters as they are and stay: a statement that waits for its own locks goes on with what it saw
before them. Its guards are all inside: the slot is on sale by the database's clock, the key was not used,
every counter has room behind those who came before. Who is left out is tried alone, and a second look says
why; overdue holds are taken back before anybody hears *sold out*. The same key at the same moment: the second
waits for the first's counter, and reads what the first has written.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from db import consent, idempotency, passenger
from db.booking.read import Booking, Contact, find
from db.idempotency import Key, Stored
from db.inventory import hold as holds
from db.reference import next_reference
from db.relay import HEAD_START
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

# `up_to` counts a booking's places with those of all who came before it, whatever becomes of them: whoever is
# left out by that fits perhaps when tried alone.
PLACE = """
with asked as (
    select * from jsonb_to_recordset($2) as asked (
        place int, id uuid, offer_id uuid, slot_id uuid, channel_id uuid, source text, reference text,
        starts_at timestamptz, quote_id uuid, total_minor bigint, due_minor bigint, currency text,
        terms jsonb, summary text, locale text, contact_name text, contact_email text, contact_phone text,
        user_id text, delivery text, hold_seconds int, caller text, route text, key text, fingerprint text,
        lines jsonb, told jsonb)
),
wanted as (
    select place, counter_id, places, sum(places) over (partition by counter_id order by place) as up_to
      from unnest($3::int[], $4::uuid[], $5::int[]) as wanted (place, counter_id, places)
),
fitting as (
    select place from wanted left join counters c on c.tenant_id = $1 and c.id = wanted.counter_id
     group by place having bool_and(coalesce(wanted.up_to <= c.capacity - c.held - c.sold, false))
),
written as (
    insert into bookings
        (tenant_id, id, offer_id, slot_id, expires_at, channel_id, source, reference, starts_at, quote_id,
         status, cause, total_minor, due_minor, currency, terms, summary, locale, contact_name, contact_email,
         contact_phone, user_id, delivery, next_at)
    select $1, id, offer_id, slot_id, now() + make_interval(secs => hold_seconds), channel_id, source,
           reference, starts_at, quote_id, 'held', '', total_minor, due_minor, currency, terms, summary,
           locale, contact_name, contact_email, contact_phone, user_id, delivery,
           case when due_minor > 0 then now() + $6 else now() end
      from asked join fitting using (place)
     where exists (select from slots
                    where tenant_id = $1 and slots.id = asked.slot_id and status = 'live'
                      and now() < sales_until and (sales_from is null or sales_from <= now()))
       and not exists (select from idempotency_keys k
                        where tenant_id = $1
                          and k.caller = asked.caller and k.route = asked.route and k.key = asked.key)
     order by place
    returning id, created_at, expires_at
),
accepted as (
    select asked.*, created_at, expires_at from asked join written using (id)
),
taken as (
    update counters c set held = c.held + more.places
      from (select counter_id, sum(places)::int as places from wanted join accepted using (place)
             group by counter_id) more
     where c.tenant_id = $1 and c.id = more.counter_id
),
used as (
    insert into idempotency_keys (tenant_id, caller, route, key, fingerprint, subject)
    select $1, caller, route, key, fingerprint, id from accepted where key is not null
),
lined as (
    insert into booking_lines
        (tenant_id, booking_id, position, variant_id, name, quantity, unit_minor, total_minor)
    select $1, id, position, line.variant_id, line.name, line.quantity, line.unit_minor,
           line.unit_minor * line.quantity
      from accepted
           cross join rows from (jsonb_to_recordset(accepted.lines)
                                     as (variant_id uuid, name text, quantity int, unit_minor bigint))
               with ordinality as line (variant_id, name, quantity, unit_minor, position)
),
held as (
    insert into holds (tenant_id, booking_id, counter_id, n, places, status, expires_at, kept_until)
    select $1, id, counter_id, 1, places, 'active', expires_at, expires_at
      from wanted join accepted using (place)
),
told as (
    insert into events (tenant_id, subject, n, type, data)
    select $1, id, event.n, event.type, event.data
      from accepted
           cross join rows from (jsonb_to_recordset(accepted.told) as (type text, data jsonb))
               with ordinality as event (type, data, n)
     order by place, event.n
)
select id, created_at, expires_at from accepted
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


class Draft(NamedTuple):
    """A booking as it is tried, with its reference."""

    placement: Placement
    reference: str


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


async def place_together(database: Database, placements: Sequence[Placement]) -> list[Placed | None]:
    """Accept bookings of one tenant in one transaction, first come first served; in their order, nothing for
    who has to `place` his alone, because only that tells why not.

    Raises what goes wrong with any of them; then none was accepted, unless the connection was lost.
    """
    tenant_id = placements[0].tenant_id
    firsts = {_wish(placement): placement for placement in reversed(placements)}
    drafts = [await _draft(database, placement) for placement in reversed(firsts.values())]
    async with database.tenant(tenant_id) as connection:
        accepted = await _accept(connection, tenant_id, drafts)
    return [accepted.get(placement.booking_id) for placement in placements]


async def _try(database: Database, placement: Placement) -> Placed:
    tenant_id, booking_id = placement.tenant_id, placement.booking_id
    draft = await _draft(database, placement)
    async with database.tenant(tenant_id) as connection:
        if placed := await _accept(connection, tenant_id, [draft]):
            return placed[booking_id]
        if before := await _made_before(connection, placement):
            return before
        await holds.check_on_sale(connection, tenant_id, placement.slot_id)
        await holds.make_room(connection, tenant_id, placement.slot_id, placement.wanted)
        if placed := await _accept(connection, tenant_id, [draft]):
            return placed[booking_id]
        raise holds.sold_out(placement.slot_id, max(placement.wanted.values()), 0)


async def _draft(database: Database, placement: Placement) -> Draft:
    return Draft(placement, placement.reference or await next_reference(database, placement.tenant_id))


def _wish(placement: Placement) -> object:
    """Tell wishes apart: two with the same key are one."""
    key = placement.key
    return (key.caller, key.route, key.key) if key else placement.booking_id


async def _accept(
    connection: Connection, tenant_id: TenantId, drafts: Sequence[Draft]
) -> dict[BookingId, Placed]:
    """Write those of the bookings that can be accepted as they are."""
    asked = [_row(place, draft) for place, draft in enumerate(drafts)]
    wanted = [(place, *each) for place, (one, _) in enumerate(drafts) for each in one.wanted.items()]
    places, counters, numbers = zip(*wanted, strict=True)
    await holds.lock(connection, tenant_id, set(counters))
    written = await connection.fetch(PLACE, tenant_id, asked, places, counters, numbers, HEAD_START)
    rows = {row["id"]: row for row in written}
    accepted = {}
    for placement, reference in drafts:
        if row := rows.get(placement.booking_id):
            booking = _booking(placement, reference, row)
            await passenger.write(connection, tenant_id, booking.id, placement.passengers)
            await consent.write(
                connection, tenant_id, booking.id, placement.consents, address=placement.address
            )
            accepted[booking.id] = Placed(booking, repeated=False)
    return accepted


async def _made_before(connection: Connection, placement: Placement) -> Placed | None:
    if placement.key is None:
        return None
    claim = await idempotency.find(connection, placement.tenant_id, placement.key)
    if claim is None:
        return None
    booking = await find(connection, placement.tenant_id, BookingId(claim.subject))
    return Placed(booking, repeated=True, answer=claim.answer)


def _row(place: int, draft: Draft) -> dict[str, object]:
    placement, reference = draft
    contact = placement.contact
    return {
        "place": place,
        "id": placement.booking_id,
        "offer_id": placement.offer_id,
        "slot_id": placement.slot_id,
        "channel_id": placement.channel_id,
        "source": placement.source,
        "reference": reference,
        "starts_at": placement.starts_at,
        "quote_id": placement.quote_id,
        "total_minor": placement.total.minor,
        "due_minor": placement.due.minor,
        "currency": placement.total.currency,
        "terms": placement.terms.model_dump(mode="json"),
        "summary": placement.summary,
        "locale": placement.locale,
        "contact_name": contact.name,
        "contact_email": contact.email,
        "contact_phone": contact.phone,
        "user_id": placement.user_id,
        "delivery": placement.delivery,
        "hold_seconds": placement.hold_seconds,
        **(placement.key.model_dump() if placement.key else {}),
        "lines": [
            {
                "variant_id": line.variant_id,
                "name": line.name,
                "quantity": line.quantity,
                "unit_minor": line.unit.minor,
            }
            for line in placement.lines
        ],
        "told": _told(placement, reference),
    }


def _told(placement: Placement, reference: str) -> list[dict[str, object]]:
    created = {"reference": reference, "total": placement.total.model_dump()}
    reserved = {"slot_id": placement.slot_id}
    return [
        {"type": event.BOOKING_CREATED, "data": created},
        {"type": event.BOOKING_INITIATED, "data": _initiated(placement, reference)},
        {"type": event.INVENTORY_RESERVED, "data": reserved},
    ]


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
