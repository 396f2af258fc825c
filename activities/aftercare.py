"""What happens to money whose booking has ended: whoever settles it is told, and the verdict is written."""

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.teller import Teller
from db.booking import confirm, end
from db.refund import outcome, read as refunds
from db.session import Database
from domain.aftercare import AftercareRequest, HandOver, LateMoney, Settled
from workflows import steps


class AftercareActivities:
    """Hands over, judges and concludes, as the booking role; what it has concluded of refunds it notes as the
    payment role.
    """

    def __init__(self, app: Database, payment: Database, teller: Teller) -> None:
        self._app, self._payment, self._teller = app, payment, teller

    @activity.defn(name=steps.hand_over.name)
    async def hand_over(self, ask: HandOver) -> None:
        """Tell the aftercare of the fact's payment; twice is once."""
        request = AftercareRequest(
            tenant_id=ask.tenant_id,
            booking_id=ask.booking_id,
            payment_id=ask.fact.payment_id,
            reference=ask.reference,
        )
        await self._teller.after(ask.fact, request)

    @activity.defn(name=steps.settle_late_money.name)
    async def settle_late_money(self, ask: LateMoney) -> Settled:
        """Take the places again and confirm, or say why the money goes back. A repeat gives the same.

        Not before the booking's own run is over: one that is being cancelled would be confirmed.
        """
        if await self._teller.owns(ask.booking_id):
            raise ApplicationError(
                "The booking's own run is open.",
                type="StillOwned",
                category=ApplicationErrorCategory.BENIGN,  # it only comes a little later
            )
        async with self._app.tenant(ask.tenant_id) as connection:
            return await confirm.settle_late_money(connection, ask)

    @activity.defn(name=steps.record_refund.name)
    async def record_refund(self, ask: LateMoney) -> None:
        """Owe the buyer a notice, and let a booking be refunded whose money has all gone back.

        Which refunds have ended is read first and noted last: who dies in between records them again.
        """
        async with self._app.tenant(ask.tenant_id) as connection:
            ended = await refunds.unrecorded(connection, ask.tenant_id, ask.payment_id)
            await end.record_refund(connection, ask)
        if ended:
            async with self._payment.tenant(ask.tenant_id) as connection:
                await outcome.recorded(connection, ask.tenant_id, ended)
