"""Who sells, through which channels, with which accounts at payment providers."""

from typing import Annotated

from sqlalchemy import ARRAY, CheckConstraint, ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field

from db.schema.base import Id, KeyWords, MaybeWords, Row, Stamped, TenantRow, Words, one_of

Origins = Annotated[list[str], Field(sa_type=ARRAY(Text), sa_column_kwargs={"server_default": text("'{}'")})]


class Tenant(Row, table=True):
    """An organizer.

    The patterns are those of `domain.ids.reference`; the fee is in 1/10,000 of what a booking costs. Its own
    people are mailed at `operators_email` of what needs them.
    """

    __tablename__ = "tenants"
    __table_args__ = (
        CheckConstraint("fee_basis_points between 0 and 10000", name="fee_in_range"),
        Index("uq_tenants_slug", "slug", unique=True),
    )

    id: Id
    name: Words
    slug: Words
    reference_pattern: Words
    ticket_pattern: Words
    fee_basis_points: int
    operators_email: MaybeWords
    created_at: Stamped


class Channel(TenantRow, table=True):
    """A shop front; its publishable key names the tenant of whoever shows it, and the source of a booking.

    Buyers come back from paying to addresses of `return_origins` (and our own) and to no others.
    """

    __tablename__ = "channels"
    __table_args__ = (
        one_of("source", ("web", "mobile", "api")),
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        Index("uq_channels_publishable_key", "publishable_key", unique=True),
    )

    id: Id
    name: Words
    source: Words
    publishable_key: Words
    return_origins: Origins
    created_at: Stamped


class ProviderAccount(TenantRow, table=True):
    """An account at a payment provider; what it is reached with stands in the settings, never here."""

    __tablename__ = "provider_accounts"
    __table_args__ = (
        one_of("mode", ("test", "live")),
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        Index("uq_provider_accounts_preferred", "tenant_id", unique=True, postgresql_where=text("preferred")),
    )

    provider: KeyWords
    name: KeyWords
    mode: Words
    preferred: bool
