"""Who did what: written once, never changed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from db.session import Connection
from domain.ids import TenantId

WRITE = """
insert into audit_entries (tenant_id, id, actor, action, subject, before, after)
values ($1, $2, $3, $4, $5, $6, $7)
"""


async def write(
    connection: Connection,
    tenant_id: TenantId,
    *,
    actor: str,
    action: str,
    subject: UUID,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down an act, in its own transaction; `actor` is an id or a role, never a name."""
    await connection.execute(WRITE, tenant_id, uuid7(), actor, action, subject, before, after)
