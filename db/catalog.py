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

PUT_OFFER = """
insert into offers (tenant_id, id, name, description, currency, zone, terms, status, position)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, id) do update
   set name = $3, description = $4, currency = $5, zone = $6, terms = $7, status = $8, position = $9
"""

# Capacity never falls below what is held or sold: the check of the table refuses it.
PUT_COUNTER = """
insert into counters (tenant_id, id, capacity) values ($1, $2, $3)
on conflict (tenant_id, id) do update set capacity = $3
"""

PUT_VARIANT = """
insert into variants (tenant_id, id, offer_id, name, price_minor, status, min_quantity, max_quantity,
                      quota_id, position)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id, id) do update
   set name = $4, price_minor = $5, status = $6, min_quantity = $7, max_quantity = $8, quota_id = $9,
       position = $10
"""

PUT_SLOT = """
insert into slots (tenant_id, id, offer_id, starts_at, ends_at, sales_from, sales_until, status)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id, id) do update
   set starts_at = $4, ends_at = $5, sales_from = $6, sales_until = $7, status = $8
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


async def put_offer(connection: Connection, offer: Offer, *, zone: str, position: int = 0) -> None:
    """Write an offer, new or changed; bookings keep the terms they were accepted under."""
    await connection.execute(
        PUT_OFFER,
        offer.tenant_id,
        offer.id,
        offer.name,
        offer.description,
        offer.currency,
        zone,
        offer.terms.model_dump(mode="json"),
        offer.status.value,
        position,
    )


async def put_variant(
    connection: Connection,
    tenant_id: TenantId,
    variant: Variant,
    *,
    quota: int | None = None,
    position: int = 0,
) -> None:
    """Write a variant, new or changed, and the capacity of its quota, if it has one."""
    if variant.quota_id is not None and quota is not None:
        await connection.execute(PUT_COUNTER, tenant_id, variant.quota_id, quota)
    await connection.execute(
        PUT_VARIANT,
        tenant_id,
        variant.id,
        variant.offer_id,
        variant.name,
        variant.price.minor,
        variant.status.value,
        variant.min_quantity,
        variant.max_quantity,
        variant.quota_id,
        position,
    )


async def put_slot(connection: Connection, tenant_id: TenantId, slot: Slot, *, capacity: int) -> None:
    """Write a slot and its capacity, new or changed; its zone is the offer's."""
    await connection.execute(PUT_COUNTER, tenant_id, slot.id, capacity)
    await connection.execute(
        PUT_SLOT,
        tenant_id,
        slot.id,
        slot.offer_id,
        slot.starts_at,
        slot.ends_at,
        slot.sales_from,
        slot.sales_until,
        slot.status.value,
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
