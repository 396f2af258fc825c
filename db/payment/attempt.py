"""An attempt to pay, from the wish to its checkout: written before the provider hears of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from uuid_utils.compat import uuid7

from db import idempotency, split
from db.idempotency import Claim, Key
from db.session import Connection, Record
from domain import event as types
from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from domain.payment import Checkout, CreatePayment, PaymentStatus
from domain.refusal import PaymentMismatch, Unknown
from domain.route import AccountName
from domain.split import Portion

# A new row counts the call that it is written for, and nothing was told of it before.
WRITE = """
with written as (
    insert into payments (tenant_id, id, booking_id, provider, account, method, hosted, return_url,
                          amount_minor, currency, status, transaction_reference, resource_type, resource_id,
                          booking_reference, merchant_reference, user_id, ip_address, user_agent, metadata,
                          manual, settles_seconds, review, create_calls)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending',
           'PAY-' || lpad(nextval('payment_numbers')::text, 10, '0'), 'booking', $3, $11, $2::text,
           wish.user_id, wish.ip_address, wish.user_agent, coalesce(wish.metadata, '{}'), $12, $13, $14, 1
      from (select) one left join payment_wishes wish on wish.tenant_id = $1 and wish.payment_id = $2
    on conflict (tenant_id, id) do nothing
    returning id, booking_id, provider, account, amount_minor, currency, status, provider_ref, checkout,
              portions
),
told as (
    insert into events (tenant_id, subject, n, type, data) select $1, written.id, 1, $15, $16 from written
)
select * from written
"""

FIND = """
select id, booking_id, provider, account, amount_minor, currency, status, provider_ref, checkout, portions
  from payments where tenant_id = $1 and id = $2
"""

# A key that is new, and who shows it.
WISH = """
with claimed as (
    insert into idempotency_keys (tenant_id, caller, route, key, fingerprint, subject)
    values ($1, $2, $3, $4, $5, $6)
    on conflict do nothing
    returning subject
)
insert into payment_wishes (tenant_id, payment_id, user_id, ip_address, user_agent, metadata)
select $1, claimed.subject, $7, $8, $9, $10 from claimed
"""

NOTE = """
insert into payment_wishes (tenant_id, payment_id, user_id, ip_address, user_agent, metadata)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, payment_id) do nothing
"""

# An attempt that was given up meanwhile keeps the reference, to be closed by it, and gets no checkout.
OPENED = """
update payments
   set provider_ref = $3, changed_at = now(),
       checkout = case when status in ('cancelled', 'expired', 'failed') then null else $4::jsonb end
 where tenant_id = $1 and id = $2 and provider_ref is null
returning id, booking_id, provider, account, amount_minor, currency, status, provider_ref, checkout, portions
"""

# The first word stays: nobody takes another part of one authorisation.
TO_CAPTURE = """
update payments set to_capture_minor = $3, portions = coalesce($4, portions)
 where tenant_id = $1 and id = $2 and to_capture_minor is null and amount_minor >= $3
"""

COUNT_CREATE = """
update payments set create_calls = create_calls + 1 where tenant_id = $1 and id = $2 returning create_calls
"""

# Only while nothing can have happened at the account before: it was asked no more often than we know of.
TURN = """
update payments set provider = $5, account = $6, create_calls = 0, portions = null, changed_at = now()
 where tenant_id = $1 and id = $2 and provider = $3 and account = $4
   and create_calls = $7 and provider_ref is null and status = 'pending'
"""


class Attempt(NamedTuple):
    """What the steps on a payment go by: whose it is, where it is made, and what has been opened there;
    `portions` are to whom it goes at the provider, once that is decided.
    """

    id: PaymentId
    booking_id: BookingId
    provider: str
    account: str
    amount: Money
    status: PaymentStatus
    provider_ref: str | None
    checkout: Checkout | None
    portions: tuple[Portion, ...] | None


class Asker(NamedTuple):
    """From where a payment was asked for; at most 45 and some hundred characters."""

    ip_address: str | None = None
    user_agent: str | None = None


async def use_key(
    connection: Connection,
    tenant_id: TenantId,
    key: Key,
    asker: Asker,
    *,
    user_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Claim:
    """Use a key for a new payment and note who asks for it, or learn what the key was used for: see
    `idempotency.claim` and `note`. Refuses KeyReused for another body.
    """
    payment_id = uuid7()
    while True:
        written = await connection.execute(
            WISH,
            tenant_id,
            key.caller,
            key.route,
            key.key,
            key.fingerprint,
            payment_id,
            user_id,
            asker.ip_address,
            asker.user_agent,
            metadata or {},
        )
        if written == "INSERT 0 1":
            return Claim(payment_id, None, fresh=True)
        found = await idempotency.find(connection, tenant_id, key)
        if found is not None:  # else freed a moment ago by whoever had used it
            return found


async def note(
    connection: Connection,
    tenant_id: TenantId,
    payment_id: PaymentId,
    asker: Asker,
    *,
    user_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Note who asks for a payment before it is written: its row takes it from here; the first note stays."""
    await connection.execute(
        NOTE, tenant_id, payment_id, user_id, asker.ip_address, asker.user_agent, metadata or {}
    )


async def find(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> Attempt:
    """Find an attempt. Refuses Unknown."""
    row = await connection.fetchrow(FIND, tenant_id, payment_id)
    if row is None:
        raise Unknown("There is no such payment.")
    return _attempt(row)


async def create(connection: Connection, request: CreatePayment) -> tuple[Attempt, int]:
    """Write the row of an attempt before the provider hears of it, and tell of it; a repeat gives the row as
    it stands.

    Gives, too, how many calls have been counted by this: one for a new row, else none (`count_create`).
    Refuses PaymentMismatch when the id stands for a payment of another booking or amount.
    """
    wish = request.wish
    row = await connection.fetchrow(
        WRITE,
        request.tenant_id,
        wish.payment_id,
        request.booking_id,
        wish.provider,
        wish.account,
        wish.method,
        wish.hosted,
        wish.return_url,
        wish.amount.minor,
        wish.amount.currency,
        request.reference,
        wish.manual,
        None if wish.settles_within is None else int(wish.settles_within.total_seconds()),
        wish.review,
        types.PAYMENT_CREATED,
        {"booking_id": str(request.booking_id), "amount": wish.amount.model_dump()},
    )
    if row is not None:
        return _attempt(row), 1
    there = await find(connection, request.tenant_id, wish.payment_id)
    if (there.booking_id, there.amount) != (request.booking_id, wish.amount):
        raise PaymentMismatch("This payment is another booking's.")
    return there, 0


async def ask_to_capture(
    connection: Connection,
    tenant_id: TenantId,
    payment_id: PaymentId,
    amount: Money,
    portions: Sequence[Portion] = (),
) -> None:
    """Write how much of an authorisation is taken, and for whom, before the provider hears of it; the first
    word stays.
    """
    divided = split.written(portions) if portions else None
    await connection.execute(TO_CAPTURE, tenant_id, payment_id, amount.minor, divided)


async def count_create(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> int:
    """Count, before the call, that the provider is asked to open this payment's checkout; gives how often."""
    calls: int = await connection.fetchval(COUNT_CREATE, tenant_id, payment_id)
    return calls


async def turn_to(
    connection: Connection, payment: Attempt, tenant_id: TenantId, account: AccountName, *, calls: int
) -> Attempt | None:
    """Have another account open a payment's checkout, for the one it stands at did nothing in `calls` calls.

    Nothing where somebody else has called it, too, or the payment was opened or given up meanwhile.
    """
    turned = await connection.execute(
        TURN, tenant_id, payment.id, payment.provider, payment.account, account.provider, account.name, calls
    )
    if turned == "UPDATE 0":
        return None
    return payment._replace(provider=account.provider, account=account.name, portions=None)


async def opened(
    connection: Connection, tenant_id: TenantId, provider_ref: str, checkout: Checkout
) -> Attempt:
    """Write the checkout that the provider has opened; the first that is written stays.

    An attempt that was given up meanwhile gets none: whoever opened it closes it. Refuses Unknown.
    """
    written = checkout.model_dump(mode="json")
    row = await connection.fetchrow(OPENED, tenant_id, checkout.payment_id, provider_ref, written)
    return _attempt(row) if row else await find(connection, tenant_id, checkout.payment_id)


def _attempt(row: Record) -> Attempt:
    checkout = row["checkout"]
    return Attempt(
        id=row["id"],
        booking_id=row["booking_id"],
        provider=row["provider"],
        account=row["account"],
        amount=Money(minor=row["amount_minor"], currency=row["currency"]),
        status=PaymentStatus(row["status"]),
        provider_ref=row["provider_ref"],
        checkout=Checkout.model_validate(checkout) if checkout else None,
        portions=split.read(row["portions"]),
    )
