"""Payment links: what a buyer is sent to pay a booking by."""

from uuid import UUID

from sqlalchemy import Index, text

from db.schema.base import Id, Instant, MaybeInstant, Stamped, TenantRow, Words, refers_to


class PaymentLink(TenantRow, table=True):
    """The `n`-th link of a booking; all but the last are revoked. Its address is signed, not stored."""

    __tablename__ = "payment_links"
    __table_args__ = (
        refers_to("bookings", "booking_id"),
        Index(
            "uq_payment_links_active",
            "tenant_id",
            "booking_id",
            unique=True,
            postgresql_where=text("revoked_at is null"),
        ),
        Index("uq_payment_links_n", "tenant_id", "booking_id", "n", unique=True),
    )

    id: Id
    booking_id: UUID
    n: int
    created_by: Words
    expires_at: Instant
    revoked_at: MaybeInstant
    created_at: Stamped
