"""Places: how many a booking wants of which counters, and what it holds.

A counter (`capacity`, `held`, `sold`, never more than capacity in sum) stands behind each slot and behind
each variant with a quota of its own. A hold claims places of all its counters or of none.

    active → purchased   the booking was confirmed
    active → expired     its time was over
    active → released    given back by a call
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from domain.catalog import Slot, Variant
from domain.ids import BookingId, CounterId, PaymentId, TenantId, VariantId
from domain.money import Money
from domain.pricing import Line
from domain.value import Value


class HoldStatus(StrEnum):
    """Where a hold stands; nothing leaves an end state; late money takes a new hold, number n + 1."""

    ACTIVE = "active"
    PURCHASED = "purchased"
    EXPIRED = "expired"
    RELEASED = "released"


class HoldPlaces(Value):
    """Ask for the places of an accepted booking."""

    tenant_id: TenantId
    booking_id: BookingId


class OpenPayment(Value):
    """A payment row that a run begun anew has to know of: it may be paid still, or has been."""

    payment_id: PaymentId
    amount: Money
    provider: str = ""
    account: str = ""
    manual: bool = False
    settles_within: timedelta | None = None
    review: bool = False


class Hold(Value):
    """What a booking holds. `left` is the time left to pay by the database's clock (none: no deadline,
    nothing is due); `expires_at` is what the buyer is told.

    `due` is what has to be paid until the booking can be confirmed, `total` what may be paid at most;
    `declines` and `open_payments` are what the rows know of earlier attempts.
    """

    left: timedelta | None
    expires_at: datetime | None
    due: Money
    total: Money
    declines: int = 0
    open_payments: tuple[OpenPayment, ...] = ()


class KeepPlaces(Value):
    """Ask to keep the places for `grace` behind the deadline, because a checkout is about to open or is still
    being decided.

    `payment_id` names the attempt: a repeat for the same payment gives the first answer; `again` counts the
    times a deadline was put off; then `settles_within` may keep them longer than the grace. `due` is what the
    payment was reckoned from: by now another amount may be due.
    """

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    grace: timedelta
    again: int = 0
    settles_within: timedelta | None = None
    due: Money | None = None


class Kept(Value):
    """The places are kept until `kept_until` (UTC); `left` until then, by the database's clock.

    From the first payment on the choice is final: `due` and `total` are what it came to.
    """

    left: timedelta
    kept_until: datetime
    due: Money | None = None
    total: Money | None = None


def places_wanted(
    lines: Iterable[Line], slot: Slot, variants: Mapping[VariantId, Variant]
) -> dict[CounterId, int]:
    """Reckon how many places the lines take of each counter: the slot's own and each variant's quota.

    In the order of the counters' ids (lock order).
    """
    wanted: dict[CounterId, int] = {}
    for line in lines:
        for counter in (CounterId(slot.id), variants[line.variant_id].quota_id):
            if counter is not None:
                wanted[counter] = wanted.get(counter, 0) + line.quantity
    return dict(sorted(wanted.items()))
