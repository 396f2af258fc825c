"""Quotes: prices we stand by for a while."""

from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from db.schema.base import CurrencyCode, Id, Instant, Minor, Stamped, TenantRow, Words, refers_to


class Quote(TenantRow, table=True):
    """A price for a choice, until `expires_at`."""

    __tablename__ = "quotes"
    __table_args__ = (CheckConstraint("total_minor >= 0", name="total_not_negative"),)

    id: Id
    offer_id: UUID
    slot_id: UUID
    total_minor: Minor
    currency: CurrencyCode
    expires_at: Instant
    created_at: Stamped


class QuoteLine(TenantRow, table=True):
    """One variant of a quote."""

    __tablename__ = "quote_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="some_quantity"),
        CheckConstraint("total_minor = unit_minor * quantity", name="adds_up"),
        refers_to("quotes", "quote_id"),
    )

    quote_id: Id
    position: int = Field(primary_key=True)
    variant_id: UUID
    name: Words
    quantity: int
    unit_minor: Minor
    total_minor: Minor
