"""Follows disputes: the provider is asked, the payment role writes."""

from temporalio import activity

from activities.checkout import gateway_of
from db import dispute as disputes
from db.session import Database
from domain.dispute import DisputeReport, DisputeRequest
from providers.dispute import Disputes
from providers.gateway import Gateways, Refused
from workflows import steps


class DisputeActivities:
    """Follows disputes."""

    def __init__(self, payment: Database, gateways: Gateways) -> None:
        self._payment, self._gateways = payment, gateways

    @activity.defn(name=steps.follow_dispute.name)
    async def follow_dispute(self, ask: DisputeRequest) -> DisputeReport:
        """Ask where a dispute stands, and write it. Refuses Unknown."""
        fact = await self._asked(ask).fetch(ask.provider_ref)
        async with self._payment.tenant(ask.tenant_id) as connection:
            return await disputes.record(connection, ask, fact)

    def _asked(self, ask: DisputeRequest) -> Disputes:
        disputes_there = gateway_of(self._gateways, ask.provider, ask.account).disputes
        if disputes_there is None:
            raise Refused("tells_no_disputes")
        return disputes_there
