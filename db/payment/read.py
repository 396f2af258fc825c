"""Reading payments, and finding whose a provider's reference is."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from db import split
from db.session import Connection, Record
from domain.dispute import DisputeState
from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from domain.payment import Checkout, PaymentReport, PaymentStatus, RiskResult
from domain.refusal import Unknown
from domain.split import Portion

PAYMENT = """
select id, booking_id, provider, account, method, hosted, return_url, amount_minor, currency, status,
       captured_minor, coalesce(captured_currency, currency) as captured_currency, refunded_minor, declines,
       decline_code, provider_ref, checkout, transaction_reference, manual, card_brand, card_last4,
       risk_score, risk_result, created_at, authorized_at, captured_at, portions,
       (select d.state from disputes d where d.tenant_id = p.tenant_id and d.payment_id = p.id
         order by d.opened_at desc, d.id desc limit 1) as dispute
  from payments p
 where tenant_id = $1 and id = $2
"""

OF_BOOKING = """
select id, booking_id, provider, account, method, hosted, return_url, amount_minor, currency, status,
       captured_minor, coalesce(captured_currency, currency) as captured_currency, refunded_minor, declines,
       decline_code, provider_ref, checkout, transaction_reference, manual, card_brand, card_last4,
       risk_score, risk_result, created_at, authorized_at, captured_at, portions,
       (select d.state from disputes d where d.tenant_id = p.tenant_id and d.payment_id = p.id
         order by d.opened_at desc, d.id desc limit 1) as dispute
  from payments p
 where tenant_id = $1 and booking_id = $2 order by created_at, id
"""

# Newest first: an id is made when its payment is wished for. $6 is the last of the page before.
PAGE = """
select id, booking_id, provider, account, method, hosted, return_url, amount_minor, currency, status,
       captured_minor, coalesce(captured_currency, currency) as captured_currency, refunded_minor, declines,
       decline_code, provider_ref, checkout, transaction_reference, manual, card_brand, card_last4,
       risk_score, risk_result, created_at, authorized_at, captured_at, portions,
       (select d.state from disputes d where d.tenant_id = p.tenant_id and d.payment_id = p.id
         order by d.opened_at desc, d.id desc limit 1) as dispute
  from payments p
 where tenant_id = $1 and ($2::text is null or user_id = $2) and ($3::text is null or status = $3)
   and ($4::timestamptz is null or created_at >= $4) and ($5::timestamptz is null or created_at < $5)
   and ($6::uuid is null or id < $6)
 order by id desc limit $7
"""

BY_REFERENCE = """
select tenant_id, booking_id, id as payment_id from payments
 where provider = $1 and account = $2 and provider_ref = $3
"""

OF_TRANSFER = """
select id from payments
 where tenant_id = $1 and provider = 'bank' and account = $2 and checkout -> 'transfer' ->> 'reference' = $3
"""

BY_CHARGE = """
select tenant_id, payment_id from payment_operations
 where provider = $1 and account = $2 and kind = 'captured' and operation = $3
 union
select tenant_id, id from payments where provider = $1 and account = $2 and provider_ref = $3
"""

# What is known of a payment, and of its booking's payments together.
REPORT = """
select p.id, p.status, coalesce(p.captured_currency, p.currency) as currency, p.amount_minor,
       p.captured_minor, p.decline_code,
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


class Payment(NamedTuple):
    """One attempt as it stands; `checkout` is where or with what to pay, once the provider has answered;
    `dispute` how far the payer's bank has come that wants the money back; `portions` to whom it goes at the
    provider, once that is decided.
    """

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
    captured_currency: str
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
    dispute: DisputeState | None
    portions: tuple[Portion, ...] | None


class Address(NamedTuple):
    """Whose payment it is."""

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId


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


async def of_transfer(
    connection: Connection, tenant_id: TenantId, account: str, reference: str
) -> Payment | None:
    """Find the payment whose bank transfer names this reference."""
    found = await connection.fetchval(OF_TRANSFER, tenant_id, account, reference)
    return await find(connection, tenant_id, found) if found else None


async def by_reference(
    connection: Connection, provider: str, account: str, provider_ref: str
) -> Address | None:
    """Find whose payment a provider's reference is, in the relay's transaction `across(shown=reference)`."""
    row = await connection.fetchrow(BY_REFERENCE, provider, account, provider_ref)
    return Address(**row) if row else None


async def by_charge(
    connection: Connection, provider: str, account: str, charge: str
) -> tuple[TenantId, PaymentId] | None:
    """Find whose payment a charge is, named by itself or by the payment's own reference, in the relay's
    transaction `across(shown=charge)`.
    """
    row = await connection.fetchrow(BY_CHARGE, provider, account, charge)
    return (row["tenant_id"], row["payment_id"]) if row else None


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


def _payment(row: Record) -> Payment:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    checkout, status, risk = columns.pop("checkout"), columns.pop("status"), columns.pop("risk_result")
    dispute, portions = columns.pop("dispute"), columns.pop("portions")
    return Payment(
        **columns,
        portions=split.read(portions),
        amount=amount,
        status=PaymentStatus(status),
        checkout=Checkout.model_validate(checkout) if checkout else None,
        risk_result=RiskResult(risk) if risk else None,
        dispute=DisputeState(dispute) if dispute else None,
    )
