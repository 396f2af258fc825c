"""The steps on places."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from db.inventory.wait import FOR_JUDGE, STILL_OF_INTEREST
from domain.booking import ENDED, AskJudge, BookingStatus, Trigger, sources
from domain.inventory import Hold, HoldPlaces, HoldStatus, KeepPlaces, Kept, OpenPayment
from domain.money import zero
from domain.refusal import BookingEnded, HoldEnded, SoldOut
from tests.simulation.world.rows import Booking, HeldPlace, Rows, Violation

CLAIMS = (HoldStatus.ACTIVE, HoldStatus.PURCHASED)
OVER = ENDED | {BookingStatus.CANCELLING, BookingStatus.REFUNDING}


class Inventory:
    """Places of one slot."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @property
    def taken(self) -> int:
        """How many places are held or sold."""
        return sum(hold.status in CLAIMS for each in self._rows.bookings.values() for hold in each.holds)

    def place(self, booking: Booking) -> None:
        """Accept a booking as the door does, with its hold. Refuses SoldOut."""
        self.take(booking, booking.hold_for if booking.due.minor else None)
        booking.expires_at, booking.status = booking.holds[-1].expires_at, BookingStatus.HELD
        self._rows.bookings[booking.id] = booking

    def take(self, booking: Booking, hold_for: timedelta | None) -> None:
        """Take a place, from overdue holds if need be. Refuses SoldOut."""
        if self.taken >= self._rows.capacity:
            self._take_back()
        if self.taken >= self._rows.capacity:
            raise SoldOut("There are not enough places left.")
        until = None if hold_for is None else self._rows.clock.now + hold_for
        booking.holds.append(HeldPlace(until, until))

    def hold_places(self, ask: HoldPlaces) -> Hold:
        """Adopt the door's hold, or take one."""
        booking = self._rows.bookings[ask.booking_id]
        if booking.status in OVER:
            raise BookingEnded("ended", status=booking.status.value)
        if booking.status in (BookingStatus.PAID, BookingStatus.CONFIRMED):
            nothing = zero(booking.due.currency)
            return Hold(left=None, expires_at=booking.expires_at, due=nothing, total=nothing)
        if not booking.holds:
            self._rows.check_on_sale()
            self.take(booking, booking.hold_for if booking.due.minor else None)
            booking.expires_at = booking.holds[-1].expires_at
            self._rows.move(booking, sources(Trigger.PLACES_HELD), BookingStatus.HELD)
        hold = booking.holds[-1]
        answer = self._answer(booking)
        passed = hold.kept_until is not None and hold.kept_until < self._rows.clock.now
        if (hold.status is not HoldStatus.ACTIVE or passed) and not answer.open_payments:
            raise HoldEnded("The time to pay is over.")
        return answer

    def release_places(self, ask: HoldPlaces) -> None:
        """Give back what is held; by then nobody may be able to pay."""
        booking, now = self._rows.bookings[ask.booking_id], self._rows.clock.now
        for checkout in self._rows.open_checkouts(booking):
            raise Violation(f"places are given back, and {checkout.ref} can still be paid")
        for hold in booking.holds:
            if hold.status is HoldStatus.ACTIVE:
                over = hold.expires_at is not None and hold.expires_at <= now
                hold.status = HoldStatus.EXPIRED if over else HoldStatus.RELEASED

    def keep_places(self, ask: KeepPlaces) -> Kept:
        """Keep the place a grace longer."""

        def keep(booking: Booking) -> Kept:
            longer = ask.settles_within or timedelta(0)
            kept = self._keep(booking, ask.grace + longer, again=ask.again > 0)
            self._rows.move(booking, sources(Trigger.CHECKOUT_OPENED), BookingStatus.AWAITING_PAYMENT)
            return kept

        return self._once(f"keep_places:{ask.payment_id}:{ask.again}", ask.booking_id, keep)

    def ask_judge(self, ask: AskJudge) -> Kept:
        """Wait for whoever must accept."""

        def keep(booking: Booking) -> Kept:
            kept = self._keep(booking, ask.within + ask.grace, again=True)
            waits_in, from_states = FOR_JUDGE[ask.judge]
            self._rows.move(booking, from_states, waits_in)
            self._rows.teller.ask(booking.id, ask.judge)
            return kept

        return self._once(f"ask_judge:{ask.booking_id}:{ask.judge}", ask.booking_id, keep)

    def _take_back(self) -> None:
        for hold in (hold for other in self._rows.bookings.values() for hold in other.holds):
            overdue = hold.kept_until is not None and hold.kept_until < self._rows.clock.now
            if hold.status is HoldStatus.ACTIVE and overdue:
                hold.status = HoldStatus.EXPIRED

    def _answer(self, booking: Booking) -> Hold:
        now = self._rows.clock.now
        return Hold(
            left=None if booking.expires_at is None else max(timedelta(0), booking.expires_at - now),
            expires_at=booking.expires_at,
            due=booking.due,
            total=booking.total,
            declines=sum(len(each.state.declines) for each in booking.payments),
            open_payments=tuple(
                OpenPayment(**each.wish.model_dump(include=set(OpenPayment.model_fields)))
                for each in booking.payments
                if each.state.status.value in STILL_OF_INTEREST
            ),
        )

    def _keep(self, booking: Booking, longer: timedelta, *, again: bool) -> Kept:
        hold, now = booking.holds[-1], self._rows.clock.now
        in_time = hold.expires_at is None or hold.expires_at > now
        if booking.status in OVER:
            raise BookingEnded("ended", status=booking.status.value)
        if hold.status is not HoldStatus.ACTIVE or not (again or in_time):
            raise HoldEnded("The time to pay is over.")
        begins = now if again or hold.expires_at is None else hold.expires_at
        hold.kept_until = max(hold.kept_until or begins, begins + longer)
        left, until = hold.kept_until - now, hold.kept_until
        return Kept(left=left, kept_until=until, due=booking.due, total=booking.total)

    def _once(self, key: str, booking_id: UUID, keep: Callable[[Booking], Kept]) -> Kept:
        if key not in self._rows.answers:
            self._rows.answers[key] = keep(self._rows.bookings[booking_id])
        first: Kept = self._rows.answers[key]
        return first.model_copy(update={"left": first.kept_until - self._rows.clock.now})
