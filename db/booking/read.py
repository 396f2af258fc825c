"""Bookings as they stand."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from db.session import Connection, Record
from domain.booking import BookingRequest, BookingStatus
from domain.catalog import SalesTerms
from domain.ids import BookingId, ChannelId, OfferId, SlotId, TenantId, VariantId
from domain.money import Money
from domain.pricing import Line
from domain.refusal import Unknown
from domain.ticket import Delivery
from domain.value import Sealed, Value


class Contact(Value):
    """Whom we write to about a booking. A person's data: never into a history, a log or a name."""

    name: str
    email: str
    phone: Sealed | None = None


class Booking(Value):
    """A booking with its lines. `expires_at` is what the buyer was told; instants are UTC."""

    id: BookingId
    tenant_id: TenantId
    channel_id: ChannelId
    source: str
    reference: str
    offer_id: OfferId
    slot_id: SlotId
    starts_at: datetime
    status: BookingStatus
    cause: str = ""
    lines: tuple[Line, ...]
    total: Money
    due: Money
    terms: SalesTerms
    summary: str
    locale: str
    delivery: Delivery = Delivery.EMAIL
    contact: Contact
    user_id: str | None = None
    created_at: datetime
    expires_at: datetime | None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None

    def request(self, *, grace: timedelta) -> BookingRequest:
        """Write what its saga is started with; `grace` is how long places are kept behind the deadline."""
        return BookingRequest(
            tenant_id=self.tenant_id,
            booking_id=self.id,
            reference=self.reference,
            offer_id=self.offer_id,
            summary=self.summary,
            grace=grace,
            attempts=self.terms.payment_attempts,
            partner_within=self.terms.partner_within,
        )


BY_ID = """
select b.*, (select jsonb_agg(to_jsonb(l) order by l.position) from booking_lines l
              where l.tenant_id = b.tenant_id and l.booking_id = b.id) as lines
  from bookings b where b.tenant_id = $1 and b.id = $2
"""

BY_REFERENCE = """
select b.*, (select jsonb_agg(to_jsonb(l) order by l.position) from booking_lines l
              where l.tenant_id = b.tenant_id and l.booking_id = b.id) as lines
  from bookings b where b.tenant_id = $1 and b.reference = $2
"""

# Newest first; ($7, $8) is the last of the page before.
PAGE = """
select b.*, (select jsonb_agg(to_jsonb(l) order by l.position) from booking_lines l
              where l.tenant_id = b.tenant_id and l.booking_id = b.id) as lines
  from bookings b
 where b.tenant_id = $1
   and ($2::text is null or b.user_id = $2)
   and ($3::text[] is null or b.status = any($3))
   and ($4::timestamptz is null or b.starts_at >= $4)
   and ($5::timestamptz is null or b.starts_at < $5)
   and ($9::text is null or b.source = $9)
   and ($7::timestamptz is null or (b.created_at, b.id) < ($7, $8::uuid))
 order by b.created_at desc, b.id desc limit $6
"""


async def find(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> Booking:
    """Find a booking by its id. Refuses Unknown."""
    return _found(await connection.fetchrow(BY_ID, tenant_id, booking_id))


async def find_by_reference(connection: Connection, tenant_id: TenantId, reference: str) -> Booking:
    """Find a booking by the reference that people use. Refuses Unknown."""
    return _found(await connection.fetchrow(BY_REFERENCE, tenant_id, reference))


async def page(
    connection: Connection,
    tenant_id: TenantId,
    *,
    user_id: str | None = None,
    statuses: list[BookingStatus] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: tuple[datetime, BookingId] | None = None,
    limit: int = 50,
    source: str | None = None,
) -> list[Booking]:
    """List bookings, newest first, whose slot starts in [`since`, `until`), behind the booking `after`
    (created at, id); at most `limit`.
    """
    created_at, booking_id = after or (None, None)
    rows = await connection.fetch(
        PAGE, tenant_id, user_id, statuses, since, until, limit, created_at, booking_id, source
    )
    return [booking_of(row) for row in rows]


def booking_of(row: Record) -> Booking:
    """Read a row of `bookings` with its `lines`."""
    currency = row["currency"]
    return Booking(
        id=row["id"],
        tenant_id=row["tenant_id"],
        channel_id=row["channel_id"],
        source=row["source"],
        reference=row["reference"],
        offer_id=row["offer_id"],
        slot_id=row["slot_id"],
        starts_at=row["starts_at"],
        status=BookingStatus(row["status"]),
        cause=row["cause"],
        lines=tuple(_line(line, currency) for line in row["lines"] or ()),
        total=Money(minor=row["total_minor"], currency=currency),
        due=Money(minor=row["due_minor"], currency=currency),
        terms=SalesTerms.model_validate(row["terms"]),
        summary=row["summary"],
        locale=row["locale"],
        delivery=Delivery(row["delivery"]),
        contact=Contact(name=row["contact_name"], email=row["contact_email"], phone=row["contact_phone"]),
        user_id=row["user_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        confirmed_at=row["confirmed_at"],
        ended_at=row["ended_at"],
    )


def _found(row: Record | None) -> Booking:
    if row is None:
        raise Unknown("There is no such booking.")
    return booking_of(row)


def _line(line: Mapping[str, Any], currency: str) -> Line:
    return Line(
        variant_id=VariantId(line["variant_id"]),
        name=line["name"],
        quantity=line["quantity"],
        unit=Money(minor=line["unit_minor"], currency=currency),
        total=Money(minor=line["total_minor"], currency=currency),
    )
