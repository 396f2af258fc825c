"""Stripe's disputes: fetched, answered, accepted."""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from stripe import V1Services

from domain.dispute import DisputeFact, DisputeState, Evidence, FundsMoved
from domain.ids import PaymentId
from providers.gateway import Refused, StateConflict
from providers.stripe_gateway.amount import from_stripe
from providers.stripe_gateway.call import Call
from providers.stripe_gateway.fact import Json, id_of, instant

# A word that we do not know is open: a person looks at it.
STATES = {
    "warning_needs_response": DisputeState.WARNING,
    "warning_under_review": DisputeState.WARNING,
    "warning_closed": DisputeState.CLOSED,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.EVIDENCE_SUBMITTED,
    "appeal_needs_response": DisputeState.OPEN,
    "appeal_under_review": DisputeState.EVIDENCE_SUBMITTED,
    "prevented": DisputeState.CLOSED,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}
ANSWERABLE = frozenset({"warning_needs_response", "needs_response", "appeal_needs_response"})


class StripeDisputes:
    """The disputes of one account; `call` waits for Stripe's answer, in the gateway's words."""

    def __init__(self, stripe: V1Services, call: Call) -> None:
        self._stripe, self._call = stripe, call

    async def fetch(self, provider_ref: str) -> DisputeFact:
        """Tell where a dispute stands."""
        return _fact(await self._dispute(provider_ref))

    async def submit(self, provider_ref: str, evidence: Evidence, *, op_key: str) -> DisputeFact:  # noqa: ARG002 - the protocol's
        """Hand evidence in. Stripe takes it once, so no key goes with it (Stripe would replay a 500 that it
        has stored); what is not to be answered any more is a StateConflict.
        """
        told: Any = {"uncategorized_text": evidence.text}
        if evidence.product:
            told["product_description"] = evidence.product
        if evidence.service_on:
            told["service_date"] = evidence.service_on.isoformat()
        wish: Any = {"evidence": told, "submit": True}
        return _fact(await self._ended(provider_ref, self._stripe.disputes.update_async(provider_ref, wish)))

    async def accept(self, provider_ref: str, *, op_key: str) -> DisputeFact:  # noqa: ARG002 - the protocol's
        """Close a dispute, which is lost then; closed already it is lost."""
        try:
            return _fact(await self._ended(provider_ref, self._stripe.disputes.close_async(provider_ref)))
        except StateConflict:
            found = await self._dispute(provider_ref)
            if found["status"] != "lost":
                raise
            return _fact(found)

    async def _ended(self, provider_ref: str, answering: Awaitable[object]) -> Json:
        """Wait for what a dispute is answered with: of one that takes no answer Stripe says only that the
        request is wrong.
        """
        try:
            return await self._call("answer_dispute", answering)
        except Refused:
            if (await self._dispute(provider_ref))["status"] in ANSWERABLE:
                raise
            raise StateConflict("dispute_answered") from None

    async def _dispute(self, provider_ref: str) -> Json:
        params: Any = {"expand": ["charge"]}
        return await self._call("fetch_dispute", self._stripe.disputes.retrieve_async(provider_ref, params))


def _fact(dispute: Json) -> DisputeFact:
    currency = dispute["currency"]
    evidence = dispute.get("evidence_details") or {}
    due = evidence.get("due_by")
    return DisputeFact(
        reference=dispute["id"],
        charge=id_of(dispute["charge"]),
        state=STATES.get(dispute["status"], DisputeState.OPEN),
        amount=from_stripe(dispute["amount"], currency),
        reason=dispute["reason"],
        payment_id=_paid(dispute["charge"]),
        evidence_due=instant(due) if due else None,
        answered=bool(evidence.get("submission_count")),
        funds=tuple(_moved(line) for line in dispute["balance_transactions"]),
    )


def _moved(line: Json) -> FundsMoved:
    return FundsMoved(
        reference=line["id"],
        amount=from_stripe(line["amount"], line["currency"]),
        fee=from_stripe(line["fee"], line["currency"]),
        occurred_at=instant(line["created"]),
    )


def _paid(charge: Any) -> PaymentId | None:
    """Read which payment a charge is of, where it was expanded and carries our label."""
    try:
        return PaymentId(UUID(charge["metadata"]["payment_id"]))
    except (KeyError, TypeError, ValueError):
        return None
