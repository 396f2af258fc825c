"""What can be bought. Descriptive rows only: what contends lies in `counters`."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index

from db.schema.base import (
    CurrencyCode,
    Id,
    Instant,
    Json,
    MaybeInstant,
    Minor,
    Stamped,
    TenantRow,
    Words,
    one_of,
    refers_to,
)
from domain.catalog import SaleStatus


class Offer(TenantRow, table=True):
    """What is bookable; `terms` are `domain.catalog.SalesTerms`, `zone` is the venue's IANA zone."""

    __tablename__ = "offers"
    __table_args__ = (one_of("status", SaleStatus), ForeignKeyConstraint(["tenant_id"], ["tenants.id"]))

    id: Id
    name: Words
    description: Words
    currency: CurrencyCode
    zone: Words
    terms: Json
    status: Words
    position: int
    created_at: Stamped


class Variant(TenantRow, table=True):
    """What is priced; `quota_id` is a counter of its own, which variants may share."""

    __tablename__ = "variants"
    __table_args__ = (
        one_of("status", SaleStatus),
        CheckConstraint("price_minor >= 0", name="price_not_negative"),
        CheckConstraint("min_quantity between 1 and max_quantity", name="quantity_limits"),
        refers_to("offers", "offer_id"),
        refers_to("counters", "quota_id"),
        Index(None, "tenant_id", "offer_id", "position"),
    )

    id: Id
    offer_id: UUID
    name: Words
    price_minor: Minor
    status: Words
    min_quantity: int
    max_quantity: int
    quota_id: UUID | None
    position: int


class Slot(TenantRow, table=True):
    """When an offer takes place; the counter with the slot's id says how many places there are."""

    __tablename__ = "slots"
    __table_args__ = (
        one_of("status", SaleStatus),
        CheckConstraint("starts_at < ends_at", name="half_open"),
        refers_to("offers", "offer_id"),
        refers_to("counters", "id"),
        Index(None, "tenant_id", "offer_id", "starts_at"),
    )

    id: Id
    offer_id: UUID
    starts_at: Instant
    ends_at: Instant
    sales_from: MaybeInstant
    sales_until: Instant
    status: Words
