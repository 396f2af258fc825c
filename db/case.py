"""Cases: what waits for a person; of a kind at most one is open per subject."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from db import notice
from db.session import Connection, Record
from domain.case import CaseKind
from domain.ids import BookingId, TenantId
from domain.refusal import Unknown
from domain.value import Value
from observability.metrics import NEEDS_ATTENTION

log = structlog.get_logger(__name__)

OPEN = """
insert into cases (id, tenant_id, kind, subject, booking_id, cause, opened_by)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
"""

# Row-level security says which cases without a tenant are the caller's.
CLOSE = """
update cases set closed_at = now(), closed_by = $3, note = $4
 where (tenant_id = $1 or tenant_id is null) and subject = $2 and closed_at is null
   and ($5::text is null or kind = $5)
"""

CASE = "select * from cases where id = $1"
OPEN_OF = "select * from cases where tenant_id = $1 and subject = $2 and kind = $3 and closed_at is null"

# Newest first; $5 is the last of the page before, by its id.
PAGE = """
select * from cases
 where ($1::boolean is null or (closed_at is null) = $1)
   and ($2::text is null or kind = $2)
   and ($3::uuid is null or $3 in (subject, booking_id))
   and ($5::uuid is null or id < $5)
 order by id desc limit $4
"""


class Case(Value):
    """A case; without a tenant it is the platform's. `opened_by` is an id, or what opened it by itself."""

    id: UUID
    tenant_id: TenantId | None
    kind: CaseKind
    subject: UUID
    booking_id: BookingId | None
    cause: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None
    note: str | None


async def open_case(
    connection: Connection,
    tenant_id: TenantId | None,
    kind: CaseKind,
    subject: UUID,
    *,
    cause: str,
    booking_id: UUID | None = None,
    opened_by: str = "holdfast",
) -> bool:
    """Open a case, unless one like it is open, and raise the alarm; says whether it is new. The people of its
    booking's organizer are mailed, but for a mail that failed.

    `cause` is one word for programs. Nothing of a person's data in any of it.
    """
    opened = await connection.execute(
        OPEN, uuid7(), tenant_id, kind.value, subject, booking_id, cause, opened_by
    )
    new = opened == "INSERT 0 1"
    if new:
        log.error("a person is needed", kind=kind.value, cause=cause, subject=str(subject))
        NEEDS_ATTENTION.labels(kind.value, cause).inc()
        if tenant_id and booking_id and kind is not CaseKind.NOTICE:
            told = {"kind": kind.value, "cause": cause}
            await notice.tell_operators(connection, tenant_id, booking_id, told)
    return new


async def close(
    connection: Connection,
    tenant_id: TenantId | None,
    subject: UUID,
    *,
    closed_by: str,
    note: str,
    kind: CaseKind | None = None,
) -> bool:
    """Close the open cases of a subject, or that of one kind; says whether there was any."""
    of_kind = kind.value if kind else None
    return await connection.execute(CLOSE, tenant_id, subject, closed_by, note, of_kind) != "UPDATE 0"


async def find(connection: Connection, case_id: UUID) -> Case:
    """Find a case that the caller may see. Refuses Unknown."""
    row = await connection.fetchrow(CASE, case_id)
    if row is None:
        raise Unknown("There is no such case.")
    return _case(row)


async def open_of(connection: Connection, tenant_id: TenantId, subject: UUID, kind: CaseKind) -> Case | None:
    """Find the open case of this kind of a tenant's subject."""
    row = await connection.fetchrow(OPEN_OF, tenant_id, subject, kind.value)
    return _case(row) if row else None


async def page(
    connection: Connection,
    *,
    is_open: bool | None = None,
    kind: CaseKind | None = None,
    about: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Case]:
    """List the cases that the caller may see, newest first, `about` a subject or booking, behind the case
    `after`; at most `limit`.
    """
    rows = await connection.fetch(PAGE, is_open, kind.value if kind else None, about, limit, after)
    return [_case(row) for row in rows]


def _case(row: Record) -> Case:
    return Case.model_validate(dict(row))
