"""How often somebody may ask, and who may not at all."""

from sqlalchemy import Index

from db.schema.base import Id, Instant, KeyWords, Row, Stamped, TenantRow, Words, one_of
from domain.limit import BlockKind


class RateLimit(Row, table=True):
    """What a subject has used of a policy since `begun_at`.

    The subject is a keyed hash of a caller or of an address, of whichever tenant. Not logged: a crash of the
    server forgets it.
    """

    __tablename__ = "rate_limits"
    __table_args__ = (
        Index(None, "begun_at"),
        {"prefixes": ["unlogged"], "postgresql_with": {"fillfactor": 50}},
    )

    policy: KeyWords
    subject: KeyWords
    begun_at: Instant
    used: int


class PaymentTry(TenantRow, table=True):
    """One attempt to pay, by the keyed hash of the address that it came from. Not logged."""

    __tablename__ = "payment_tries"
    __table_args__ = (Index(None, "tried_at"), {"prefixes": ["unlogged"]})

    address: KeyWords
    payment_id: Id
    tried_at: Stamped


class Block(TenantRow, table=True):
    """A user or an address (its keyed hash) that may neither book nor pay, by whom and why."""

    __tablename__ = "blocks"
    __table_args__ = (one_of("kind", BlockKind),)

    kind: KeyWords
    subject: KeyWords
    reason: Words
    blocked_by: Words
    blocked_at: Stamped
