"""The books: append-only by permission, balanced by a trigger at commit."""

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index
from sqlmodel import Field

from db.schema.base import CurrencyCode, Minor, Stamped, TenantRow, Words, refers_to


class LedgerTransaction(TenantRow, table=True):
    """One posting; (`source`, `external_ref`) tells a repeat."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        Index("uq_ledger_transactions_source", "tenant_id", "source", "external_ref", unique=True),
    )

    id: int = Field(sa_type=BigInteger, primary_key=True, sa_column_args=(Identity(always=True),))
    source: Words
    external_ref: Words
    recorded_at: Stamped


class LedgerEntry(TenantRow, table=True):
    """One side of a transaction: minor units, debit positive, credit negative."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="some_amount"),
        refers_to("ledger_transactions", "transaction_id"),
        Index("ix_ledger_entries_account", "tenant_id", "account", "currency"),
    )

    transaction_id: int = Field(sa_type=BigInteger, primary_key=True)
    position: int = Field(primary_key=True)
    account: Words
    amount_minor: Minor
    currency: CurrencyCode
