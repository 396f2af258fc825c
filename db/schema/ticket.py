"""Tickets. Their signed tokens are not stored: they are made on request from the row."""

from uuid import UUID

from sqlalchemy import CheckConstraint, Index

from db.schema.base import Id, Instant, Stamped, TenantRow, Words, one_of, refers_to
from domain.ticket import TicketStatus


class Ticket(TenantRow, table=True):
    """One admission right; `position` counts the tickets of a booking from 1, so none is issued twice."""

    __tablename__ = "tickets"
    __table_args__ = (
        one_of("status", TicketStatus),
        CheckConstraint("valid_from < valid_until", name="half_open"),
        refers_to("bookings", "booking_id"),
        Index("uq_tickets_position", "tenant_id", "booking_id", "position", unique=True),
        Index("uq_tickets_number", "tenant_id", "number", unique=True),
        Index("ix_tickets_slot_status", "tenant_id", "slot_id", "status"),
        Index("ix_tickets_offer_variant", "tenant_id", "offer_id", "variant_id"),
    )

    id: Id
    booking_id: UUID
    position: int
    offer_id: UUID
    slot_id: UUID
    variant_id: UUID
    number: Words
    version: int
    status: Words
    valid_from: Instant
    valid_until: Instant
    created_at: Stamped
