"""Follows disputes: the provider is asked, the payment role writes."""

from temporalio import activity

from activities.checkout import gateway_of
from db import dispute as disputes
from db.session import Database
from domain.dispute import DisputeFact, DisputeReport, DisputeRequest, Evidence
from providers.dispute import Disputes
from providers.gateway import Gateways, Refused, StateConflict
from workflows import steps


class DisputeActivities:
    """Follows disputes."""

    def __init__(self, payment: Database, gateways: Gateways) -> None:
        self._payment, self._gateways = payment, gateways

    @activity.defn(name=steps.follow_dispute.name)
    async def follow_dispute(self, ask: DisputeRequest) -> DisputeReport:
        """Hand in the evidence that an operator has told, ask where the dispute stands, and write it. Refuses
        Unknown.
        """
        async with self._payment.tenant(ask.tenant_id) as connection:
            evidence = await disputes.evidence_to_submit(connection, ask.tenant_id, ask.dispute_id)
        if evidence is None:
            return await self._written(ask, await self._asked(ask).fetch(ask.provider_ref))
        fact, taken = await _answered(self._asked(ask), ask, evidence)
        async with self._payment.tenant(ask.tenant_id) as connection:
            await disputes.evidence_ended(connection, ask, taken=taken)
        return await self._written(ask, fact)

    async def _written(self, ask: DisputeRequest, fact: DisputeFact) -> DisputeReport:
        async with self._payment.tenant(ask.tenant_id) as connection:
            return await disputes.record(connection, ask, fact)

    def _asked(self, ask: DisputeRequest) -> Disputes:
        disputes_there = gateway_of(self._gateways, ask.provider, ask.account).disputes
        if disputes_there is None:
            raise Refused("tells_no_disputes")
        return disputes_there


async def _answered(there: Disputes, ask: DisputeRequest, evidence: Evidence) -> tuple[DisputeFact, bool]:
    """Hand evidence in; says how the dispute stands, and whether it was taken: now, or by an earlier call
    whose answer was lost.
    """
    try:
        return await there.submit(ask.provider_ref, evidence, op_key=f"{ask.dispute_id}:evidence:1"), True
    except StateConflict:
        fact = await there.fetch(ask.provider_ref)
        return fact, fact.answered
    except Refused:
        return await there.fetch(ask.provider_ref), False
