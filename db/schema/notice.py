"""Notices: messages that somebody is owed, and the addresses that get none."""

from typing import Annotated
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from db.schema.base import (
    Id,
    Json,
    KeyWords,
    MaybeInstant,
    MaybeWords,
    Stamped,
    Tally,
    TenantRow,
    Words,
    one_of,
    refers_to,
)
from domain.notice import DeliveryState, NoticeKind, SendResult


class Notice(TenantRow, table=True):
    """One message; (booking, kind, version) is its key, `sending` counts how often an operator had it sent
    again. `data` holds facts for its text, no person's; `addressee` is the keyed hash of the address that it
    goes to, `message_id` the mail service's id of it, `delivery` the heaviest word that was heard of it.
    """

    __tablename__ = "notices"
    __table_args__ = (
        one_of("kind", NoticeKind),
        one_of("status", ("owed", "claimed", *SendResult)),
        one_of("delivery", DeliveryState),
        refers_to("bookings", "booking_id"),
        Index("uq_notices_key", "tenant_id", "booking_id", "kind", "version", "sending", unique=True),
        Index("ix_notices_untold", "next_at", postgresql_where=text("told_at is null")),
    )

    id: Id
    booking_id: UUID
    kind: Words
    version: int
    data: Json
    status: Words
    created_at: Stamped
    next_at: Stamped
    tellings: Tally
    told_at: MaybeInstant
    claimed_at: MaybeInstant
    settled_at: MaybeInstant
    sending: Annotated[int, Field(sa_column_kwargs={"server_default": text("1")})]
    addressee: MaybeWords
    message_id: MaybeWords
    delivery: MaybeWords
    delivered_at: MaybeInstant


class MailSuppression(TenantRow, table=True):
    """An address, by its keyed hash, that a tenant writes to no more, and why."""

    __tablename__ = "mail_suppressions"
    __table_args__ = (one_of("cause", [state for state in DeliveryState if state.suppresses]),)

    addressee: KeyWords
    cause: Words
    suppressed_at: Stamped
