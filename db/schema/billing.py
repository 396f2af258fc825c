"""Whom payments are billed to."""

from typing import Annotated
from uuid import UUID

from sqlalchemy import CHAR, CheckConstraint
from sqlmodel import Field

from db.schema.base import Id, MaybeWords, Stamped, TenantRow, refers_to

MaybeCountry = Annotated[str | None, Field(sa_type=CHAR(2))]


class Billing(TenantRow, table=True):
    """Whom one attempt to pay is billed to."""

    __tablename__ = "billings"
    __table_args__ = (
        CheckConstraint(
            "(line1 is null) = (city is null) and (line1 is null) = (country is null)", name="address_whole"
        ),
        refers_to("bookings", "booking_id"),
    )

    payment_id: Id
    booking_id: UUID
    holder_name: MaybeWords
    line1: MaybeWords
    line2: MaybeWords
    city: MaybeWords
    postal_code: MaybeWords
    region: MaybeWords
    country: MaybeCountry
    created_at: Stamped
