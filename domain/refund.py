"""A refund: money of one payment on its way back, until the provider has said the last word.

    pending → processing → completed
    each of them → failed: a bank may send money back days after it had taken it

A refund waits (`Hindrance`) without changing its state. What failed is owed again: it is tried once more as a
refund of its own, then it is a person's. All refunds of a payment that have not failed never exceed what was
captured.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from domain.ids import BookingId, PaymentId, RefundId, TenantId
from domain.money import Money
from domain.value import Value


class RefundStatus(StrEnum):
    """Where a refund stands (state machine 3.3)."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Say whether the provider has said the last word, as far as anybody knows today."""
        return self in (RefundStatus.COMPLETED, RefundStatus.FAILED)


_S = RefundStatus

# Into each state, from where.
SOURCES: Mapping[RefundStatus, tuple[RefundStatus, ...]] = {
    _S.PENDING: (),
    _S.PROCESSING: (_S.PENDING,),
    _S.COMPLETED: (_S.PENDING, _S.PROCESSING),
    _S.FAILED: (_S.PENDING, _S.PROCESSING, _S.COMPLETED),
}


class Hindrance(StrEnum):
    """Why the provider does not take a refund now: we have too little money there, or it refuses us."""

    NEEDS_FUNDS = "needs_funds"
    PROVIDER_REFUSES = "provider_refuses"


# How long until the provider is asked again, unless it tells us before: quickly at first, then daily.
PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(days=1),
)
# Banks take up to ten days; whatever takes longer is looked at by a person.
LONG = timedelta(days=11)

# Why a refund failed when all of its payment had gone back already.
NOTHING_LEFT = "nothing_left"


class RefundPayment(Value):
    """Ask to give `amount` of a payment back (none: all that is left), as the refund `refund_id`.

    `cause` is a code; a person's words and name are written beside it, for they pass through no saga.
    `retry_of` is the failed refund that this one replaces.
    """

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    refund_id: RefundId
    amount: Money | None
    cause: str
    retry_of: RefundId | None = None


class RefundRequest(Value):
    """What a refund's run is started with, once its row is written; also how its steps are asked."""

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    refund_id: RefundId
    reference: str
    amount: Money


class RefundReport(Value):
    """What is known of a refund. `retry` says that it replaces one that failed, `attention` in a word why a
    person has to look at it.
    """

    refund_id: RefundId
    status: RefundStatus
    amount: Money
    cause: str
    retry: bool = False
    hindrance: Hindrance | None = None
    failure_code: str | None = None
    attention: str = ""


def pause(looks: int) -> timedelta:
    """Give how long to wait after the `looks`-th look (from 1) at a refund that is not final."""
    return PAUSES[min(looks, len(PAUSES)) - 1]


def standing_after(status: str, captured_minor: int, refunded_minor: int) -> str:
    """Derive what a payment is called once money went back: `partially_refunded` or `refunded`, else its
    own `status`, which is never overwritten.
    """
    if not refunded_minor or not captured_minor:
        return status
    return "refunded" if refunded_minor >= captured_minor else "partially_refunded"
