"""Keys of callers: the same key is the same wish, and gets the same answer.

A key's row is written in the transaction of what it was used for; its primary key makes repeats join. Until
an answer is stored, a repeat finishes the work under the same subject (the id made at the door).
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from db.session import Connection
from domain.ids import TenantId
from domain.refusal import KeyReused
from domain.value import Value


class Key(Value):
    """A caller's Idempotency-Key on a route; the fingerprint stands for the body it came with."""

    caller: str
    route: str
    key: str
    fingerprint: str


class Stored(NamedTuple):
    """An answer as it was given: HTTP status and body."""

    status: int
    body: bytes


class Claim(NamedTuple):
    """What a key stands for, and the answer, once there is one; `fresh` for whoever used it first."""

    subject: UUID
    answer: Stored | None
    fresh: bool


CLAIM = """
insert into idempotency_keys (tenant_id, caller, route, key, fingerprint, subject)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing
"""

FIND = """
select fingerprint, subject, status, answer from idempotency_keys
 where tenant_id = $1 and caller = $2 and route = $3 and key = $4
"""

ANSWER = """
update idempotency_keys set status = $5, answer = $6
 where tenant_id = $1 and caller = $2 and route = $3 and key = $4 and status is null
"""

FREE = """
delete from idempotency_keys
 where tenant_id = $1 and caller = $2 and route = $3 and key = $4 and status is null
"""

FORGET = """
delete from idempotency_keys where ctid = any(array(
    select ctid from idempotency_keys where created_at < now() - $1::interval limit $2))
"""


async def claim(connection: Connection, tenant_id: TenantId, key: Key, subject: UUID) -> Claim:
    """Use a key for `subject`, or learn what it was used for. Refuses KeyReused for another body."""
    written = await connection.execute(
        CLAIM, tenant_id, key.caller, key.route, key.key, key.fingerprint, subject
    )
    if written == "INSERT 0 1":
        return Claim(subject, None, fresh=True)
    found = await find(connection, tenant_id, key)
    if found is None:  # freed a moment ago by whoever had used it
        return await claim(connection, tenant_id, key, subject)
    return found


async def find(connection: Connection, tenant_id: TenantId, key: Key) -> Claim | None:
    """Look what a key was used for. Refuses KeyReused for another body."""
    row = await connection.fetchrow(FIND, tenant_id, key.caller, key.route, key.key)
    if row is None:
        return None
    if row["fingerprint"] != key.fingerprint:
        raise KeyReused("This Idempotency-Key was used with another body.")
    answer = None if row["status"] is None else Stored(row["status"], row["answer"])
    return Claim(row["subject"], answer, fresh=False)


async def answer(connection: Connection, tenant_id: TenantId, key: Key, stored: Stored) -> None:
    """Store the answer, for ever the answer to this key; the first that is stored stays."""
    await connection.execute(ANSWER, tenant_id, key.caller, key.route, key.key, stored.status, stored.body)


async def free(connection: Connection, tenant_id: TenantId, key: Key) -> None:
    """Let the key be used anew, because what it was used for has not happened. An answered key stays."""
    await connection.execute(FREE, tenant_id, key.caller, key.route, key.key)


async def forget(connection: Connection, *, older_than: timedelta, limit: int = 1000) -> int:
    """Forget outlived keys of all tenants, in a transaction of the relay's; gives how many."""
    done = await connection.execute(FORGET, older_than, limit)
    return int(done.removeprefix("DELETE "))
