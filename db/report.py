"""Bookings counted, for organizers."""

from datetime import datetime
from typing import NamedTuple

from db.session import Connection
from domain.ids import TenantId
from domain.money import Money

COUNT = """
select case $4 when 'source' then source when 'status' then status when 'delivery' then delivery
                else offer_id::text end as name,
       currency, count(*)::int as bookings, count(confirmed_at)::int as confirmed,
       sum(total_minor)::bigint as total_minor,
       coalesce(sum(total_minor) filter (where confirmed_at is not null), 0)::bigint as confirmed_minor
  from bookings
 where tenant_id = $1
   and ($2::timestamptz is null or created_at >= $2) and ($3::timestamptz is null or created_at < $3)
 group by 1, 2 order by 1, 2
"""


class Group(NamedTuple):
    """So many bookings of one name and currency; `confirmed` of them were paid for, or are free."""

    name: str
    bookings: int
    confirmed: int
    total: Money
    confirmed_total: Money


async def bookings(
    connection: Connection,
    tenant_id: TenantId,
    *,
    by: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Group]:
    """Count the bookings made in [`since`, `until`) by source, status, delivery or offer, and by
    currency; sorted by name."""
    rows = await connection.fetch(COUNT, tenant_id, since, until, by)
    return [
        Group(
            name=row["name"],
            bookings=row["bookings"],
            confirmed=row["confirmed"],
            total=Money(minor=row["total_minor"], currency=row["currency"]),
            confirmed_total=Money(minor=row["confirmed_minor"], currency=row["currency"]),
        )
        for row in rows
    ]
