"""Who did what: written once, never changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from db.session import Connection
from domain.ids import TenantId
from domain.value import Value

WRITE = """
insert into audit_entries (tenant_id, id, actor, action, subject, before, after)
values ($1, $2, $3, $4, $5, $6, $7)
"""

# Newest first; $4 is the last of the page before, by its id.
PAGE = """
select id, at, actor, action, subject, before, after from audit_entries
 where tenant_id = $1 and ($2::uuid is null or subject = $2) and ($4::uuid is null or id < $4)
 order by id desc limit $3
"""


class Entry(Value):
    """One act: who did what to which thing, how it looked before and after; nothing where nothing changed."""

    id: UUID
    at: datetime
    actor: str
    action: str
    subject: UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None


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


async def page(
    connection: Connection,
    tenant_id: TenantId,
    *,
    subject: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Entry]:
    """List acts, newest first, of one `subject` or all, behind the entry `after`; at most `limit`."""
    rows = await connection.fetch(PAGE, tenant_id, subject, limit, after)
    return [Entry(**row) for row in rows]
