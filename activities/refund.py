"""Giving money back: written down first, then asked for at the provider, once, whatever happens in between.

Whoever asks again looks first for what an earlier call has left, and asks under the key
`<refund id>:refund:<n>` where that is nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities.checkout import gateway_of
from db.payment import fold
from db.refund import intent, outcome, read as refunds
from db.refund.read import Refund
from db.session import Connection, Database
from domain.bank import BANK
from domain.payment import PaymentFact
from domain.refund import (
    LONG,
    NOTHING_LEFT,
    Hindrance,
    RefundPayment,
    RefundReport,
    RefundRequest,
    RefundStatus,
)
from providers import gateway as provider
from providers.gateway import (
    Gateway,
    Gateways,
    GatewayTrouble,
    NeedsFunds,
    RefundAnswer,
    Refused,
    StateConflict,
)
from workflows import steps

log = structlog.get_logger(__name__)

# What the provider says of a refund, in the words of its row: who has taken it is at work on it.
STANDS = {
    provider.RefundStatus.PENDING: RefundStatus.PROCESSING,
    provider.RefundStatus.COMPLETED: RefundStatus.COMPLETED,
    provider.RefundStatus.FAILED: RefundStatus.FAILED,
}


class RefundActivities:
    """Gives money back, as the payment role."""

    def __init__(self, payment: Database, gateways: Gateways) -> None:
        self._payment, self._gateways = payment, gateways

    @activity.defn(name=steps.open_refund.name)
    async def open_refund(self, ask: RefundPayment) -> RefundReport:
        """Write down that money goes back; a repeat gives the same. Refuses ExceedsCaptured."""
        async with self._payment.tenant(ask.tenant_id) as connection:
            return (await intent.ask(connection, ask)).report

    @activity.defn(name=steps.refund_payment.name)
    async def refund_payment(self, ask: RefundRequest) -> RefundReport:
        """See to it that the provider has the refund, and write how it stands there. Refuses Unknown."""
        async with self._payment.tenant(ask.tenant_id) as connection:
            row = await refunds.find(connection, ask.tenant_id, ask.refund_id)
        if row.status is not RefundStatus.FAILED:
            await self._move_on(ask, row)
        async with self._payment.tenant(ask.tenant_id) as connection:
            return await self._judged(connection, ask)

    async def _move_on(self, ask: RefundRequest, row: Refund) -> None:
        try:
            gateway = gateway_of(self._gateways, row.provider, row.account)
            answer = await self._there(gateway, row) or await self._given(gateway, ask, row)
        except NeedsFunds:
            await self._hindered(ask, Hindrance.NEEDS_FUNDS)
        except Refused:
            await self._refused(ask, row)
        except StateConflict as no:
            await self._impossible(ask, row, no)
        else:
            async with self._payment.tenant(ask.tenant_id) as connection:
                await outcome.answered(
                    connection,
                    ask.tenant_id,
                    row.id,
                    status=STANDS[answer.status],
                    provider_ref=answer.provider_ref,
                )

    async def _there(self, gateway: Gateway, row: Refund) -> RefundAnswer | None:
        """Look for what an earlier call has left at the provider; what it took and hides is on its way."""
        if row.payment_ref is None:
            raise Refused("never_paid")
        if not row.calls:
            return None
        found = await gateway.find_refund(row.payment_ref, refund_id=str(row.id))
        if found is None and row.provider_ref is not None:
            taken = provider.RefundStatus.PENDING
            return RefundAnswer(provider_ref=row.provider_ref, status=taken, amount=row.amount)
        return found

    async def _given(self, gateway: Gateway, ask: RefundRequest, row: Refund) -> RefundAnswer:
        async with self._payment.tenant(ask.tenant_id) as connection:
            n = await intent.next_key(connection, ask.tenant_id, row.id)
        return await gateway.refund(
            row.payment_ref or "",
            row.amount,
            refund_id=str(row.id),
            op_key=f"{row.id}:refund:{n}",
            portions=row.portions,
        )

    async def _hindered(self, ask: RefundRequest, why: Hindrance) -> None:
        async with self._payment.tenant(ask.tenant_id) as connection:
            await outcome.hindered(connection, ask.tenant_id, ask.refund_id, why)

    async def _refused(self, ask: RefundRequest, row: Refund) -> None:
        """A key may be wrong, or an account shut: later. But what has gone back otherwise never will."""
        facts = await self._learned(row)
        async with self._payment.tenant(ask.tenant_id) as connection:
            await fold.record(connection, ask.tenant_id, row.payment_id, facts)
            gone = await refunds.exceeds(connection, ask.tenant_id, row)
            if gone:
                await self._failed(connection, ask, NOTHING_LEFT)
            else:
                await outcome.hindered(connection, ask.tenant_id, row.id, Hindrance.PROVIDER_REFUSES)

    async def _learned(self, row: Refund) -> Sequence[PaymentFact]:
        """Ask what has become of the payment meanwhile; nothing from who refuses that as well."""
        try:
            gateway = gateway_of(self._gateways, row.provider, row.account)
            return await gateway.fetch(row.payment_id, row.payment_ref) if row.payment_ref else ()
        except GatewayTrouble:
            return ()

    async def _impossible(self, ask: RefundRequest, row: Refund, no: StateConflict) -> None:
        """Learn what has become of the payment meanwhile; this refund of it has failed."""
        gateway = gateway_of(self._gateways, row.provider, row.account)
        facts = await gateway.fetch(row.payment_id, row.payment_ref or "")
        async with self._payment.tenant(ask.tenant_id) as connection:
            await fold.record(connection, ask.tenant_id, row.payment_id, facts)
            gone = await refunds.exceeds(connection, ask.tenant_id, row)
            await self._failed(connection, ask, NOTHING_LEFT if gone else no.reason)

    async def _failed(self, connection: Connection, ask: RefundRequest, code: str) -> None:
        await outcome.answered(
            connection, ask.tenant_id, ask.refund_id, status=RefundStatus.FAILED, failure_code=code
        )

    async def _judged(self, connection: Connection, ask: RefundRequest) -> RefundReport:
        """Give how it stands, and say when a person has to look at it."""
        row = await refunds.find(connection, ask.tenant_id, ask.refund_id)
        now = datetime.now(UTC)  # noqa: TID251 - an activity is where the clock is read
        left = await refunds.left(connection, ask.tenant_id, row.payment_id)
        cause = _needs_person(row, now, left=left)
        if cause and await outcome.needs_person(connection, ask.tenant_id, row, cause=cause):
            log.error("a refund needs a person", refund_id=str(row.id), cause=cause)
        return row.report.model_copy(update={"attention": cause})


def _needs_person(row: Refund, now: datetime, *, left: int) -> str:
    """Say, in a word, why a person has to look at a refund, if one has to; `left` is what we still keep of
    its payment.
    """
    if row.hindrance is not None:
        return row.hindrance.value
    if row.failure_code == NOTHING_LEFT:
        return "less_is_left" if left > 0 else ""
    if row.status is RefundStatus.FAILED:
        return "sent_back_twice" if row.retry_of else ""
    if row.provider == BANK and not row.status.is_final:
        return "owed_by_transfer"
    return "takes_long" if not row.status.is_final and now - row.created_at > LONG else ""
