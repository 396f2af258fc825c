"""Quotes, kept so that a booking may refer to the price it was shown."""

from db.session import Connection
from domain.ids import QuoteId, TenantId
from domain.money import Money
from domain.pricing import Line, Quote
from domain.refusal import Unknown

WRITE = """
with quote as (
    insert into quotes (tenant_id, id, offer_id, slot_id, total_minor, currency, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning id
)
insert into quote_lines (tenant_id, quote_id, position, variant_id, name, quantity, unit_minor, total_minor)
select $1, quote.id, line.position, line.variant_id, line.name, line.quantity, line.unit_minor,
       line.unit_minor * line.quantity
  from quote, unnest($8::uuid[], $9::text[], $10::int[], $11::bigint[]) with ordinality
       as line (variant_id, name, quantity, unit_minor, position)
"""

QUOTE = """
select q.id, q.offer_id, q.slot_id, q.total_minor, q.currency, q.expires_at,
       l.variant_id, l.name, l.quantity, l.unit_minor, l.total_minor as line_minor
  from quotes q join quote_lines l on l.tenant_id = q.tenant_id and l.quote_id = q.id
 where q.tenant_id = $1 and q.id = $2 order by l.position
"""


async def write_quote(connection: Connection, tenant_id: TenantId, quote: Quote) -> None:
    """Keep a quote with its lines."""
    await connection.execute(
        WRITE,
        tenant_id,
        quote.id,
        quote.offer_id,
        quote.slot_id,
        quote.total.minor,
        quote.total.currency,
        quote.expires_at,
        [line.variant_id for line in quote.lines],
        [line.name for line in quote.lines],
        [line.quantity for line in quote.lines],
        [line.unit.minor for line in quote.lines],
    )


async def quote(connection: Connection, tenant_id: TenantId, quote_id: QuoteId) -> Quote:
    """Find a quote, outdated or not. Refuses Unknown."""
    rows = await connection.fetch(QUOTE, tenant_id, quote_id)
    if not rows:
        raise Unknown("There is no such quote.")
    first, currency = rows[0], rows[0]["currency"]
    lines = tuple(
        Line(
            variant_id=row["variant_id"],
            name=row["name"],
            quantity=row["quantity"],
            unit=Money(minor=row["unit_minor"], currency=currency),
            total=Money(minor=row["line_minor"], currency=currency),
        )
        for row in rows
    )
    return Quote(
        id=first["id"],
        offer_id=first["offer_id"],
        slot_id=first["slot_id"],
        lines=lines,
        total=Money(minor=first["total_minor"], currency=currency),
        expires_at=first["expires_at"],
    )
