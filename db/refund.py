"""Refunds: asked for once under their own id, and what providers say of them. Written by the payment role.

The row is the intent: it is written before anybody is told, the relay begins its run, and nobody needs to
remember it. A payment's row is locked before one of its refunds is added, so that together they never exceed
what was captured; what somebody gave back at the provider's own desk is not ours to refuse.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from uuid_utils.compat import uuid7

from db import case, event, ledger
from db.event import Told
from db.session import Connection, Record
from domain import event as types, ledger as books
from domain.case import CaseKind
from domain.ids import BookingId, PaymentId, RefundId, TenantId
from domain.money import Money
from domain.payment import FactKind, PaymentFact
from domain.refund import SOURCES, Hindrance, RefundPayment, RefundReport, RefundRequest, RefundStatus
from domain.refusal import ExceedsCaptured, Unknown

# Never more than was taken and has not been given back.
ASK = """
insert into refunds (tenant_id, id, booking_id, payment_id, n, reference, original_ref, amount_minor,
                     currency, status, cause, reason, initiated_by, retry_of)
select $1, $2, p.booking_id, p.id, rest.refunds + 1,
       'RF-' || lpad(nextval('refund_numbers')::text, 10, '0'), p.provider_ref,
       coalesce($4::bigint, rest.minor), p.currency, 'pending', $6, coalesce(failed.reason, $7), $8, failed.id
  from payments p
  cross join lateral (
      select p.captured_minor - coalesce(sum(r.amount_minor) filter (where r.status <> 'failed'), 0) as minor,
             coalesce(max(r.n), 0) as refunds
        from refunds r where r.tenant_id = $1 and r.payment_id = $3
  ) rest
  left join refunds failed on failed.tenant_id = $1 and failed.id = $9
 where p.tenant_id = $1 and p.id = $3 and p.booking_id = $10 and p.currency = coalesce($5, p.currency)
   and coalesce($4::bigint, rest.minor) between 1 and rest.minor
   and not exists (select from refunds where tenant_id = $1 and id = $2)
"""

LOCK_PAYMENT = "select id from payments where tenant_id = $1 and id = $2 for no key update"

LEFT = """
select p.captured_minor
     - coalesce(sum(r.amount_minor) filter (where r.status <> 'failed'), 0)::bigint as minor
  from payments p left join refunds r on r.tenant_id = p.tenant_id and r.payment_id = p.id
 where p.tenant_id = $1 and p.id = $2 group by p.captured_minor
"""

REFUND = """
select r.id, r.booking_id, r.payment_id, r.n, r.reference, r.original_ref, r.amount_minor, r.currency,
       r.status, r.cause, r.reason, r.initiated_by, r.retry_of, r.provider_ref, r.hindrance, r.failure_code,
       r.calls, r.created_at, r.changed_at, r.processed_at, p.provider, p.account,
       p.provider_ref as payment_ref
  from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
 where r.tenant_id = $1
"""
ONE, OF_PAYMENT = f"{REFUND} and r.id = $2", f"{REFUND} and r.payment_id = $2 order by r.created_at, r.id"

COVERED = """
select coalesce(sum(amount_minor), 0)::bigint from refunds
 where tenant_id = $1 and payment_id = $2 and status <> 'failed'
"""

# A key is used twice, so that a lost answer is replayed and a slow request is met; a provider forgets it
# after a day (Stripe), and gives what it has stored under it, its own failures too.
NEXT_KEY = """
update refunds
   set calls = calls + 1,
       key_n = case when fresh.key then key_n + 1 else key_n end,
       key_calls = case when fresh.key then 1 else key_calls + 1 end,
       keyed_at = case when fresh.key then now() else keyed_at end
  from (select r.key_n = 0 or r.key_calls >= 2 or r.keyed_at < now() - interval '23 hours' as key
          from refunds r where r.tenant_id = $1 and r.id = $2) fresh
 where tenant_id = $1 and id = $2
returning key_n
"""

# Who was clearly told no has used its key up.
HINDERED = """
update refunds set hindrance = $3, key_calls = 2, changed_at = now()
 where tenant_id = $1 and id = $2 and status = 'pending'
"""

ANSWERED = """
update refunds
   set provider_ref = coalesce(provider_ref, $3), status = $4, hindrance = null, failure_code = $6,
       changed_at = now(), processed_at = case when $4 in ('completed', 'failed') then now() end
 where tenant_id = $1 and id = $2 and status = any($5)
"""

ADD_UP = """
update payments
   set refunded_minor = (select coalesce(sum(amount_minor), 0) from refunds
                          where tenant_id = $1 and payment_id = $2 and status = 'completed')
 where tenant_id = $1 and id = $2
"""

# A provider's refund is ours when it carries the label we gave it, or a reference we know; else somebody gave
# money back at the provider's own desk.
OURS = """
select id from refunds where tenant_id = $1 and payment_id = $2 and (provider_ref = $3 or id = $4)
 order by provider_ref nulls last limit 1
"""

FOREIGN = """
insert into refunds (tenant_id, id, booking_id, payment_id, n, reference, original_ref, amount_minor,
                     currency, status, cause, provider_ref, initiated_by, told_at)
select $1, $2, $3, $4, null, 'RF-' || lpad(nextval('refund_numbers')::text, 10, '0'), p.provider_ref, $5, $6,
       'pending', 'provider', $7, 'provider', now()
  from payments p where p.tenant_id = $1 and p.id = $4
"""

# Whose decision the books know of, of all refunds of a booking.
OF_BOOKING = "select id from refunds where tenant_id = $1 and booking_id = $2"
OWED_AGAIN = "select id from refunds where tenant_id = $1 and payment_id = $2 and status = 'failed'"
EARNS = "select exists (select from booking_payments where tenant_id = $1 and payment_id = $2)"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended($1::text, 0))"

WAKE = "notify holdfast_relay"

LEASE = """
with due as (
    select tenant_id, id from refunds
     where told_at is null and next_at <= now()
     order by next_at limit $1 for update skip locked
)
update refunds r set next_at = now() + $2::interval * 2 ^ least(r.tellings, 6), tellings = r.tellings + 1
  from due where r.tenant_id = due.tenant_id and r.id = due.id
returning r.tenant_id, r.booking_id, r.payment_id, r.id as refund_id, r.reference, r.amount_minor, r.currency
"""

TOLD = "update refunds set told_at = now() where tenant_id = $1 and id = any($2) and told_at is null"

TELL_ANEW = """
update refunds set told_at = null, next_at = now() where tenant_id = $1 and id = $2 and n is not null
"""

BACK = """
update refunds set next_at = now() + $2, tellings = greatest(tellings - 1, 0)
 where told_at is null and id = any($1)
"""


class Refund(NamedTuple):
    """A refund as it stands: `provider_ref` is the provider's reference, `payment_ref` its payment's, as it
    was when the refund was asked for in `original_ref`. `n` is none for the provider's own.
    """

    id: RefundId
    booking_id: BookingId
    payment_id: PaymentId
    n: int | None
    reference: str
    original_ref: str | None
    amount: Money
    status: RefundStatus
    cause: str
    reason: str
    initiated_by: str
    retry_of: RefundId | None
    provider_ref: str | None
    hindrance: Hindrance | None
    failure_code: str | None
    calls: int
    created_at: datetime
    changed_at: datetime
    processed_at: datetime | None
    provider: str
    account: str
    payment_ref: str | None

    @property
    def report(self) -> RefundReport:
        """Say what a run needs to know of it."""
        return RefundReport(
            refund_id=self.id,
            status=self.status,
            amount=self.amount,
            cause=self.cause,
            retry=self.retry_of is not None,
            hindrance=self.hindrance,
            failure_code=self.failure_code,
        )

    def request(self, tenant_id: TenantId) -> RefundRequest:
        """Write what its run is started with."""
        return RefundRequest(
            tenant_id=tenant_id,
            booking_id=self.booking_id,
            payment_id=self.payment_id,
            refund_id=self.id,
            reference=self.reference,
            amount=self.amount,
        )


# --- asking


async def ask(
    connection: Connection, request: RefundPayment, *, reason: str = "", initiated_by: str = "holdfast"
) -> Refund:
    """Write that money goes back, before the provider hears of it; a repeat gives the same refund.

    From here on it is owed in the books, and the relay begins its run. `reason` is a person's words, which a
    retry takes over from what it replaces. Refuses ExceedsCaptured when more would go back than is left.
    """
    await connection.execute(LOCK_PAYMENT, request.tenant_id, request.payment_id)
    written = await connection.execute(
        ASK,
        request.tenant_id,
        request.refund_id,
        request.payment_id,
        None if request.amount is None else request.amount.minor,
        None if request.amount is None else request.amount.currency,
        request.cause,
        reason,
        initiated_by,
        request.retry_of,
        request.booking_id,
    )
    if written == "INSERT 0 0":
        return await _asked_before(connection, request)
    refund = await find(connection, request.tenant_id, request.refund_id)
    await _decide(connection, request.tenant_id, refund)
    await _tell(connection, request.tenant_id, refund, types.REFUND_INITIATED)
    await connection.execute(WAKE)
    return refund


async def _asked_before(connection: Connection, request: RefundPayment) -> Refund:
    try:
        return await find(connection, request.tenant_id, request.refund_id)
    except Unknown:
        left = await connection.fetchval(LEFT, request.tenant_id, request.payment_id)
        raise ExceedsCaptured("More would go back than is left.", left=left or 0) from None


async def find(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> Refund:
    """Find a refund. Refuses Unknown."""
    row = await connection.fetchrow(ONE, tenant_id, refund_id)
    if row is None:
        raise Unknown("There is no such refund.")
    return _refund(row)


async def of_payment(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> list[Refund]:
    """List the refunds of a payment, the first first."""
    return [_refund(row) for row in await connection.fetch(OF_PAYMENT, tenant_id, payment_id)]


async def next_key(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> int:
    """Count, before the call, that the provider is asked for this refund; gives the number of the key to ask
    with: each is used twice, and no longer than a provider surely remembers it.
    """
    n: int = await connection.fetchval(NEXT_KEY, tenant_id, refund_id)
    return n


# --- what the provider says


async def hindered(connection: Connection, tenant_id: TenantId, refund_id: RefundId, why: Hindrance) -> None:
    """Write why the provider does not take a refund now; it stays as it is."""
    await connection.execute(HINDERED, tenant_id, refund_id, why.value)


async def needs_person(connection: Connection, tenant_id: TenantId, refund: Refund, *, cause: str) -> bool:
    """Open a case for a refund, unless one is open; says whether it is new."""
    return await case.open_case(
        connection, tenant_id, CaseKind.REFUND, refund.id, cause=cause, booking_id=refund.booking_id
    )


async def answered(
    connection: Connection,
    tenant_id: TenantId,
    refund_id: RefundId,
    *,
    status: RefundStatus,
    provider_ref: str | None = None,
    failure_code: str | None = None,
) -> bool:
    """Write what the provider says of a refund: `processing` (taken), `completed` or `failed`; says whether
    it was news.

    Failed is the last word, also after completed: the money is owed again. Books and events go along.
    """
    before = await find(connection, tenant_id, refund_id)
    await connection.execute(LOCK_PAYMENT, tenant_id, before.payment_id)
    sources = [source.value for source in SOURCES[status]]
    moved = await connection.execute(
        ANSWERED, tenant_id, refund_id, provider_ref, status.value, sources, failure_code
    )
    if moved == "UPDATE 1" and status is RefundStatus.COMPLETED:
        clearing = books.provider_clearing(before.provider, before.account)
        posting = books.refund_completed(refund_id, provider_ref or "", clearing, before.amount)
        await ledger.post(connection, tenant_id, posting)
        await _tell(connection, tenant_id, before, types.REFUND_COMPLETED)
    if moved == "UPDATE 1" and status is RefundStatus.FAILED:
        completed, failed = (books.refund_source(refund_id, what) for what in ("completed", "failed"))
        await ledger.reverse(connection, tenant_id, completed, under=failed)
        await _tell(connection, tenant_id, before, types.REFUND_FAILED)
    await connection.execute(ADD_UP, tenant_id, before.payment_id)
    return moved == "UPDATE 1"


async def record(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, facts: Sequence[PaymentFact]
) -> None:
    """Bring the refunds of a payment up to what its facts say, whatever their order.

    Of one that has failed the relay tells anew, for its run may be over since it was completed.
    """
    for fact in facts:
        if fact.kind is FactKind.REFUNDED and fact.operation and fact.amount:
            refund_id = await _ours(connection, tenant_id, fact) or await _foreign(
                connection, tenant_id, booking_id, fact, fact.amount
            )
            await answered(
                connection, tenant_id, refund_id, status=RefundStatus.COMPLETED, provider_ref=fact.operation
            )
    for fact in facts:
        failed = fact.kind is FactKind.REFUND_FAILED and await _ours(connection, tenant_id, fact)
        if failed and await answered(
            connection, tenant_id, failed, status=RefundStatus.FAILED, provider_ref=fact.operation
        ):
            await connection.execute(TELL_ANEW, tenant_id, failed)
            await connection.execute(WAKE)


async def _ours(connection: Connection, tenant_id: TenantId, fact: PaymentFact) -> RefundId | None:
    found = await connection.fetchval(OURS, tenant_id, fact.payment_id, fact.operation, fact.refund_id)
    return RefundId(found) if found else None


async def _foreign(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, fact: PaymentFact, amount: Money
) -> RefundId:
    """Write down what somebody has given back without us."""
    refund_id = RefundId(uuid7())
    await connection.execute(
        FOREIGN,
        tenant_id,
        refund_id,
        booking_id,
        fact.payment_id,
        amount.minor,
        amount.currency,
        fact.operation,
    )
    await _decide(connection, tenant_id, await find(connection, tenant_id, refund_id))
    return refund_id


async def covers(connection: Connection, tenant_id: TenantId, payment_id: PaymentId, minor: int) -> bool:
    """Say whether our refunds of a payment account for all that went back of it, as a provider adds it up."""
    return bool(await connection.fetchval(COVERED, tenant_id, payment_id) >= minor)


async def exceeds(connection: Connection, tenant_id: TenantId, refund: Refund) -> bool:
    """Say whether a refund cannot be taken because more of its payment has gone back without us."""
    left = await connection.fetchval(LEFT, tenant_id, refund.payment_id)
    return bool(left < 0)


# --- the books


async def _decide(connection: Connection, tenant_id: TenantId, refund: Refund) -> None:
    """Owe the refund in the books, one of a booking's at a time: what failed refunds of the payment left owed
    is released first, and who has earned the money gives it.
    """
    await connection.execute(ONE_AT_A_TIME, str(refund.booking_id))
    for failed in await connection.fetch(OWED_AGAIN, tenant_id, refund.payment_id):
        decided, released = (books.refund_source(failed["id"], what) for what in ("decided", "released"))
        await ledger.reverse(connection, tenant_id, decided, under=released)
    earned = await _earned(connection, tenant_id, refund)
    await ledger.post(connection, tenant_id, books.refund_decided(refund.id, refund.amount, earned))


async def _earned(connection: Connection, tenant_id: TenantId, refund: Refund) -> dict[str, int]:
    """Tell who has what is left of a booking's money; nobody, when the payment has not paid for it."""
    if not await connection.fetchval(EARNS, tenant_id, refund.payment_id):
        return {}
    refunds = await connection.fetch(OF_BOOKING, tenant_id, refund.booking_id)
    sources = [books.booking_source(refund.booking_id)] + [
        books.refund_source(row["id"], what) for row in refunds for what in ("decided", "released")
    ]
    left = await ledger.earnings(connection, tenant_id, sources)
    return {account: minor for account, minor in left.items() if account not in books.BUYERS}


# --- the runs


async def lease(connection: Connection, *, limit: int, lease: timedelta) -> list[RefundRequest]:
    """Lease refunds that Temporal has not heard of, across tenants, as the relay."""
    return [_request(row) for row in await connection.fetch(LEASE, limit, lease)]


async def told(connection: Connection, tenant_id: TenantId, refunds: Sequence[RefundId]) -> None:
    """Note that Temporal knows of these refunds."""
    await connection.execute(TOLD, tenant_id, refunds)


async def put_back(connection: Connection, soon: timedelta, refunds: Sequence[RefundId]) -> None:
    """Give leases back that were of no use, because nobody could be told."""
    await connection.execute(BACK, refunds, soon)


async def _tell(connection: Connection, tenant_id: TenantId, refund: Refund, what: str) -> None:
    data = {"payment_id": str(refund.payment_id), "amount": refund.amount.model_dump()}
    await event.append(connection, tenant_id, Told(refund.id, what, data))


def _request(row: Record) -> RefundRequest:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    return RefundRequest(**columns, amount=amount)


def _refund(row: Record) -> Refund:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    status, hindrance = RefundStatus(columns.pop("status")), columns.pop("hindrance")
    return Refund(
        **columns, amount=amount, status=status, hindrance=Hindrance(hindrance) if hindrance else None
    )
