"""Stored payment methods: a token of the provider's, and what people recognise a card by.

A card's number, security code, expiry and holder have no column, here or anywhere.
"""

from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text

from db.schema.base import Flag, Id, MaybeInstant, MaybeWords, Stamped, Tally, TenantRow, Words, refers_to


class PaymentCustomer(TenantRow, table=True):
    """Whom a provider keeps methods for; its row is written before the provider is asked, `calls` times."""

    __tablename__ = "payment_customers"
    __table_args__ = (
        Index("uq_payment_customers_user", "tenant_id", "user_id", "provider", "account", unique=True),
    )

    id: Id
    user_id: Words
    provider: Words
    account: Words
    provider_ref: MaybeWords
    calls: Tally
    created_at: Stamped


class PaymentMethod(TenantRow, table=True):
    """A stored method of a user; at most one of theirs is the default.

    `is_active` from when the provider keeps it until its user gives it up. Only the payment role reads
    `token`.
    """

    __tablename__ = "payment_methods"
    __table_args__ = (
        CheckConstraint("is_active or not is_default", name="default_is_active"),
        refers_to("payment_customers", "customer_id"),
        Index("uq_payment_methods_token", "tenant_id", "provider", "account", "token", unique=True),
        Index(
            "uq_payment_methods_default",
            "tenant_id",
            "user_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        Index(None, "tenant_id", "user_id"),
    )

    id: Id
    customer_id: UUID
    user_id: Words
    provider: Words
    account: Words
    token: Words
    kind: MaybeWords
    brand: MaybeWords
    last4: MaybeWords
    wants_default: bool
    is_default: Flag
    is_active: Flag
    created_at: Stamped
    stored_at: MaybeInstant
    last_used_at: MaybeInstant
    deactivated_at: MaybeInstant
