"""What can be bought: offers, their variants (what is priced) and slots (when it takes place and how many
places there are).
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from domain.consent import ConsentText
from domain.ids import CounterId, OfferId, SlotId, TenantId, VariantId
from domain.money import Money
from domain.passenger import PassengerRule
from domain.split import WHOLE, Share
from domain.value import Value


class SaleStatus(StrEnum):
    """Whether something may be sold (state machine 3.5); buying is allowed in `live` only."""

    DRAFT = "draft"
    LIVE = "live"
    SOLD_OUT = "sold_out"
    HIDDEN = "hidden"


# What buyers see; the rest is not there for them.
SHOWN = frozenset({SaleStatus.LIVE, SaleStatus.SOLD_OUT})


class Capture(StrEnum):
    """When an authorised payment is taken: with the authorisation, or only once a partner or reviewer has
    accepted.
    """

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class SalesTerms(Value):
    """The terms an offer is sold under; a booking freezes them as they were when it was accepted.

    `hold_seconds` is the time to pay. `deposit_percent` (1–100) of the total confirms the booking; `parts`
    allows to pay it in several payments. A partner who must accept has `partner_seconds` to do so.
    Before paying a buyer says who travels (`passengers`), agrees to the texts of `consents`, and gives a
    `billing_address` where it is asked for. `refund_until_hours` before the start everything goes back,
    afterwards `late_refund_percent`. `shares` are the vendors' parts of the price, each vendor's once; the
    rest is the organizer's.
    """

    hold_seconds: int = Field(default=900, gt=0)
    payment_attempts: int = Field(default=5, gt=0)
    capture: Capture = Capture.AUTOMATIC
    deposit_percent: int = Field(default=100, ge=1, le=100)
    parts: bool = False
    partner_accepts: bool = False
    partner_seconds: int = Field(default=86_400, gt=0)
    passengers: PassengerRule = PassengerRule.NOBODY
    consents: tuple[ConsentText, ...] = ()
    billing_address: bool = False
    refund_until_hours: int = Field(default=24, ge=0)
    late_refund_percent: int = Field(default=0, ge=0, le=100)
    shares: tuple[Share, ...] = ()

    @model_validator(mode="after")
    def divides(self) -> Self:
        """Refuse shares that are more than there is, or two of one vendor."""
        vendors = [share.vendor for share in self.shares]
        if len({*vendors}) != len(vendors) or sum(share.basis_points for share in self.shares) > WHOLE:
            raise ValueError("vendors share no more than the price, each once")
        return self

    @property
    def partner_within(self) -> timedelta | None:
        """How long a partner has to accept; nothing where a booking is confirmed at once."""
        return timedelta(seconds=self.partner_seconds) if self.partner_accepts else None

    @property
    def authorises_first(self) -> bool:
        """Whether the money is only taken once everybody has accepted."""
        return self.capture is Capture.MANUAL or self.partner_accepts


class Variant(Value):
    """What is priced: a ticket type, a fare class.

    `quota_id` names the counter it shares, if it has a quota of its own.
    """

    id: VariantId
    offer_id: OfferId
    name: str
    price: Money
    status: SaleStatus = SaleStatus.LIVE
    min_quantity: int = 1
    max_quantity: int = 10
    quota_id: CounterId | None = None


class Slot(Value):
    """A dated unit of capacity. Instants are UTC and half-open; `zone` is the venue's IANA zone, used to show
    and to reckon local days.

    Sales are open in [`sales_from`, `sales_until`). The slot's own counter has the slot's id.
    """

    id: SlotId
    offer_id: OfferId
    starts_at: datetime
    ends_at: datetime
    zone: str
    sales_from: datetime | None = None
    sales_until: datetime
    status: SaleStatus = SaleStatus.LIVE

    def on_sale(self, now: datetime) -> bool:
        """Say whether a place of this slot may be sold at `now`."""
        return (
            self.status is SaleStatus.LIVE
            and (self.sales_from is None or self.sales_from <= now)
            and now < self.sales_until
        )


class Offer(Value):
    """What is bookable: a tour, a museum, a festival. One currency per offer."""

    id: OfferId
    tenant_id: TenantId
    name: str
    description: str = ""
    currency: str
    terms: SalesTerms = SalesTerms()
    status: SaleStatus = SaleStatus.LIVE
