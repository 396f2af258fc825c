"""The two ends of a booking, each one transaction of our own database."""

from temporalio import activity

from db.booking import confirm, end
from db.session import Database
from domain.booking import ConfirmBooking, Confirmed, EndBooking, Ended
from workflows import steps


class BookingActivities:
    """Confirms or ends bookings, as the booking role."""

    def __init__(self, app: Database) -> None:
        self._app = app

    @activity.defn(name=steps.confirm_booking.name)
    async def confirm_booking(self, ask: ConfirmBooking) -> Confirmed:
        """Cross the pivot: places sold, tickets, books, feed, notices owed. A repeat gives the same.

        Refuses PaymentNotCompleted, SoldOut, HoldEnded, BookingEnded.
        """
        async with self._app.tenant(ask.tenant_id) as connection:
            return await confirm.confirm(connection, ask)

    @activity.defn(name=steps.end_booking.name)
    async def end_booking(self, ask: EndBooking) -> Ended:
        """Write how it ended, or learn how it had ended before."""
        async with self._app.tenant(ask.tenant_id) as connection:
            return await end.end_booking(connection, ask)
