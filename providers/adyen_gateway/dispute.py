"""Adyen's disputes: what notifications told of one, put together; accepted by the Disputes API.

Where a dispute stands cannot be asked. The newest notification says it, and each that names money is one
movement; the fee comes with the settlement. Our reference of a dispute begins with the payment's, by which
what was told is found. Source: Adyen, "Dispute webhooks".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.dispute import DisputeFact, DisputeState, Evidence, FundsMoved
from domain.money import Money
from providers.adyen_gateway import reference
from providers.adyen_gateway.client import AdyenClient
from providers.adyen_gateway.fact import Item, Json, instant
from providers.adyen_gateway.memory import Items
from providers.gateway import NotFound, Refused, StateConflict

# What stands after each; what only adds a note changes nothing. A charge that goes back to us is not the end
# before the issuer lets its time pass, or loses.
STATES: Mapping[str, DisputeState] = {
    "REQUEST_FOR_INFORMATION": DisputeState.WARNING,
    "NOTIFICATION_OF_CHARGEBACK": DisputeState.OPEN,
    "CHARGEBACK": DisputeState.OPEN,
    "INFORMATION_SUPPLIED": DisputeState.EVIDENCE_SUBMITTED,
    "CHARGEBACK_REVERSED": DisputeState.EVIDENCE_SUBMITTED,
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED": DisputeState.WON,
    "PREARBITRATION_OPEN": DisputeState.OPEN,
    "PREARBITRATION_WON": DisputeState.WON,
    "PREARBITRATION_LOST": DisputeState.LOST,
    "SECOND_CHARGEBACK": DisputeState.LOST,
    "DISPUTE_DEFENSE_PERIOD_ENDED": DisputeState.LOST,
}
# What moves money, and in which direction.
MOVES: Mapping[str, int] = {"CHARGEBACK": -1, "CHARGEBACK_REVERSED": 1, "SECOND_CHARGEBACK": -1}
# In which order they are told that bear the same instant.
_ORDER = {code: place for place, code in enumerate(STATES)}


class AdyenDisputes:
    """The disputes in one merchant account; `items` gives what was told of a payment."""

    def __init__(self, client: AdyenClient, merchant: str, items: Items) -> None:
        self._client, self._merchant, self._items = client, merchant, items

    async def fetch(self, provider_ref: str) -> DisputeFact:
        """Put together what was told of a dispute."""
        payment_id, psp = reference.read_dispute(provider_ref)
        told = [each for each in await self._items(payment_id) if each.psp == psp and each.code in STATES]
        if not told:
            raise NotFound("never_told")
        return _fact(provider_ref, sorted(told, key=_told_at))

    async def submit(self, provider_ref: str, evidence: Evidence, *, op_key: str) -> DisputeFact:  # noqa: ARG002 - the protocol's
        """Refuse: Adyen takes documents (PDF, TIFF, JPEG), which are handed in at its desk, and no words."""
        raise Refused("wants_documents")

    async def accept(self, provider_ref: str, *, op_key: str) -> DisputeFact:  # noqa: ARG002 - the protocol's
        """Let the payer have the money: lost by our own word, which a notification repeats.

        The key is the dispute's alone: until that has come, nothing tells that it was accepted before.
        """
        found = await self.fetch(provider_ref)
        if found.state is DisputeState.LOST:
            return found
        _, psp = reference.read_dispute(provider_ref)
        asked = {"disputePspReference": psp, "merchantAccountCode": self._merchant}
        call = self._client.disputes.accept_dispute
        answer = await self._client.post("accept_dispute", call, asked, key=f"{psp}:accept:1")
        result = answer.get("disputeServiceResult")
        if not isinstance(result, dict) or result.get("success") is not True:
            raise StateConflict("dispute_answered")
        return found.model_copy(update={"state": DisputeState.LOST})


def _fact(provider_ref: str, told: Sequence[Item]) -> DisputeFact:
    """Put together what was told, the oldest first."""
    newest, about = told[-1], _about(told)
    due = about.get("defensePeriodEndsAt")
    return DisputeFact(
        reference=provider_ref,
        charge=str(newest.about.payment_id),
        state=STATES[newest.code],
        amount=newest.amount,
        reason=str(about.get("chargebackReasonCode") or newest.told.get("reason") or "unknown"),
        payment_id=newest.about.payment_id,
        evidence_due=_due(due),
        funds=tuple(_moved(each) for each in told if each.code in MOVES),
    )


def _moved(item: Item) -> FundsMoved:
    amount = item.amount
    return FundsMoved(
        reference=item.event_id,
        amount=Money(minor=MOVES[item.code] * amount.minor, currency=amount.currency),
        fee=Money(minor=0, currency=amount.currency),
        occurred_at=instant(item.told["eventDate"]),
    )


def _about(told: Sequence[Item]) -> Json:
    """Give what the notifications say beside what is signed, the newest word of each kind."""
    said: Json = {}
    for item in told:
        said |= item.told.get("additionalData") or {}
    return said


def _due(text: object) -> datetime | None:
    try:
        return instant(str(text))
    except ValueError:
        return None


def _told_at(item: Item) -> tuple[datetime, int]:
    return instant(item.told["eventDate"]), _ORDER[item.code]
