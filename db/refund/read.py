"""Reading refunds."""

from datetime import datetime
from typing import NamedTuple

from db import split
from db.session import Connection, Record
from domain.ids import BookingId, PaymentId, RefundId, TenantId
from domain.money import Money
from domain.refund import Hindrance, RefundReport, RefundRequest, RefundStatus
from domain.refusal import Unknown
from domain.split import Portion

LEFT = """
select p.captured_minor
     - coalesce(sum(r.amount_minor) filter (where r.status <> 'failed'), 0)::bigint
     - (select coalesce(sum(d.taken_minor), 0)::bigint
          from disputes d where d.tenant_id = p.tenant_id and d.payment_id = p.id) as minor
  from payments p left join refunds r on r.tenant_id = p.tenant_id and r.payment_id = p.id
 where p.tenant_id = $1 and p.id = $2 group by p.tenant_id, p.id
"""

ONE = """
select r.id, r.booking_id, r.payment_id, r.n, r.reference, r.original_ref, r.amount_minor, r.currency,
       r.status, r.cause, r.reason, r.initiated_by, r.retry_of, r.provider_ref, r.hindrance, r.failure_code,
       r.calls, r.portions, r.created_at, r.changed_at, r.processed_at, p.provider, p.account,
       p.provider_ref as payment_ref
  from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
 where r.tenant_id = $1 and r.id = $2
"""
OF_PAYMENT = """
select r.id, r.booking_id, r.payment_id, r.n, r.reference, r.original_ref, r.amount_minor, r.currency,
       r.status, r.cause, r.reason, r.initiated_by, r.retry_of, r.provider_ref, r.hindrance, r.failure_code,
       r.calls, r.portions, r.created_at, r.changed_at, r.processed_at, p.provider, p.account,
       p.provider_ref as payment_ref
  from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
 where r.tenant_id = $1 and r.payment_id = $2
 order by r.created_at, r.id
"""

COVERED = """
select coalesce(sum(amount_minor), 0)::bigint from refunds
 where tenant_id = $1 and payment_id = $2 and status <> 'failed'
"""


UNRECORDED = """
select id, status from refunds
 where tenant_id = $1 and payment_id = $2 and status in ('completed', 'failed') and recorded_at is null
"""


class Ended(NamedTuple):
    """How a refund has ended, as far as anybody knows today."""

    id: RefundId
    status: str


class Refund(NamedTuple):
    """A refund as it stands: `provider_ref` is the provider's reference, `payment_ref` its payment's, as it
    was when the refund was asked for in `original_ref`. `n` is none for the provider's own; `portions` say
    who gives it, of a payment that was divided.
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
    portions: tuple[Portion, ...]
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


async def find(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> Refund:
    """Find a refund. Refuses Unknown."""
    row = await connection.fetchrow(ONE, tenant_id, refund_id)
    if row is None:
        raise Unknown("There is no such refund.")
    return _refund(row)


async def of_payment(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> list[Refund]:
    """List the refunds of a payment, the first first."""
    return [_refund(row) for row in await connection.fetch(OF_PAYMENT, tenant_id, payment_id)]


async def unrecorded(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> list[Ended]:
    """List the refunds of a payment that have ended, and of which nobody has noted that the booking knows."""
    return [Ended(**row) for row in await connection.fetch(UNRECORDED, tenant_id, payment_id)]


async def covers(connection: Connection, tenant_id: TenantId, payment_id: PaymentId, minor: int) -> bool:
    """Say whether our refunds of a payment account for all that went back of it, as a provider adds it up."""
    return bool(await connection.fetchval(COVERED, tenant_id, payment_id) >= minor)


async def left(connection: Connection, tenant_id: TenantId, payment_id: PaymentId) -> int:
    """Reckon what is left of a payment, in minor units, when all that is on its way has gone back; what a
    dispute has taken is gone.
    """
    minor: int | None = await connection.fetchval(LEFT, tenant_id, payment_id)
    return minor or 0


async def exceeds(connection: Connection, tenant_id: TenantId, refund: Refund) -> bool:
    """Say whether a refund cannot be taken because more of its payment has gone back without us."""
    return await left(connection, tenant_id, refund.payment_id) < 0


def _refund(row: Record) -> Refund:
    columns = dict(row)
    amount = Money(minor=columns.pop("amount_minor"), currency=columns.pop("currency"))
    status, hindrance = RefundStatus(columns.pop("status")), columns.pop("hindrance")
    return Refund(
        **{**columns, "portions": split.read(columns["portions"]) or ()},
        amount=amount,
        status=status,
        hindrance=Hindrance(hindrance) if hindrance else None,
    )
