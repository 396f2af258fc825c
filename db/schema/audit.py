"""Who did what. Inserts only."""

from uuid import UUID

from sqlalchemy import Index

from db.schema.base import Id, MaybeJson, Stamped, TenantRow, Words


class AuditEntry(TenantRow, table=True):
    """One act of a person or a program: what it was done to, and how that looked before and after."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "tenant_id", "subject", "at"),)

    id: Id
    at: Stamped
    actor: Words
    action: Words
    subject: UUID
    before: MaybeJson
    after: MaybeJson
