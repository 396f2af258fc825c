"""Follows disputes: the provider is asked, the payment role writes, the booking role closes the case."""

from temporalio import activity

from activities.checkout import gateway_of
from db import case, dispute as disputes
from db.session import Database
from domain.case import CaseKind
from domain.dispute import DisputeReport, DisputeRequest
from providers.dispute import Disputes
from providers.gateway import Gateways, Refused
from workflows import steps


class DisputeActivities:
    """Follows disputes."""

    def __init__(self, payment: Database, app: Database, gateways: Gateways) -> None:
        self._payment, self._app, self._gateways = payment, app, gateways

    @activity.defn(name=steps.follow_dispute.name)
    async def follow_dispute(self, ask: DisputeRequest) -> DisputeReport:
        """Ask where a dispute stands, write it, and close the case of one that has ended. Refuses Unknown."""
        fact = await self._asked(ask).fetch(ask.provider_ref)
        async with self._payment.tenant(ask.tenant_id) as connection:
            report = await disputes.record(connection, ask, fact)
        if report.state.ended:
            async with self._app.tenant(ask.tenant_id) as connection:
                await case.close(
                    connection,
                    ask.tenant_id,
                    ask.dispute_id,
                    closed_by="holdfast",
                    note=f"the dispute is {report.state.value}",
                    kind=CaseKind.DISPUTE,
                )
        return report

    def _asked(self, ask: DisputeRequest) -> Disputes:
        disputes_there = gateway_of(self._gateways, ask.provider, ask.account).disputes
        if disputes_there is None:
            raise Refused("tells_no_disputes")
        return disputes_there
