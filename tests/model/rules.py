"""What a small shop does, said as briefly as can be: what the real statements are held against."""

from dataclasses import dataclass, field
from enum import StrEnum

from domain.booking import ENDED, BookingStatus
from domain.ids import BookingId, PaymentId
from domain.inventory import HoldStatus

OVER = {*ENDED, BookingStatus.REFUNDING}


class Time(StrEnum):
    """Where a booking's hold stands: may be paid, is kept a grace longer, may be taken by anybody."""

    IN_TIME = "in time"
    KEPT = "kept"
    OVERDUE = "overdue"


@dataclass
class Sale:
    """One booking."""

    id: BookingId
    places: int
    status: BookingStatus = BookingStatus.HELD
    hold: HoldStatus = HoldStatus.ACTIVE
    time: Time = Time.IN_TIME
    captured: dict[PaymentId, bool] = field(default_factory=dict)
    verdicts: dict[PaymentId, str] = field(default_factory=dict)
    paid_by: PaymentId | None = None

    @property
    def over(self) -> bool:
        """Say whether it has ended, one way or the other."""
        return self.status in OVER or self.status is BookingStatus.CONFIRMED


@dataclass
class Model:
    """A slot with so many places. Each deed answers what the product should: a word, or a refusal's name."""

    capacity: int
    sales: dict[BookingId, Sale] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """How many places are held."""
        return self._places(HoldStatus.ACTIVE)

    @property
    def sold(self) -> int:
        """How many places are sold."""
        return self._places(HoldStatus.PURCHASED)

    def take(self, places: int) -> bool:
        """Make room for so many places, from what is overdue if that helps; says whether there is room."""
        if self.capacity - self.held - self.sold < places:
            late = [each for each in self.sales.values() if self._is_overdue(each)]
            if self.capacity - self.held - self.sold + sum(each.places for each in late) < places:
                return False
            for each in late:
                each.hold = HoldStatus.EXPIRED
        return True

    def adopt(self, sale: Sale) -> str:
        """Ask for a booking's hold."""
        if sale.status in OVER:
            return "BookingEnded"
        gone = sale.hold is HoldStatus.EXPIRED or sale.time is Time.OVERDUE
        unpaid = not sale.captured and sale.status is not BookingStatus.CONFIRMED
        return "HoldEnded" if gone and unpaid else "held"

    def begin_to_pay(self, sale: Sale, payment: PaymentId) -> str:
        """Keep the places for a payment."""
        if sale.over:
            return "BookingEnded"
        if sale.hold is not HoldStatus.ACTIVE or sale.time is not Time.IN_TIME:
            return "HoldEnded"
        sale.status = BookingStatus.AWAITING_PAYMENT
        sale.captured[payment] = False
        return "kept"

    def confirm(self, sale: Sale) -> str:
        """Cross the pivot."""
        if sale.status in OVER:
            return "BookingEnded"
        if sale.status is not BookingStatus.CONFIRMED:
            if not any(sale.captured.values()):
                return "PaymentNotCompleted"
            if not self._buy(sale):
                return "SoldOut"
        return "confirmed"

    def end(self, sale: Sale, status: BookingStatus) -> str:
        """Give the places back and end it so, if it has not ended otherwise."""
        if sale.hold is HoldStatus.ACTIVE:
            sale.hold = HoldStatus.RELEASED if sale.time is Time.IN_TIME else HoldStatus.EXPIRED
        if not sale.over:
            sale.status = status
        return sale.status.value

    def settle(self, sale: Sale, payment: PaymentId) -> str:
        """Say what late money becomes; the first word over a payment stays."""
        if payment not in sale.verdicts:
            sale.verdicts[payment] = self._verdict(sale, payment)
        return sale.verdicts[payment]

    def _verdict(self, sale: Sale, payment: PaymentId) -> str:
        if sale.paid_by == payment:
            return "confirmed"
        if sale.status is BookingStatus.CONFIRMED:
            return "already_paid"
        late = sale.status in (BookingStatus.EXPIRED, BookingStatus.FAILED)
        if late and self._buy(sale, first=payment):
            return "confirmed"
        sale.status = BookingStatus.REFUNDING
        return "sold_out" if late else "booking_ended"

    def _buy(self, sale: Sale, first: PaymentId | None = None) -> bool:
        if sale.hold is not HoldStatus.ACTIVE and not self.take(sale.places):
            return False
        sale.hold, sale.status = HoldStatus.PURCHASED, BookingStatus.CONFIRMED
        sale.paid_by = first or next(payment for payment, paid in sale.captured.items() if paid)
        return True

    def _places(self, status: HoldStatus) -> int:
        return sum(each.places for each in self.sales.values() if each.hold is status)

    def _is_overdue(self, sale: Sale) -> bool:
        return sale.hold is HoldStatus.ACTIVE and sale.time is Time.OVERDUE
