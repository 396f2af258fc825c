"""Our references at Adyen: signed with every notification, so that each finds its owner.

    <payment id>[:hold]                  of a payment; with `hold` the money is only authorised at first
    <payment id>:capture | :void
    <payment id>:refund:<refund id>

At most 80 characters. Whether an authorisation has taken the money already is said here and nowhere else that
is signed.
"""

from typing import NamedTuple
from uuid import UUID

from domain.ids import PaymentId, RefundId

HOLD, REFUND = "hold", "refund"


class Reference(NamedTuple):
    """A reference, read: `refund_id` of a refund that is ours."""

    payment_id: PaymentId
    holds: bool = False
    refund_id: RefundId | None = None


def of_payment(payment_id: PaymentId, *, holds: bool) -> str:
    """Name a payment."""
    return f"{payment_id}:{HOLD}" if holds else str(payment_id)


def of_refund(payment_id: PaymentId, refund_id: str) -> str:
    """Name a refund."""
    return f"{payment_id}:{REFUND}:{refund_id}"


def read(text: object) -> Reference | None:
    """Read a reference; nothing for one that is not ours."""
    payment, _, rest = str(text).partition(":")
    payment_id = _uuid(payment)
    if payment_id is None:
        return None
    what, _, which = rest.partition(":")
    refund = _uuid(which) if what == REFUND else None
    return Reference(PaymentId(payment_id), what == HOLD, None if refund is None else RefundId(refund))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
