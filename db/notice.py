"""Notices: written down by the transaction that makes them due, claimed before they are sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from db.session import Connection
from domain.ids import BookingId, SlotId, TenantId
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
    update notices set status = 'claimed', claimed_at = now()
     where tenant_id = $1 and id = $2 and status = 'owed'
    returning id
)
select n.booking_id, n.kind, n.version, n.data, n.status, claimed.id is not null as claimed
  from notices n left join claimed on claimed.id = n.id
 where n.tenant_id = $1 and n.id = $2
"""

# Answers why letters to this address are suppressed, if they are.
ADDRESS = """
update notices set addressee = $3 where tenant_id = $1 and id = $2
returning (select cause from mail_suppressions s where s.tenant_id = $1 and s.addressee = $3)
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


# Of an organizer's slot, what a letter tells.
SCENE = """
select o.name as offer, s.starts_at, o.zone, t.name as organizer, t.operators_email
  from slots s
  join offers o on o.tenant_id = s.tenant_id and o.id = s.offer_id
  join tenants t on t.id = s.tenant_id
 where s.tenant_id = $1 and s.id = $2
"""

# Found so by somebody who did not claim it: whoever did may have sent it.
UNSETTLED = ("owed", "claimed")


class Notice(NamedTuple):
    """A notice and how it was found: `claimed` now, by us, or with the `result` of an earlier sending."""

    booking_id: BookingId
    kind: NoticeKind
    version: int
    data: Mapping[str, Any]
    claimed: bool
    result: SendResult | None


class Scene(NamedTuple):
    """What a letter is set in: the offer's name, when the slot begins in the venue's `zone`, who organizes
    it, and where the organizer's own people are mailed, if they are.
    """

    offer: str
    starts_at: datetime
    zone: str
    organizer: str
    operators_email: str | None


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


async def claim(connection: Connection, request: SendNotice) -> Notice:
    """Claim a notice to send it: whoever is told `claimed` may, nobody else and nobody again.

    Found claimed already, somebody may have sent it: its result is unknown. Refuses Unknown.
    """
    row = await connection.fetchrow(CLAIM, request.tenant_id, request.notice_id)
    if row is None:
        raise Unknown("There is no such notice.")
    result = None
    if not row["claimed"]:
        result = SendResult.UNKNOWN if row["status"] in UNSETTLED else SendResult(row["status"])
    return Notice(
        BookingId(row["booking_id"]),
        NoticeKind(row["kind"]),
        row["version"],
        row["data"],
        row["claimed"],
        result,
    )


async def scene(connection: Connection, tenant_id: TenantId, slot_id: SlotId) -> Scene:
    """Tell what a letter about a slot is set in. Refuses Unknown."""
    row = await connection.fetchrow(SCENE, tenant_id, slot_id)
    if row is None:
        raise Unknown("There is no such slot.")
    return Scene(**row)


async def address(connection: Connection, request: SendNotice, addressee: str) -> str | None:
    """Write down whom a claimed notice goes to, by the keyed hash of the address; gives why nothing is sent
    there any more, if that is so.
    """
    cause: str | None = await connection.fetchval(ADDRESS, request.tenant_id, request.notice_id, addressee)
    return cause


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
