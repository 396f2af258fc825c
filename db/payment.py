"""Payments: a row per attempt, a row per thing a provider said, and what they add up to.

Written by the payment role alone. Status and sums are the fold of all stored facts (`domain.payment.fold`),
so facts may come in any order and any number of times. A payment's row is locked before anything is added.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from db import case, event, ledger, refund
from db.event import Told
from db.session import Connection, Record
from domain import event as types, ledger as books
from domain.case import CaseKind
from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from domain.payment import (
    Checkout,
    CreatePayment,
    FactKind,
    PaymentFact,
    PaymentReport,
    PaymentState,
    PaymentStatus,
    RiskResult,
    fold,
    instrument,
)
from domain.refusal import PaymentMismatch, Unknown

WRITE = """
insert into payments (tenant_id, id, booking_id, provider, account, method, hosted, return_url, amount_minor,
                      currency, status, transaction_reference, resource_type, resource_id, booking_reference,
                      merchant_reference, user_id, ip_address, user_agent, metadata, manual, settles_seconds,
                      review)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending',
       'PAY-' || lpad(nextval('payment_numbers')::text, 10, '0'), 'booking', $3, $11, $2::text,
       wish.user_id, wish.ip_address, wish.user_agent, coalesce(wish.metadata, '{}'), $12, $13, $14
  from (select) one left join payment_wishes wish on wish.tenant_id = $1 and wish.payment_id = $2
on conflict (tenant_id, id) do nothing
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
"""

PAYMENT = """
select id, booking_id, provider, account, method, hosted, return_url, amount_minor, currency, status,
       captured_minor, refunded_minor, declines, decline_code, provider_ref, checkout, transaction_reference,
       manual,
       card_brand, card_last4, risk_score, risk_result, created_at, authorized_at, captured_at
  from payments where tenant_id = $1 and id = $2
"""

OF_BOOKING = """
select id, booking_id, provider, account, method, hosted, return_url, amount_minor, currency, status,
       captured_minor, refunded_minor, declines, decline_code, provider_ref, checkout, transaction_reference,
       manual,
       card_brand, card_last4, risk_score, risk_result, created_at, authorized_at, captured_at
  from payments where tenant_id = $1 and booking_id = $2 order by created_at, id
"""

# Newest first: an id is made when its payment is wished for. $6 is the last of the page before.
PAGE = """
select id, booking_id, provider, account, method, hosted, return_url, amount_minor, currency, status,
       captured_minor, refunded_minor, declines, decline_code, provider_ref, checkout, transaction_reference,
       manual,
       card_brand, card_last4, risk_score, risk_result, created_at, authorized_at, captured_at
  from payments
 where tenant_id = $1 and ($2::text is null or user_id = $2) and ($3::text is null or status = $3)
   and ($4::timestamptz is null or created_at >= $4) and ($5::timestamptz is null or created_at < $5)
   and ($6::uuid is null or id < $6)
 order by id desc limit $7
"""

BY_REFERENCE = """
select tenant_id, booking_id, id as payment_id from payments
 where provider = $1 and account = $2 and provider_ref = $3
"""

BY_CAPTURE = """
select tenant_id, payment_id from payment_operations
 where provider = $1 and account = $2 and kind = 'captured' and operation = $3
"""

LOCK = """
select id, booking_id, provider, account, amount_minor, currency, status, declines, to_capture_minor
  from payments
 where tenant_id = $1 and id = $2 for no key update
"""

ADD = """
insert into payment_operations (tenant_id, payment_id, kind, operation, provider, account, provider_ref,
                                event_id, amount_minor, currency, decline_code, decline_reason, occurred_at,
                                source, method, card_brand, card_last4, risk_score, risk_result, refund_id)
select distinct on (fact.kind, fact.operation)
       $1, $2, fact.kind, fact.operation, fact.provider, fact.account, fact.provider_ref, fact.event_id,
       fact.amount_minor, fact.currency, fact.decline_code, fact.decline_reason, fact.occurred_at,
       fact.source, fact.method, fact.card_brand, fact.card_last4, fact.risk_score, fact.risk_result,
       fact.refund_id
  from jsonb_to_recordset($3) as fact (
       kind text, operation text, provider text, account text, provider_ref text, event_id text,
       amount_minor bigint, currency text, decline_code text, decline_reason text, occurred_at timestamptz,
       source text, method text, card_brand text, card_last4 text, risk_score numeric, risk_result text,
       refund_id uuid)
 order by fact.kind, fact.operation, fact.amount_minor desc nulls last
on conflict (tenant_id, payment_id, kind, operation) do update
   set amount_minor = greatest(payment_operations.amount_minor, excluded.amount_minor),
       decline_code = coalesce(payment_operations.decline_code, excluded.decline_code),
       decline_reason = coalesce(payment_operations.decline_reason, excluded.decline_reason),
       method = coalesce(payment_operations.method, excluded.method),
       card_brand = coalesce(payment_operations.card_brand, excluded.card_brand),
       card_last4 = coalesce(payment_operations.card_last4, excluded.card_last4),
       risk_score = coalesce(payment_operations.risk_score, excluded.risk_score),
       risk_result = coalesce(payment_operations.risk_result, excluded.risk_result),
       refund_id = coalesce(payment_operations.refund_id, excluded.refund_id)
"""

OPERATIONS = """
select kind, operation, provider, account, provider_ref, event_id, amount_minor, currency, decline_code,
       decline_reason, occurred_at, source, method, card_brand, card_last4, risk_score, risk_result, refund_id
  from payment_operations where tenant_id = $1 and payment_id = $2 order by occurred_at, kind, operation
"""

UPDATE = """
update payments
   set status = $3, authorized_minor = $4, captured_minor = $5, declines = $6, decline_code = $7,
       provider_ref = coalesce(provider_ref, $8), changed_at = now(),
       method = coalesce($9, method), card_brand = $10, card_last4 = $11, risk_score = $12, risk_result = $13,
       authorized_at = coalesce(authorized_at, case when greatest($4::bigint, $5::bigint) > 0 then now() end),
       captured_at = coalesce(captured_at, case when $5::bigint > 0 then now() end),
       refunded_minor = (select coalesce(sum(amount_minor), 0) from refunds
                          where tenant_id = $1 and payment_id = $2 and status = 'completed')
 where tenant_id = $1 and id = $2
"""

# The first word stays: nobody takes another part of one authorisation.
TO_CAPTURE = """
update payments set to_capture_minor = $3
 where tenant_id = $1 and id = $2 and to_capture_minor is null and amount_minor >= $3
"""

COUNT_CREATE = """
update payments set create_calls = create_calls + 1 where tenant_id = $1 and id = $2 returning create_calls
"""

KNOWN = """
select exists (select from payment_operations
                where tenant_id = $1 and payment_id = $2 and kind = $3 and operation = $4)
"""

# What is known of a payment, and of its booking's payments together.
REPORT = """
select p.id, p.status, p.currency, p.amount_minor, p.captured_minor, p.decline_code,
       p.review or p.risk_result is not distinct from 'review' as review,
       (select coalesce(sum(other.amount_minor), 0)::bigint from payments other
         where other.tenant_id = p.tenant_id and other.booking_id = p.booking_id
           and other.status = 'authorized') as booking_authorized_minor,
       given.minor as refunded_minor, given.n as refunds, given.failed as refunds_failed,
       (select coalesce(sum(other.captured_minor), 0)::bigint
          from payments other
         where other.tenant_id = p.tenant_id and other.booking_id = p.booking_id
           and other.status <> 'conflicted')
     - (select coalesce(sum(r.amount_minor), 0)::bigint
          from refunds r join payments other on other.tenant_id = r.tenant_id and other.id = r.payment_id
         where r.tenant_id = p.tenant_id and r.booking_id = p.booking_id and r.status <> 'failed'
           and other.status <> 'conflicted') as booking_kept_minor,
       (select sum(other.declines)::int from payments other
         where other.tenant_id = p.tenant_id and other.booking_id = p.booking_id) as booking_declines
  from payments p
  cross join lateral (
      select coalesce(sum(r.amount_minor) filter (where r.status <> 'failed'), 0)::bigint as minor,
             count(*)::int as n, count(*) filter (where r.status = 'failed')::int as failed
        from refunds r where r.tenant_id = p.tenant_id and r.payment_id = p.id
  ) given
 where p.tenant_id = $1 and p.id = $2 and p.booking_id = $3
"""

EVENTS = {
    PaymentStatus.AUTHORIZED: types.PAYMENT_AUTHORIZED,
    PaymentStatus.CAPTURED: types.PAYMENT_CAPTURED,
    PaymentStatus.FAILED: types.PAYMENT_FAILED,
    PaymentStatus.CANCELLED: types.PAYMENT_CANCELLED,
    PaymentStatus.EXPIRED: types.PAYMENT_CANCELLED,
}


class Payment(NamedTuple):
    """One attempt as it stands; `checkout` is where or with what to pay, once the provider has answered."""

    id: PaymentId
    booking_id: BookingId
    provider: str
    account: str
    method: str | None
    hosted: bool
    return_url: str
    amount: Money
    status: PaymentStatus
    captured_minor: int
    refunded_minor: int
    declines: int
    decline_code: str | None
    provider_ref: str | None
    checkout: Checkout | None
    transaction_reference: str
    manual: bool
    card_brand: str | None
    card_last4: str | None
    risk_score: Decimal | None
    risk_result: RiskResult | None
    created_at: datetime
    authorized_at: datetime | None
    captured_at: datetime | None


class Asker(NamedTuple):
    """From where a payment was asked for; at most 45 and some hundred characters."""

    ip_address: str | None = None
    user_agent: str | None = None


class Address(NamedTuple):
    """Whose payment it is."""

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId


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


async def create(connection: Connection, request: CreatePayment) -> Payment:
    """Write the row of an attempt before the provider hears of it; a repeat gives the row as it stands.

    Refuses PaymentMismatch when the id stands for a payment of another booking or amount.
    """
    wish = request.wish
    written = await connection.execute(
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
    )
    if written == "INSERT 0 1":
        data = {"booking_id": str(request.booking_id), "amount": wish.amount.model_dump()}
        await event.append(connection, request.tenant_id, Told(wish.payment_id, types.PAYMENT_CREATED, data))
    payment = await find(connection, request.tenant_id, wish.payment_id)
    if (payment.booking_id, payment.amount) != (request.booking_id, wish.amount):
        raise PaymentMismatch("This payment is another booking's.")
    return payment


async def ask_to_capture(
    connection: Connection, tenant_id: TenantId, payment_id: PaymentId, amount: Money
) -> None:
    """Write how much of an authorisation is taken, before the provider hears of it; the first word stays."""
    await connection.execute(TO_CAPTURE, tenant_id, payment_id, amount.minor)


async def count_create(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> int:
    """Count, before the call, that the provider is asked to open this payment's checkout; gives how often."""
    calls: int = await connection.fetchval(COUNT_CREATE, tenant_id, payment_id)
    return calls


async def opened(
    connection: Connection, tenant_id: TenantId, provider_ref: str, checkout: Checkout
) -> Payment:
    """Write the checkout that the provider has opened; the first that is written stays.

    An attempt that was given up meanwhile gets none: whoever opened it closes it. Refuses Unknown.
    """
    written = checkout.model_dump(mode="json")
    await connection.execute(OPENED, tenant_id, checkout.payment_id, provider_ref, written)
    return await find(connection, tenant_id, checkout.payment_id)


async def find(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> Payment:
    """Find a payment. Refuses Unknown."""
    row = await connection.fetchrow(PAYMENT, tenant_id, payment_id)
    if row is None:
        raise Unknown("There is no such payment.")
    return _payment(row)


async def of_booking(connection: Connection, tenant_id: TenantId, booking_id: BookingId) -> list[Payment]:
    """List the attempts to pay a booking, the first first."""
    return [_payment(row) for row in await connection.fetch(OF_BOOKING, tenant_id, booking_id)]


async def page(
    connection: Connection,
    tenant_id: TenantId,
    *,
    user_id: str | None,
    status: PaymentStatus | None,
    since: datetime | None,
    until: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[Payment]:
    """List payments, newest first, at most `limit` behind `after`: of this user, in this state, made in
    [`since`, `until`); nothing that is none narrows the list.
    """
    rows = await connection.fetch(
        PAGE, tenant_id, user_id, status.value if status else None, since, until, after, limit
    )
    return [_payment(row) for row in rows]


async def by_reference(
    connection: Connection, provider: str, account: str, provider_ref: str
) -> Address | None:
    """Find whose payment a provider's reference is, in the relay's transaction `across(shown=reference)`."""
    row = await connection.fetchrow(BY_REFERENCE, provider, account, provider_ref)
    return Address(**row) if row else None


async def by_capture(
    connection: Connection, provider: str, account: str, charge: str
) -> tuple[TenantId, PaymentId] | None:
    """Find whose payment was taken by this charge, in the relay's transaction `across(shown=charge)`."""
    row = await connection.fetchrow(BY_CAPTURE, provider, account, charge)
    return (row["tenant_id"], row["payment_id"]) if row else None


async def record(
    connection: Connection, tenant_id: TenantId, payment_id: PaymentId, facts: Sequence[PaymentFact]
) -> PaymentReport:
    """Add what a provider said: operations, status and sums, books, refunds, events. Gives what is known now.

    Facts that are known change nothing. Refuses Unknown.
    """
    row = await connection.fetchrow(LOCK, tenant_id, payment_id)
    if row is None:
        raise Unknown("There is no such payment.")
    await connection.execute(ADD, tenant_id, payment_id, [_stored(fact) for fact in facts])
    known = [_fact(payment_id, fact) for fact in await connection.fetch(OPERATIONS, tenant_id, payment_id)]
    asked, taking = Money(minor=row["amount_minor"], currency=row["currency"]), row["to_capture_minor"]
    to_capture = None if taking is None else Money(minor=taking, currency=row["currency"])
    state = fold(asked, known, to_capture=to_capture)
    await _post_captures(connection, tenant_id, payment_id, row, known)
    await refund.record(connection, tenant_id, row["booking_id"], known)
    await _update(connection, tenant_id, payment_id, row, state, known)
    return await report(connection, tenant_id, row["booking_id"], payment_id)


async def is_known(connection: Connection, tenant_id: TenantId, fact: PaymentFact) -> bool:
    """Say whether what a fact tells was recorded before, by whichever telling."""
    if fact.kind is FactKind.REFUNDED and not fact.operation and fact.amount:
        return await refund.covers(connection, tenant_id, fact.payment_id, fact.amount.minor)
    known: bool = await connection.fetchval(KNOWN, tenant_id, fact.payment_id, fact.kind.value, _about(fact))
    return known


async def report(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, payment_id: PaymentId
) -> PaymentReport:
    """Tell what is known of a payment of this booking. Refuses Unknown."""
    row = await connection.fetchrow(REPORT, tenant_id, payment_id, booking_id)
    if row is None:
        raise Unknown("This booking has no such payment.")
    return PaymentReport(
        payment_id=payment_id,
        status=PaymentStatus(row["status"]),
        currency=row["currency"],
        asked_minor=row["amount_minor"],
        captured_minor=row["captured_minor"],
        refunded_minor=row["refunded_minor"],
        refunds=row["refunds"],
        refunds_failed=row["refunds_failed"],
        decline_code=row["decline_code"],
        review=row["review"],
        booking_kept_minor=row["booking_kept_minor"],
        booking_authorized_minor=row["booking_authorized_minor"],
        booking_declines=row["booking_declines"],
    )


async def _post_captures(
    connection: Connection,
    tenant_id: TenantId,
    payment_id: PaymentId,
    row: Record,
    facts: Iterable[PaymentFact],
) -> None:
    clearing = books.provider_clearing(row["provider"], row["account"])
    for fact in facts:
        if fact.kind is FactKind.CAPTURED and fact.amount:
            posting = books.payment_captured(payment_id, fact.operation, clearing, fact.amount)
            await ledger.post(connection, tenant_id, posting)


async def _update(
    connection: Connection,
    tenant_id: TenantId,
    payment_id: PaymentId,
    row: Record,
    state: PaymentState,
    facts: Sequence[PaymentFact],
) -> None:
    await connection.execute(
        UPDATE,
        tenant_id,
        payment_id,
        state.status.value,
        sum(state.authorized.values()),
        state.captured_minor,
        len(state.declines),
        state.decline_code,
        next((fact.provider_ref for fact in facts if fact.provider_ref), None),
        *instrument(facts).model_dump().values(),
    )
    data = {"booking_id": str(row["booking_id"])}
    if len(state.declines) > row["declines"]:
        declined = Told(payment_id, types.PAYMENT_FAILED, {**data, "decline_code": state.decline_code})
        await event.append(connection, tenant_id, declined)
    if state.status.value == row["status"]:
        return
    if state.status in EVENTS:
        await event.append(connection, tenant_id, Told(payment_id, EVENTS[state.status], data))
    if state.status is PaymentStatus.CONFLICTED:
        kind, booking_id = CaseKind.PAYMENT, row["booking_id"]
        await case.open_case(
            connection, tenant_id, kind, payment_id, cause="conflicted", booking_id=booking_id
        )


def _payment(row: Record) -> Payment:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    checkout, status, risk = columns.pop("checkout"), columns.pop("status"), columns.pop("risk_result")
    return Payment(
        **columns,
        amount=amount,
        status=PaymentStatus(status),
        checkout=Checkout.model_validate(checkout) if checkout else None,
        risk_result=RiskResult(risk) if risk else None,
    )


def _stored(fact: PaymentFact) -> dict[str, object]:
    """Write a fact as its row."""
    written = fact.model_dump(mode="json", exclude={"payment_id", "amount", "operation"})
    amount = fact.amount
    return {
        **written,
        "operation": _about(fact),
        "amount_minor": amount.minor if amount else None,
        "currency": amount.currency if amount else None,
    }


def _about(fact: PaymentFact) -> str:
    """Name what a fact is about, so that two tellings are one row."""
    return fact.operation or (fact.event_id if fact.kind is FactKind.DECLINED else fact.provider_ref)


def _fact(payment_id: PaymentId, row: Record) -> PaymentFact:
    columns = dict(row)
    minor, currency = columns.pop("amount_minor"), columns.pop("currency")
    amount = None if minor is None else Money(minor=minor, currency=currency)
    return PaymentFact(payment_id=payment_id, amount=amount, **columns)
