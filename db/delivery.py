"""What becomes of letters after a mail service has taken them, and what operators do about those that do not
arrive.

Words of a letter may come in any order and more than once: the heaviest stays, and each is news once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from db.session import Connection, Record
from domain.ids import BookingId, NoticeId, TenantId
from domain.notice import DeliveryFact, DeliveryState, NoticeKind
from domain.refusal import NoticeUnderway, Unknown
from domain.value import Value

OF_BOOKING = """
select n.id, n.booking_id, n.kind, n.version, n.sending, n.status, n.delivery, n.delivered_at, n.created_at,
       n.settled_at, s.cause as suppressed
  from notices n
  left join mail_suppressions s on s.tenant_id = $1 and s.addressee = n.addressee
 where n.tenant_id = $1 and n.booking_id = $2
 order by n.created_at, n.id limit $3
"""

ONE = """
select n.id, n.booking_id, n.kind, n.version, n.sending, n.status, n.delivery, n.delivered_at, n.created_at,
       n.settled_at, s.cause as suppressed
  from notices n
  left join mail_suppressions s on s.tenant_id = $1 and s.addressee = n.addressee
 where n.tenant_id = $1 and n.id = $2
"""

# What was heard of was sent, whatever we thought: a question that only $6 may settle. Answers how the notice
# was found.
HEAR = """
with found as (
    select id, booking_id, status, delivery from notices where tenant_id = $1 and id = $2 for update
)
update notices n
   set delivery = case when n.delivery is null or n.delivery = any($4) then $3 else n.delivery end,
       delivered_at = coalesce(n.delivered_at, $5),
       status = case when n.status = 'unknown' then 'accepted' else n.status end
  from found
 where n.tenant_id = $1 and n.id = found.id and ($6 or found.status <> 'unknown')
returning found.booking_id, found.status, found.delivery
"""

SUPPRESS = """
insert into mail_suppressions (tenant_id, addressee, cause)
select $1, addressee, $3 from notices where tenant_id = $1 and id = $2 and addressee is not null
on conflict do nothing
"""

MEND_ADDRESS = "update bookings set contact_email = $3 where tenant_id = $1 and id = $2"

VOUCH = """
delete from mail_suppressions s using notices n
 where n.tenant_id = $1 and n.id = $2 and s.tenant_id = $1 and s.addressee = n.addressee
"""

SEND_AGAIN = """
insert into notices (tenant_id, id, booking_id, kind, version, data, status, sending)
select tenant_id, $3, booking_id, kind, version, data, 'owed', sending + 1
  from notices where tenant_id = $1 and id = $2
on conflict (tenant_id, booking_id, kind, version, sending) do nothing
"""

SENT_AGAIN = """
select again.id from notices n
  join notices again on again.tenant_id = n.tenant_id and again.booking_id = n.booking_id
                    and again.kind = n.kind and again.version = n.version and again.sending = n.sending + 1
 where n.tenant_id = $1 and n.id = $2
"""


class Owed(Value):
    """A notice as operators see it, without its address. `delivered_at` is when it was first told to have
    arrived; `suppressed` is why its address gets no more letters, if that is so.
    """

    id: NoticeId
    booking_id: BookingId
    kind: NoticeKind
    version: int
    sending: int
    status: str
    delivery: DeliveryState | None
    delivered_at: datetime | None
    created_at: datetime
    settled_at: datetime | None
    suppressed: str | None


class News(NamedTuple):
    """What a fact changed: whether it is the heaviest word of its letter so far, and whether it answered the
    question if that was sent at all.
    """

    booking_id: BookingId
    heavier: bool
    settled: bool


async def hear(connection: Connection, fact: DeliveryFact, *, settling: bool = True) -> News | None:
    """Write down what was told of a letter, and suppress its address if need be; nothing for a notice that
    is not there, or whose letter may not have been sent, unless that may be settled.
    """
    key = (fact.tenant_id, fact.notice_id)
    arrived = fact.occurred_at if fact.state is DeliveryState.DELIVERED else None
    lighter = [state.value for state in fact.state.lighter]
    row = await connection.fetchrow(HEAR, *key, fact.state.value, lighter, arrived, settling)
    if row is None:
        return None
    if fact.state.suppresses:
        await connection.execute(SUPPRESS, *key, fact.state.value)
    heavier = row["delivery"] is None or row["delivery"] in lighter
    return News(BookingId(row["booking_id"]), heavier, row["status"] == "unknown")


async def of_booking(
    connection: Connection, tenant_id: TenantId, booking_id: UUID, *, limit: int = 200
) -> Sequence[Owed]:
    """List what was owed about a booking, the first first."""
    return [_owed(row) for row in await connection.fetch(OF_BOOKING, tenant_id, booking_id, limit)]


async def find(connection: Connection, tenant_id: TenantId, notice_id: UUID) -> Owed:
    """Find a notice. Refuses Unknown."""
    row = await connection.fetchrow(ONE, tenant_id, notice_id)
    if row is None:
        raise Unknown("There is no such notice.")
    return _owed(row)


async def send_again(
    connection: Connection, tenant_id: TenantId, notice: Owed, *, email: str | None = None
) -> Owed:
    """Owe a notice once more: at another address, which is its booking's from now on, or at the same, which
    counts as one that mail reaches. A repeat gives the same notice. Refuses NoticeUnderway while it is still
    being sent.
    """
    if notice.settled_at is None:
        raise NoticeUnderway("This notice is still being sent.", status=notice.status)
    if await connection.execute(SEND_AGAIN, tenant_id, notice.id, uuid7()) == "INSERT 0 1":
        if email is None:
            await connection.execute(VOUCH, tenant_id, notice.id)
        else:
            await connection.execute(MEND_ADDRESS, tenant_id, notice.booking_id, email)
    return await find(connection, tenant_id, await connection.fetchval(SENT_AGAIN, tenant_id, notice.id))


def _owed(row: Record) -> Owed:
    return Owed.model_validate(dict(row))
