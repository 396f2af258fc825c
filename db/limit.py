"""Counting what callers ask, for all processes: one statement per request, and who may not ask at all.

Subjects and addresses are keyed hashes: what lies here tells nobody who asked. The counters are not logged,
so a crash of the server begins them anew.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from db.session import Connection, Database
from domain.ids import PaymentId, TenantId
from domain.limit import BlockKind, Policy, Use

# A period begins with its first request, so nobody meets the edge of a minute of the clock.
SPEND = """
insert into rate_limits as limits (policy, subject, begun_at, used)
values ($1, $2, clock_timestamp(), 1)
on conflict (policy, subject) do update
   set used = case when limits.begun_at > clock_timestamp() - $3::interval then limits.used + 1 else 1 end,
       begun_at = case when limits.begun_at > clock_timestamp() - $3::interval
                       then limits.begun_at else clock_timestamp() end
returning used, ceil(extract(epoch from begun_at + $3::interval - clock_timestamp()))::int as resets_in
"""

USED = """
select used, ceil(extract(epoch from begun_at + $3::interval - clock_timestamp()))::int as resets_in
  from rate_limits where policy = $1 and subject = $2 and begun_at > clock_timestamp() - $3::interval
"""

# Counts an attempt, and tells whether its address or its user ($6) is blocked. A statement does not see the
# row that it writes itself.
TRY = """
with mine as (
    insert into payment_tries (tenant_id, address, payment_id) values ($1, $2, $3)
    on conflict do nothing returning tried_at
),
lately as (
    select tried_at from mine
     union all
    select tried_at from payment_tries
     where tenant_id = $1 and address = $2 and tried_at > now() - greatest($4::interval, $5::interval)
)
select counted.*, blocked.kind, blocked.reason
  from (select count(*) filter (where tried_at > now() - $4::interval)::int as used,
               ceil(extract(epoch from min(tried_at) filter (where tried_at > now() - $4::interval)
                                       + $4::interval - now()))::int as resets_in,
               count(*) filter (where tried_at > now() - $5::interval)::int as looked_at
          from lately) counted
  left join (select kind, reason from blocks
              where tenant_id = $1 and (kind, subject) in (('address', $2), ('user', $6))
              order by kind limit 1) blocked on true
"""

BLOCK = """
insert into blocks (tenant_id, kind, subject, reason, blocked_by) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, kind, subject) do update
   set reason = excluded.reason, blocked_by = excluded.blocked_by, blocked_at = now()
"""
UNBLOCK = "delete from blocks where tenant_id = $1 and kind = $2 and subject = $3"
BLOCKED = "select reason from blocks where tenant_id = $1 and kind = $2 and subject = $3"

BLOCKS = """
select kind, subject, reason, blocked_by, blocked_at from blocks
 where tenant_id = $1 and ($2::text is null or subject = $2) order by blocked_at desc, subject limit 200
"""
ADDRESS = "select address from payment_tries where tenant_id = $1 and payment_id = $2"

FORGET = (
    """
    delete from rate_limits where ctid = any(array(
        select ctid from rate_limits where begun_at < now() - interval '1 day' limit $1))
    """,
    """
    delete from payment_tries where ctid = any(array(
        select ctid from payment_tries where tried_at < now() - interval '1 day' limit $1))
    """,
)


class Block(NamedTuple):
    """Somebody who may neither book nor pay; of an address `subject` is its keyed hash."""

    kind: BlockKind
    subject: str
    reason: str
    blocked_by: str
    blocked_at: datetime


class Barred(NamedTuple):
    """Why somebody may neither book nor pay."""

    kind: BlockKind
    reason: str


class Tried(NamedTuple):
    """Attempts to pay from an address, this one among them: what they use of the policy, how many there were
    within the time that was asked about, and whether whoever pays is barred.
    """

    use: Use
    lately: int
    barred: Barred | None


async def spend(database: Database, policy: Policy, subject: str) -> Use:
    """Count one request of a subject, in a transaction of its own: it counts whatever becomes of it."""
    async with database.alone() as connection:
        row = await connection.fetchrow(SPEND, policy.name, subject, timedelta(seconds=policy.seconds))
    assert row is not None  # noqa: S101 - an upsert always answers
    return Use(policy=policy, used=row["used"], resets_in=row["resets_in"])


async def used(database: Database, policy: Policy, subject: str) -> Use:
    """Tell what a subject has used of a policy, and count nothing."""
    async with database.alone() as connection:
        row = await connection.fetchrow(USED, policy.name, subject, timedelta(seconds=policy.seconds))
    return Use(policy=policy, used=row["used"] if row else 0, resets_in=row["resets_in"] if row else 0)


async def try_to_pay(
    connection: Connection,
    tenant_id: TenantId,
    address: str,
    payment_id: PaymentId,
    policy: Policy,
    *,
    user_id: str | None = None,
    within: timedelta = timedelta(minutes=10),
) -> Tried:
    """Count an attempt to pay from an address, over all bookings; the same payment counts once, however often
    it is asked for.

    In the transaction that claims the payment's key: who is refused has not tried.
    """
    row = await connection.fetchrow(
        TRY, tenant_id, address, payment_id, timedelta(seconds=policy.seconds), within, user_id
    )
    assert row is not None  # noqa: S101 - a count always answers
    use = Use(policy=policy, used=row["used"], resets_in=row["resets_in"] or 0)
    barred = None if row["kind"] is None else Barred(BlockKind(row["kind"]), row["reason"])
    return Tried(use, row["looked_at"], barred)


async def block(
    connection: Connection, tenant_id: TenantId, kind: BlockKind, subject: str, *, reason: str, by: str
) -> None:
    """Let a user (by id) or an address (by its hash) neither book nor pay; a repeat changes the reason."""
    await connection.execute(BLOCK, tenant_id, kind.value, subject, reason, by)


async def unblock(connection: Connection, tenant_id: TenantId, kind: BlockKind, subject: str) -> bool:
    """Take a block back; tells whether there was one."""
    done: str = await connection.execute(UNBLOCK, tenant_id, kind.value, subject)
    return done != "DELETE 0"


async def blocked(connection: Connection, tenant_id: TenantId, kind: BlockKind, subject: str) -> str | None:
    """Give the reason why somebody is blocked; nothing for who is not."""
    reason: str | None = await connection.fetchval(BLOCKED, tenant_id, kind.value, subject)
    return reason


async def blocks(connection: Connection, tenant_id: TenantId, subject: str | None = None) -> list[Block]:
    """List who is blocked, or the blocks of one subject, the newest first; at most 200."""
    rows = await connection.fetch(BLOCKS, tenant_id, subject)
    return [Block(BlockKind(row["kind"]), *list(row.values())[1:]) for row in rows]


async def address_of(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> str | None:
    """Give the hash of the address that a payment was asked for from; nothing once it was forgotten."""
    address: str | None = await connection.fetchval(ADDRESS, tenant_id, payment_id)
    return address


async def forget(connection: Connection, *, at_most: int) -> int:
    """Forget what no limit counts any more, in a transaction of the relay's; gives how many rows, at the most
    so many of each kind.
    """
    done = [await connection.execute(statement, at_most) for statement in FORGET]
    return max(int(each.removeprefix("DELETE ")) for each in done)
