"""The inbox: what providers told us, kept as it came."""

from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from db.schema.base import Id, MaybeInstant, Row, Stamped, Tally, Words, one_of

Tries = Annotated[
    list[dict[str, Any]], Field(sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'::jsonb")})
]


class WebhookEvent(Row, table=True):
    """One authentic event; it is the provider account's until it is matched with a tenant's payment.

    `attempts` counts since it came or was last replayed; `tries` keeps them all. `about` is the payment that
    it calls itself about, unmatched.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        one_of("status", ("received", "processed", "ignored", "parked", "failed", "dead")),
        Index("uq_webhook_events_event_id", "provider", "account", "event_id", unique=True),
        Index("ix_webhook_events_untold", "next_at", postgresql_where=text("told_at is null")),
        Index("ix_webhook_events_payment", "tenant_id", "payment_id"),
        Index("ix_webhook_events_about", "about", postgresql_where=text("about is not null")),
        Index(
            "ix_webhook_events_reports",
            "provider",
            "account",
            "id",
            postgresql_where=text("kind = 'REPORT_AVAILABLE'"),
        ),
        Index(
            "ix_webhook_events_attention",
            "id",
            postgresql_where=text("status in ('parked', 'failed', 'dead')"),
        ),
    )

    id: Id
    provider: Words
    account: Words
    event_id: Words
    kind: Words
    occurred_at: MaybeInstant
    body: bytes
    status: Words
    cause: Words
    attempts: Tally
    next_at: Stamped
    told_at: MaybeInstant
    tenant_id: UUID | None
    payment_id: UUID | None
    received_at: Stamped
    tries: Tries
    about: UUID | None
