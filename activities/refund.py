"""Giving money back: one refund under its own id, whatever happens in between."""

from temporalio import activity

from activities.payment import gateway_of, number_of_key
from db import refund as refunds
from db.refund import Refund
from db.session import Database
from domain.payment import Refunded, RefundPayment
from providers.gateway import Gateways, RefundAnswer, RefundStatus, Refused
from workflows import steps

# What the provider says of a refund, in the words of its row: who has taken it is at work on it.
STANDS = {
    RefundStatus.PENDING: "processing",
    RefundStatus.COMPLETED: "completed",
    RefundStatus.FAILED: "failed",
}


class RefundActivities:
    """Gives money back, as the payment role."""

    def __init__(self, payment: Database, gateways: Gateways) -> None:
        self._payment, self._gateways = payment, gateways

    @activity.defn(name=steps.refund_payment.name)
    async def refund_payment(self, ask: RefundPayment) -> Refunded:
        """Give `amount` back once; who asks again looks first if it was done. Refuses ProviderRefused."""
        async with self._payment.tenant(ask.tenant_id) as connection:
            row = await refunds.ask(connection, ask)
            if row.provider_ref is not None:
                return Refunded(amount=row.amount, final=row.status == "completed")
            calls = await refunds.count_call(connection, ask.tenant_id, row.id)
        answer = await self._give(row, calls)
        async with self._payment.tenant(ask.tenant_id) as connection:
            await refunds.answered(
                connection,
                ask.tenant_id,
                row.id,
                provider_ref=answer.provider_ref,
                status=STANDS[answer.status],
            )
        if answer.status is RefundStatus.FAILED:
            raise Refused("refund_failed")
        return Refunded(amount=answer.amount, final=answer.status is RefundStatus.COMPLETED)

    async def _give(self, row: Refund, calls: int) -> RefundAnswer:
        gateway = gateway_of(self._gateways, row.provider, row.account)
        if row.payment_ref is None:
            raise Refused("never_paid")
        given = await gateway.find_refund(row.payment_ref, refund_id=str(row.id)) if calls > 1 else None
        if given is not None:
            return given
        op_key = f"{row.id}:refund:{number_of_key(calls)}"
        return await gateway.refund(row.payment_ref, row.amount, refund_id=str(row.id), op_key=op_key)
