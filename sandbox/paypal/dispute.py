"""Disputes: what a buyer, or the buyer's bank, wants back, and what a merchant may do about it.

Source: PayPal, "Disputes v1". The two last calls are of PayPal's own sandbox alone.
"""

from collections.abc import Callable, Iterator, Mapping

from sandbox import dispute as disputes
from sandbox.dispute import Decided, Dispute
from sandbox.ledger import Movement
from sandbox.payment import Attempt
from sandbox.paypal import amount, money, query, shape
from sandbox.paypal.call import Call, instant, link, without_empty
from sandbox.paypal.error import unprocessable
from sandbox.record import Json, NotFound
from sandbox.work import Work

DISPUTES = "/v1/customer/disputes"
NOT_ALLOWED = "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE"
# What a bank calls it, and PayPal; anything else stands for itself.
REASONS: Mapping[str, str] = {
    "fraudulent": "UNAUTHORISED",
    "product_not_received": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
    "general": "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED",
}
# Status and state, by where it stands.
STANDS: Mapping[disputes.Status, tuple[str, str]] = {
    "inquiry": ("OPEN", "OPEN_INQUIRIES"),
    "inquiry_review": ("WAITING_FOR_BUYER_RESPONSE", "OPEN_INQUIRIES"),
    "inquiry_closed": ("RESOLVED", "RESOLVED"),
    "needs_response": ("WAITING_FOR_SELLER_RESPONSE", "REQUIRED_ACTION"),
    "under_review": ("UNDER_REVIEW", "UNDER_PAYPAL_REVIEW"),
    "won": ("RESOLVED", "RESOLVED"),
    "lost": ("RESOLVED", "RESOLVED"),
}
OUTCOMES: Mapping[disputes.Status, str] = {
    "inquiry_closed": "CANCELED_BY_BUYER",
    "won": "RESOLVED_SELLER_FAVOUR",
    "lost": "RESOLVED_BUYER_FAVOUR",
}
_KNOWN = frozenset({"start_time", "disputed_transaction_id", "dispute_state", "page_size", "next_page_token"})


def retrieve(call: Call) -> Dispute:
    """Return one dispute."""
    return call.work.get(Dispute, call.id)


def list_all(call: Call) -> Json:
    """List disputes, newest first, each briefly; `next_page_token` goes on where a page has ended."""
    work, asked = call.work, call.query
    query.check_names(asked, _KNOWN)
    size = query.count(asked, "page_size", 10, 50)
    where = [("created >= ?", query.seconds(asked, "start_time"))] if "start_time" in asked else []
    try:
        page, more = work.store.page(
            Dispute, work.account.id, limit=size, where=where, after=asked.get("next_page_token")
        )
    except NotFound:
        raise query.wrong("next_page_token") from None
    shown = [render(work, each) for each in page]
    wanted, transaction = asked.get("dispute_state"), asked.get("disputed_transaction_id")
    onward = f"{DISPUTES}?page_size={size}&next_page_token={page[-1].id}" if more else ""
    return {
        "items": [
            each
            for each in shown
            if wanted in (None, each["dispute_state"])
            and transaction in (None, each["disputed_transactions"][0]["seller_transaction_id"])
        ],
        "links": [link(work, onward, "next")] if onward else [],
    }


def provide_evidence(call: Call) -> Json:
    """Hand evidence in, once."""
    wish: shape.EvidenceWish = call.body
    dispute = retrieve(call)
    if dispute.status != "needs_response":
        raise unprocessable(NOT_ALLOWED)
    dispute.evidence = wish.model_dump(exclude_none=True)
    return _done(call, dispute, disputes.submit)


def accept_claim(call: Call) -> Json:
    """Let the buyer have the money."""
    return _done(call, retrieve(call), disputes.accept)


def escalate(call: Call) -> Json:
    """Make a claim of an inquiry."""
    return _done(call, retrieve(call), disputes.escalate)


def adjudicate(call: Call) -> Json:
    """Settle a dispute that is under review, as an agent of PayPal's does."""
    dispute, won = retrieve(call), call.body.adjudication_outcome == "SELLER_FAVOR"
    if dispute.status != "under_review":
        raise unprocessable(NOT_ALLOWED)
    return _done(call, dispute, lambda work, it: disputes.decide(work, it, won=won))


def _done(call: Call, dispute: Dispute, do: Callable[[Work, Dispute], None]) -> Json:
    try:
        do(call.work, dispute)
    except Decided:
        raise unprocessable(NOT_ALLOWED) from None
    return {"links": [link(call.work, f"{DISPUTES}/{dispute.id}", "self")]}


def render(work: Work, dispute: Dispute) -> Json:
    """Return a dispute."""
    status, state = STANDS[dispute.status]
    outcome, path = OUTCOMES.get(dispute.status), f"{DISPUTES}/{dispute.id}"
    waits = dispute.status in ("inquiry", "needs_response")
    actions = (
        ("escalate", "accept-claim") if dispute.status == "inquiry" else ("provide-evidence", "accept-claim")
    )
    return without_empty(
        dispute_id=dispute.id,
        create_time=instant(dispute.created),
        update_time=instant(work.now),
        disputed_transactions=[_transaction(work, dispute)],
        reason=REASONS.get(dispute.reason, dispute.reason.upper()),
        status=status,
        dispute_state=state,
        dispute_amount=amount.shown(dispute.amount, dispute.currency),
        dispute_outcome=outcome and {"outcome_code": outcome},
        money_movements=[
            shown for each in dispute.movements for shown in _movements(work.get(Movement, each))
        ]
        or None,
        dispute_life_cycle_stage="INQUIRY" if dispute.status in disputes.INQUIRIES else "CHARGEBACK",
        dispute_channel="INTERNAL",
        evidences=[
            {**each, "source": "SUBMITTED_BY_SELLER"} for each in dispute.evidence.get("evidences", ())
        ]
        or None,
        seller_response_due_date=instant(dispute.due) if waits else None,
        links=[
            link(work, path, "self"),
            *(link(work, f"{path}/{each}", each.replace("-", "_"), "POST") for each in actions if waits),
        ],
    )


def _transaction(work: Work, dispute: Dispute) -> Json:
    attempt = work.get(Attempt, dispute.attempt)
    unit = money.order_of(work, attempt).about["unit"]
    return without_empty(
        buyer_transaction_id=attempt.id,
        seller_transaction_id=money.capture_of(work, attempt).id,
        create_time=instant(attempt.created),
        transaction_status="COMPLETED",
        gross_amount=amount.shown(attempt.captured, attempt.currency),
        invoice_number=unit.get("invoice_id"),
        custom=unit.get("custom_id"),
        buyer={"name": "Test Buyer"},
        seller={"merchant_id": work.account.id, "name": "Test Store"},
        seller_protection_eligible=True,
    )


def _movements(moved: Movement) -> Iterator[Json]:
    """Return what PayPal took or gave back, and its fee by itself."""
    for minor, reason in ((moved.amount, "DISPUTE_SETTLEMENT"), (-moved.fee, "DISPUTE_FEE")):
        if minor:
            yield {
                "affected_party": "SELLER",
                "amount": amount.shown(abs(minor), moved.currency),
                "initiated_time": instant(moved.created),
                "type": "DEBIT" if minor < 0 else "CREDIT",
                "reason": reason,
            }
