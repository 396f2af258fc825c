"""PayPal's disputes: fetched, answered, accepted.

What has begun as an inquiry is between buyer and merchant; a claim is decided by PayPal. A movement of money
has no id of its own there: its dispute, its instant and its way name it.
Source: PayPal, "Disputes v1", "Disputes lifecycle stages".
"""

from collections.abc import Iterator
from textwrap import wrap

from domain.dispute import DisputeFact, DisputeState, Evidence, FundsMoved
from domain.money import Money
from providers.gateway import StateConflict
from providers.paypal_gateway.amount import from_paypal
from providers.paypal_gateway.client import Json, PayPalClient, understood
from providers.paypal_gateway.fact import instant
from providers.paypal_gateway.order import labels

DISPUTES = "/v1/customer/disputes"
LONGEST_NOTE = 2000
ACCEPTED = "We accept this claim."
OURS = "SUBMITTED_BY_SELLER"  # whose evidence it is

# An outcome that we do not know is open: a person looks at it.
OUTCOMES = {
    "RESOLVED_SELLER_FAVOUR": DisputeState.WON,
    "RESOLVED_WITH_PAYOUT": DisputeState.WON,
    "CANCELED_BY_BUYER": DisputeState.WON,
    "RESOLVED_BUYER_FAVOUR": DisputeState.LOST,
    "ACCEPTED": DisputeState.LOST,
    "NONE": DisputeState.CLOSED,
}
# It is not our turn.
REVIEWED = frozenset({"UNDER_REVIEW", "WAITING_FOR_BUYER_RESPONSE"})


class PayPalDisputes:
    """The disputes of one account."""

    def __init__(self, client: PayPalClient) -> None:
        self._client = client

    async def fetch(self, provider_ref: str) -> DisputeFact:
        """Tell where a dispute stands."""
        told = await self._client.ask("fetch_dispute", "GET", f"{DISPUTES}/{provider_ref}")
        with understood():
            return _fact(told)

    async def submit(self, provider_ref: str, evidence: Evidence, *, op_key: str) -> DisputeFact:  # noqa: ARG002 - the protocol's
        """Hand evidence in, a note for every 2,000 letters. PayPal takes it when it asks for it, and replays
        no key: a repeat is a StateConflict, and so is an inquiry, where it does not ask yet.
        """
        notes = wrap(_text(evidence), LONGEST_NOTE, replace_whitespace=False, drop_whitespace=False)
        wish = {"evidences": [{"evidence_type": "OTHER", "notes": each} for each in notes]}
        await self._client.ask("submit_evidence", "POST", f"{DISPUTES}/{provider_ref}/provide-evidence", wish)
        return await self.fetch(provider_ref)

    async def accept(self, provider_ref: str, *, op_key: str) -> DisputeFact:  # noqa: ARG002 - the protocol's
        """Let the buyer have the money; accepted already is done."""
        path = f"{DISPUTES}/{provider_ref}/accept-claim"
        try:
            await self._client.ask("accept_claim", "POST", path, {"note": ACCEPTED})
        except StateConflict:
            found = await self.fetch(provider_ref)
            if found.state is not DisputeState.LOST:
                raise
            return found
        return await self.fetch(provider_ref)


def _text(evidence: Evidence) -> str:
    day = evidence.service_on.isoformat() if evidence.service_on else None
    return "\n".join(filter(None, (evidence.product, day, evidence.text)))


def _fact(dispute: Json) -> DisputeFact:
    transaction, due = dispute["disputed_transactions"][0], dispute.get("seller_response_due_date")
    whose = labels(transaction.get("custom"))
    return DisputeFact(
        reference=dispute["dispute_id"],
        charge=transaction["seller_transaction_id"],
        state=_state(dispute),
        amount=from_paypal(dispute["dispute_amount"]),
        reason=dispute["reason"],
        payment_id=whose.payment_id if whose else None,
        evidence_due=instant(due) if due else None,
        answered=any(each.get("source") == OURS for each in dispute.get("evidences") or ()),
        funds=tuple(_funds(dispute)),
    )


def _state(dispute: Json) -> DisputeState:
    is_inquiry = dispute.get("dispute_life_cycle_stage") == "INQUIRY"
    if dispute["status"] == "RESOLVED":
        outcome = (dispute.get("dispute_outcome") or {}).get("outcome_code")
        state = OUTCOMES.get(str(outcome), DisputeState.OPEN)
        return DisputeState.CLOSED if is_inquiry and state is DisputeState.WON else state
    if is_inquiry:
        return DisputeState.WARNING
    return DisputeState.EVIDENCE_SUBMITTED if dispute["status"] in REVIEWED else DisputeState.OPEN


def _funds(dispute: Json) -> Iterator[FundsMoved]:
    """Read what moved our balance; what moved in one instant is one movement, and its fee belongs to it."""
    moments: dict[tuple[str, str], list[Json]] = {}
    for each in dispute.get("money_movements") or ():
        if each["affected_party"] == "SELLER":
            moments.setdefault((each["initiated_time"], each["type"]), []).append(each)
    for (at, way), movements in moments.items():
        nothing = Money(minor=0, currency=movements[0]["amount"]["currency_code"])
        fee = sum((_signed(each) for each in movements if _is_fee(each)), nothing)
        amount = sum((_signed(each) for each in movements if not _is_fee(each)), nothing)
        reference = f"{dispute['dispute_id']}:{at}:{way}"
        yield FundsMoved(reference=reference, amount=amount, fee=-fee, occurred_at=instant(at))


def _is_fee(movement: Json) -> bool:
    return "FEE" in str(movement["reason"])


def _signed(movement: Json) -> Money:
    amount = from_paypal(movement["amount"])
    return amount if movement["type"] == "CREDIT" else -amount
