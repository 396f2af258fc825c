"""What can be bought, and how much of it is left."""

from collections.abc import Mapping
from datetime import datetime

from db.session import Connection, Record
from domain.catalog import Offer, SalesTerms, Slot, Variant
from domain.ids import OfferId, SlotId, TenantId, VariantId
from domain.money import Money
from domain.refusal import Unknown
from domain.value import Value


class SlotLeft(Value):
    """A slot and how many places anybody may take now, of `capacity`."""

    slot: Slot
    capacity: int
    left: int


class VariantLeft(Value):
    """A variant and, where it has a quota of its own, how many of it anybody may take now."""

    variant: Variant
    left: int | None


class Sale(Value):
    """All that is needed to price a choice: the offer, one of its slots, its variants."""

    offer: Offer
    slot: Slot
    variants: Mapping[VariantId, Variant]


OFFERS = """
select id, tenant_id, name, description, currency, terms, status from offers
 where tenant_id = $1 and status in ('live', 'sold_out') order by position, name
"""

OFFER = """
select id, tenant_id, name, description, currency, terms, status from offers
 where tenant_id = $1 and id = $2
"""

# Overdue holds count as free: whoever wants them takes them back first.
VARIANTS = """
select v.id, v.offer_id, v.name, v.price_minor, o.currency, v.status, v.min_quantity, v.max_quantity,
       v.quota_id, c.capacity - c.held - c.sold + overdue.places as left
  from variants v
  join offers o on o.tenant_id = v.tenant_id and o.id = v.offer_id
  left join counters c on c.tenant_id = v.tenant_id and c.id = v.quota_id
  left join lateral (
      select coalesce(sum(places), 0)::int as places from holds h
       where h.tenant_id = v.tenant_id and h.counter_id = v.quota_id
         and h.status = 'active' and h.kept_until < now()
  ) overdue on true
 where v.tenant_id = $1 and v.offer_id = $2
 order by v.position, v.name
"""

SLOTS = """
select s.id, s.offer_id, s.starts_at, s.ends_at, o.zone, s.sales_from, s.sales_until, s.status,
       c.capacity, c.capacity - c.held - c.sold + overdue.places as left
  from slots s
  join offers o on o.tenant_id = s.tenant_id and o.id = s.offer_id
  join counters c on c.tenant_id = s.tenant_id and c.id = s.id
  left join lateral (
      select coalesce(sum(places), 0)::int as places from holds h
       where h.tenant_id = s.tenant_id and h.counter_id = s.id
         and h.status = 'active' and h.kept_until < now()
  ) overdue on true
 where s.tenant_id = $1 and s.offer_id = $2 and s.starts_at >= $3 and s.starts_at < $4
   and s.status in ('live', 'sold_out')
 order by s.starts_at, s.id limit $5
"""

SLOT = """
select s.id, s.offer_id, s.starts_at, s.ends_at, o.zone, s.sales_from, s.sales_until, s.status
  from slots s join offers o on o.tenant_id = s.tenant_id and o.id = s.offer_id
 where s.tenant_id = $1 and s.id = $2
"""

SALE = """
select o.id as offer_id, o.tenant_id, o.name, o.description, o.currency, o.terms, o.status,
       s.id as slot_id, s.starts_at, s.ends_at, o.zone, s.sales_from, s.sales_until,
       s.status as slot_status,
       (select jsonb_agg(to_jsonb(v) order by v.position) from variants v
         where v.tenant_id = $1 and v.offer_id = o.id) as variants
  from offers o join slots s on s.tenant_id = o.tenant_id and s.offer_id = o.id
 where o.tenant_id = $1 and o.id = $2 and s.id = $3
"""


async def offers(connection: Connection, tenant_id: TenantId) -> list[Offer]:
    """List the offers that are shown to buyers, in the organizer's order."""
    return [_offer(row) for row in await connection.fetch(OFFERS, tenant_id)]


async def offer(connection: Connection, tenant_id: TenantId, offer_id: OfferId) -> Offer:
    """Find an offer. Refuses Unknown."""
    row = await connection.fetchrow(OFFER, tenant_id, offer_id)
    if row is None:
        raise Unknown("There is no such offer.")
    return _offer(row)


async def variants(connection: Connection, tenant_id: TenantId, offer_id: OfferId) -> list[VariantLeft]:
    """List an offer's variants with what is left of their quotas, in the organizer's order."""
    rows = await connection.fetch(VARIANTS, tenant_id, offer_id)
    return [VariantLeft(variant=_variant(row, row["currency"]), left=row["left"]) for row in rows]


async def slots(
    connection: Connection,
    tenant_id: TenantId,
    offer_id: OfferId,
    *,
    since: datetime,
    until: datetime,
    limit: int = 200,
) -> list[SlotLeft]:
    """List an offer's slots that start in [`since`, `until`), by their start."""
    rows = await connection.fetch(SLOTS, tenant_id, offer_id, since, until, limit)
    return [SlotLeft(slot=_slot(row), capacity=row["capacity"], left=row["left"]) for row in rows]


async def slot(connection: Connection, tenant_id: TenantId, slot_id: SlotId) -> Slot:
    """Find a slot. Refuses Unknown."""
    row = await connection.fetchrow(SLOT, tenant_id, slot_id)
    if row is None:
        raise Unknown("There is no such slot.")
    return _slot(row)


async def sale(connection: Connection, tenant_id: TenantId, offer_id: OfferId, slot_id: SlotId) -> Sale:
    """Find an offer with one of its slots and its variants. Refuses Unknown."""
    row = await connection.fetchrow(SALE, tenant_id, offer_id, slot_id)
    if row is None:
        raise Unknown("This offer has no such slot.")
    found = [_variant(variant, row["currency"]) for variant in row["variants"] or ()]
    return Sale(
        offer=_offer(row, id_column="offer_id"),
        slot=_slot(row, id_column="slot_id", status_column="slot_status"),
        variants={variant.id: variant for variant in found},
    )


def _offer(row: Record, id_column: str = "id") -> Offer:
    return Offer(
        id=row[id_column],
        tenant_id=row["tenant_id"],
        name=row["name"],
        description=row["description"],
        currency=row["currency"],
        terms=SalesTerms.model_validate(row["terms"]),
        status=row["status"],
    )


def _slot(row: Record, id_column: str = "id", status_column: str = "status") -> Slot:
    return Slot(
        id=row[id_column],
        offer_id=row["offer_id"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        zone=row["zone"],
        sales_from=row["sales_from"],
        sales_until=row["sales_until"],
        status=row[status_column],
    )


def _variant(row: "Record | Mapping[str, object]", currency: str) -> Variant:
    return Variant.model_validate(
        {
            "id": row["id"],
            "offer_id": row["offer_id"],
            "name": row["name"],
            "price": Money.model_validate({"minor": row["price_minor"], "currency": currency}),
            "status": row["status"],
            "min_quantity": row["min_quantity"],
            "max_quantity": row["max_quantity"],
            "quota_id": row["quota_id"],
        }
    )
