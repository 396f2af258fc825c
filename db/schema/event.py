"""The event feed: written in the transaction that makes an event true."""

from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, text
from sqlmodel import Field

from db.schema.base import Json, Row, Stamped, Words


class Event(Row, table=True):
    """One event, the `n`-th of its subject; (`xid`, `seq`) is its place in the feed."""

    __tablename__ = "events"
    __table_args__ = (
        Index("uq_events_n", "tenant_id", "subject", "n", unique=True),
        Index("ix_events_place", "xid", "seq"),
    )

    tenant_id: UUID
    seq: int = Field(sa_type=BigInteger, primary_key=True, sa_column_args=(Identity(always=True),))
    xid: int = Field(
        sa_type=BigInteger, sa_column_kwargs={"server_default": text("pg_current_xact_id()::text::bigint")}
    )
    subject: UUID
    n: int
    type: Words
    data: Json
    at: Stamped
