"""Notices: written down by the transaction that makes them due, claimed before they are sent."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from db.session import Connection
from domain.ids import BookingId, TenantId
from domain.notice import NoticeKind, SendNotice, SendResult
from domain.refusal import Unknown

OWE = """
insert into notices (tenant_id, id, booking_id, kind, version, data, status)
values ($1, $2, $3, $4, $5, $6, 'owed')
on conflict (tenant_id, booking_id, kind, version, sending) do nothing
"""

# Numbered within the booking; two at once are told as one.
TELL_OPERATORS = """
insert into notices (tenant_id, id, booking_id, kind, version, data, status)
select $1, $2, $3, 'case_opened', coalesce(max(before.version), 0) + 1, $4, 'owed'
  from tenants t
  left join notices before on before.tenant_id = $1 and before.booking_id = $3 and before.kind = 'case_opened'
 where t.id = $1 and t.operators_email is not null
 group by t.id
on conflict (tenant_id, booking_id, kind, version, sending) do nothing
"""

# `status` is how it was found.
CLAIM = """
with claimed as (
    update notices set status = 'claimed', claimed_at = now(), addressee = $3
     where tenant_id = $1 and id = $2 and status = 'owed'
    returning id
)
select n.status, claimed.id is not null as claimed,
       exists (select from mail_suppressions s where s.tenant_id = $1 and s.addressee = $3) as suppressed
  from notices n left join claimed on claimed.id = n.id
 where n.tenant_id = $1 and n.id = $2
"""

# What was heard of already was sent, though we had no answer.
SETTLE = """
update notices
   set status = case when $3 = 'unknown' and delivery is not null then 'accepted' else $3 end,
       settled_at = now(), message_id = $4
 where tenant_id = $1 and id = $2 and status = 'claimed'
returning status
"""

GIVE_BACK = """
update notices set status = 'owed', claimed_at = null
 where tenant_id = $1 and id = $2 and status = 'claimed'
"""

# Found so by somebody who did not claim it: whoever did may have sent it.
UNSETTLED = ("owed", "claimed")


async def owe(
    connection: Connection,
    tenant_id: TenantId,
    booking_id: BookingId,
    kind: NoticeKind,
    *,
    version: int = 1,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write down that a message is owed, once per (booking, kind, version); the relay starts its sending."""
    await connection.execute(OWE, tenant_id, uuid7(), booking_id, kind.value, version, data or {})


async def tell_operators(
    connection: Connection, tenant_id: TenantId, booking_id: UUID, data: Mapping[str, Any]
) -> None:
    """Write down that the organizer's own people are owed a message about a booking, if they want mail."""
    await connection.execute(TELL_OPERATORS, tenant_id, uuid7(), booking_id, data)


async def claim(
    connection: Connection, request: SendNotice, addressee: str | None = None
) -> SendResult | None:
    """Claim a notice to send it to `addressee`, by the keyed hash of the address. Whoever is answered nothing
    may send it, nobody else and nobody again; else the answer is what has become of it.

    Found claimed already, somebody may have sent it: its result is unknown. Refuses Unknown.
    """
    row = await connection.fetchrow(CLAIM, request.tenant_id, request.notice_id, addressee)
    if row is None:
        raise Unknown("There is no such notice.")
    if row["claimed"]:
        return SendResult.SUPPRESSED if row["suppressed"] else None
    return SendResult.UNKNOWN if row["status"] in UNSETTLED else SendResult(row["status"])


async def settle(
    connection: Connection, request: SendNotice, result: SendResult, message_id: str | None = None
) -> SendResult | None:
    """Write what became of a claimed notice, and the mail service's id of its letter. Gives what was written;
    nothing where an earlier word stays.
    """
    key = (request.tenant_id, request.notice_id)
    written = await connection.fetchval(SETTLE, *key, result.value, message_id)
    return SendResult(written) if written else None


async def give_back(connection: Connection, request: SendNotice) -> None:
    """Let a claimed notice be claimed again, because it surely was not sent."""
    await connection.execute(GIVE_BACK, request.tenant_id, request.notice_id)
