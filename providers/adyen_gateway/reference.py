"""Our references at Adyen: signed with every notification, so that each finds its owner.

    <payment id>[:hold]                  of a payment; with `hold` the money is only authorised at first
    <payment id>:capture:<n>             of a capture: the key that it was asked for with
    <payment id>:void
    <payment id>:refund:<refund id>
    <payment id>:split[:<vendor>]        of a portion; without a vendor ours
    payout:<payout id>                   of a payout
    <payment id>/<Adyen's reference>     of a dispute: ours alone, Adyen never sees it

At most 80 characters. Whether an authorisation has taken the money already is said here and nowhere else that
is signed.
"""

from typing import NamedTuple
from uuid import UUID

from domain.ids import PaymentId, RefundId
from providers.gateway import NotFound

HOLD, CAPTURE, REFUND, PAYOUT = "hold", "capture", "refund", "payout"


class Reference(NamedTuple):
    """A reference, read: of a payment that `holds` the money first; `refund_id` of a refund that is ours."""

    payment_id: PaymentId
    holds: bool = False
    refund_id: RefundId | None = None


def of_payment(payment_id: PaymentId, *, holds: bool) -> str:
    """Name a payment."""
    return f"{payment_id}:{HOLD}" if holds else str(payment_id)


def of_refund(payment_id: PaymentId, refund_id: str) -> str:
    """Name a refund."""
    return f"{payment_id}:{REFUND}:{refund_id}"


def of_portion(payment_id: PaymentId, vendor: str | None) -> str:
    """Name a portion of a payment, and of its refunds."""
    return ":".join(filter(None, (str(payment_id), "split", vendor)))


def of_payout(payout_id: str) -> str:
    """Name a payout."""
    return f"{PAYOUT}:{payout_id}"


def read_payout(text: object) -> str | None:
    """Read our id of a payout; nothing for a transfer that is not ours."""
    what, _, which = str(text).partition(":")
    return which if what == PAYOUT and which else None


def of_dispute(payment_id: PaymentId, psp: str) -> str:
    """Name a dispute, so that it is found with its payment."""
    return f"{payment_id}/{psp}"


def read_dispute(text: str) -> tuple[PaymentId, str]:
    """Read whose dispute it is, and Adyen's reference of it. Raises NotFound for what is none of ours."""
    payment, _, psp = text.partition("/")
    return of_ours(payment), psp


def of_ours(text: str) -> PaymentId:
    """Read which payment a provider's reference is. Raises NotFound for what is none of ours."""
    payment_id = _uuid(text)
    if payment_id is None:
        raise NotFound("not_ours")
    return PaymentId(payment_id)


def read(text: object) -> Reference | None:
    """Read a reference; nothing for one that is not ours."""
    payment, _, rest = str(text).partition(":")
    payment_id = _uuid(payment)
    if payment_id is None:
        return None
    what, _, which = rest.partition(":")
    refund = _uuid(which) if what == REFUND else None
    holds = what in (HOLD, CAPTURE)
    return Reference(PaymentId(payment_id), holds, None if refund is None else RefundId(refund))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
