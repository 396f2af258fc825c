"""The ends of a booking, and what late money becomes."""

from functools import partial

from db.booking import confirm as pivot, end
from domain.aftercare import HandOver, LateMoney, Settled, Settlement
from domain.booking import (
    OPEN,
    BookingStatus,
    ConfirmBooking,
    Confirmed,
    EndBooking,
    Ended,
    EndReason,
    Trigger,
    sources,
    without_a_run,
)
from domain.inventory import HoldPlaces, HoldStatus
from domain.notice import NoticeKind
from domain.payment import PaymentStatus
from domain.refund import RefundStatus
from domain.refusal import BookingEnded, IllegalMove, NotOnSale, PaymentNotCompleted
from domain.settlement import Consequence, News, Standing, consequence
from tests.simulation.step import Outage
from tests.simulation.world.inventory import OVER, Inventory
from tests.simulation.world.rows import Booking, Payment, Rows, care


class Bookings:
    """How bookings end."""

    def __init__(self, rows: Rows, inventory: Inventory) -> None:
        self._rows, self._inventory = rows, inventory

    def confirm_booking(self, ask: ConfirmBooking) -> Confirmed:
        """Cross the pivot."""
        booking = self._rows.bookings[ask.booking_id]
        if booking.status is BookingStatus.CONFIRMED:
            return Confirmed(tickets=booking.tickets)
        if booking.status in OVER:
            raise BookingEnded("ended", status=booking.status.value)
        _check_paid(booking)
        return self._cross(booking, pivot.ON_TIME if booking.due.minor else pivot.FREE)

    def end_booking(self, ask: EndBooking) -> Ended:
        """Write the end."""
        booking = self._rows.bookings[ask.booking_id]
        target = end.MOVES[ask.reason].get(booking.status.value)
        if target is None:
            if booking.status in OPEN:
                raise IllegalMove("This booking cannot end so.", status=booking.status.value)
            return Ended(status=booking.status)
        self._rows.move(booking, [booking.status.value], BookingStatus(target))
        booking.cause = ask.cause
        if booking.status in end.NOTICES:
            self._rows.owe(booking, end.NOTICES[booking.status])
        self._refunded(booking)
        return Ended(status=booking.status)

    def hand_over(self, ask: HandOver) -> None:
        """Tell the aftercare."""
        booking = self._rows.bookings[ask.booking_id]
        self._rows.teller.aftercare(ask.fact, care(booking, ask.fact.payment_id))

    def settle_late_money(self, ask: LateMoney) -> Settled:
        """Take the places again, or say why the money goes back."""
        if self._rows.teller.owns(ask.booking_id):
            raise Outage("the booking's own run is open")
        key = f"settle_late_money:{ask.payment_id}"
        if key not in self._rows.answers:
            payment = self._rows.payment(ask.payment_id, ask.booking_id)
            self._rows.answers[key] = self._settled(payment)
        answer: Settled = self._rows.answers[key]
        return answer

    def record_refund(self, ask: LateMoney) -> None:
        """Say what the refunds mean for the booking."""
        booking = self._rows.bookings[ask.booking_id]
        refunds = [refund for payment in booking.payments for refund in payment.refunds.values()]
        for version, refund in enumerate(refunds, 1):
            mine = refund.id in self._rows.payments[ask.payment_id].refunds
            if mine and refund.ref is not None and refund.status is not RefundStatus.FAILED:
                self._rows.owe(booking, NoticeKind.PAYMENT_REFUNDED, version)
        self._refunded(booking)

    def _settled(self, payment: Payment) -> Settled:
        booking, settled = payment.booking, self._verdict(payment)
        if settled.settlement is Settlement.REFUND and settled.cause != pivot.ALREADY_PAID:
            self._end_lost(booking, settled.cause)
            if booking.status.value in pivot.UNPAID_ENDS:
                self._rows.move(booking, pivot.UNPAID_ENDS, BookingStatus.REFUNDING)
        return settled

    def _end_lost(self, booking: Booking, cause: str) -> None:
        """End a booking that is open though its run is lost."""
        ids = {"tenant_id": booking.request.tenant_id, "booking_id": booking.id}
        if booking.status in OPEN:
            self._inventory.release_places(HoldPlaces(**ids))
            self.end_booking(EndBooking(**ids, reason=EndReason.EXPIRED, cause=cause))

    def _verdict(self, payment: Payment) -> Settled:
        booking, refund = payment.booking, partial(Settled, settlement=Settlement.REFUND)
        if f"paid_by:{payment.id}" in self._rows.answers:
            return Settled(settlement=Settlement.CONFIRMED)
        standing = without_a_run(booking.status)
        news = News.SECOND if standing is Standing.PURCHASED else News.SUCCESS
        news = news if payment.counts else News.CONFLICTED
        if consequence(news, standing) is Consequence.REFUND:
            return refund(cause=pivot.CAUSES[news])
        if booking.cause in pivot.NOT_ACCEPTED:
            return refund(cause=booking.cause)
        try:
            _check_paid(booking)
            if booking.status.value in pivot.LATE:
                self._rows.check_on_sale()
            self._cross(booking, pivot.LATE + pivot.LOST)
        except (NotOnSale, PaymentNotCompleted) as no:
            return refund(cause=no.code)
        return Settled(settlement=Settlement.CONFIRMED)

    def _cross(self, booking: Booking, allowed: list[str]) -> Confirmed:
        if booking.status.value not in allowed:
            raise IllegalMove("This booking has moved on.", status=booking.status.value)
        if booking.holds[-1].status is not HoldStatus.ACTIVE:
            self._inventory.take(booking, None)
        booking.holds[-1].status = HoldStatus.PURCHASED
        booking.status, booking.tickets = BookingStatus.CONFIRMED, 1
        booking.confirmations += 1
        reached = 0
        for payment in _captured(booking):
            if payment.kept and reached < booking.due.minor:
                reached += payment.kept
                self._rows.answers[f"paid_by:{payment.id}"] = True
        self._rows.owe(booking, NoticeKind.BOOKING_CONFIRMED)
        return Confirmed(tickets=booking.tickets)

    def _refunded(self, booking: Booking) -> None:
        """Let a booking be refunded once nothing of its money is with us, and nothing on its way."""
        refunds = [refund for payment in booking.payments for refund in payment.refunds.values()]
        done = all(refund.status.is_final for refund in refunds)
        left = any(payment.kept for payment in booking.payments)
        if booking.status is BookingStatus.REFUNDING and done and not left:
            self._rows.move(booking, sources(Trigger.REFUND_DONE), BookingStatus.REFUNDED)


def _check_paid(booking: Booking) -> None:
    if sum(payment.kept for payment in _captured(booking)) < booking.due.minor:
        raise PaymentNotCompleted("Less has been paid than is due.")


def _captured(booking: Booking) -> list[Payment]:
    return [each for each in booking.payments if each.state.status is PaymentStatus.CAPTURED]
