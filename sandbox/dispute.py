"""Disputes: a buyer's bank wants a captured payment back, and the merchant may answer with evidence.

    inquiry -> inquiry_review -> inquiry_closed
            -> needs_response -> under_review -> won | lost

Money moves with `withdraw` and `reinstate`, and only then: an inquiry moves none. A bank may turn a decision.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sandbox import ledger
from sandbox.payment import Attempt, Method, Payment, Unexpected
from sandbox.record import Json, Record
from sandbox.work import Work

Status = Literal[
    "inquiry", "inquiry_review", "inquiry_closed", "needs_response", "under_review", "won", "lost"
]
INQUIRIES: tuple[Status, ...] = ("inquiry", "inquiry_review", "inquiry_closed")
ENDED: tuple[Status, ...] = ("inquiry_closed", "won", "lost")

FEE = 2000
EVIDENCE_SECONDS = 7 * 24 * 3600
DECIDED_AFTER_SECONDS = 2


class Decided(Exception):
    """Raised when a dispute is no longer in a state that allows what was asked; nothing has changed."""

    def __init__(self, dispute: "Dispute", wanted: str) -> None:
        super().__init__(f"{dispute.id} is {dispute.status}, cannot {wanted}")
        self.dispute = dispute


@dataclass(kw_only=True)
class Dispute(Record):
    """What a buyer's bank wants back of a payment, in minor units; `movements` are of the balance, in order.

    `due` is until when evidence is taken. `outcome` is what the bank will decide once it has evidence.
    """

    kind: ClassVar[str] = "dispute"

    payment: str
    attempt: str
    amount: int
    currency: str
    reason: str
    status: Status
    due: int
    withdrawn: bool = False
    movements: list[str] = field(default_factory=list)
    evidence: Json = field(default_factory=dict)
    submissions: int = 0
    outcome: Literal["won", "lost", "escalated"] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    about: Json = field(default_factory=dict)

    @property
    def parent(self) -> str:
        """Return the attempt whose money is wanted back."""
        return self.attempt


def open_dispute(work: Work, payment: Payment, *, reason: str, inquiry: bool = False) -> Dispute:
    """Let the bank want back what is left of a captured payment; money moves at once, or never before it is
    more than an inquiry.
    """
    if payment.status != "captured" or payment.attempt is None or payment.left == 0:
        raise Unexpected(payment, "dispute")
    if any(each.status not in ENDED for each in work.store.children(Dispute, payment.attempt)):
        raise Unexpected(payment, "dispute twice")
    dispute = Dispute(
        id=work.new_id("dispute"),
        account=work.account.id,
        created=work.now,
        payment=payment.id,
        attempt=payment.attempt,
        amount=payment.left,
        currency=payment.currency,
        reason=reason,
        status="inquiry" if inquiry else "needs_response",
        due=work.now + EVIDENCE_SECONDS,
    )
    work.add(dispute)
    work.tell("dispute.created", dispute)
    if not inquiry:
        withdraw(work, dispute)
    return dispute


def regret(work: Work, attempt_id: str) -> None:
    """Let the bank want back what a card that is known for it has paid."""
    attempt = work.get(Attempt, attempt_id)
    manner = work.get(Method, attempt.method).behaviour.dispute
    payment = work.get(Payment, attempt.payment)
    if manner is not None and payment.status == "captured" and payment.left:
        inquiry = manner == "inquiry"
        open_dispute(work, payment, reason="general" if inquiry else manner, inquiry=inquiry)


def withdraw(work: Work, dispute: Dispute) -> None:
    """Take the money, and a fee."""
    payment = work.get(Payment, dispute.payment)
    dispute.amount = min(dispute.amount, payment.left)
    payment.disputed += dispute.amount
    payment.verify()
    work.save(payment)
    dispute.withdrawn = True
    _move(work, dispute, "dispute", -dispute.amount, FEE)
    work.tell("dispute.funds_withdrawn", dispute)


def reinstate(work: Work, dispute: Dispute) -> None:
    """Give the money back, and the fee."""
    payment = work.get(Payment, dispute.payment)
    payment.disputed -= dispute.amount
    payment.verify()
    work.save(payment)
    dispute.withdrawn = False
    _move(work, dispute, "dispute_reversal", dispute.amount, -FEE)
    work.tell("dispute.funds_reinstated", dispute)


def submit(work: Work, dispute: Dispute) -> None:
    """Hand the evidence in; the bank reads it once."""
    if dispute.status not in ("inquiry", "needs_response"):
        raise Decided(dispute, "take evidence")
    dispute.status = "inquiry_review" if dispute.status == "inquiry" else "under_review"
    dispute.submissions += 1
    work.save(dispute)
    work.tell("dispute.updated", dispute)
    if dispute.outcome is not None:
        work.later("dispute.decide", dispute.id, work.now + DECIDED_AFTER_SECONDS)


def accept(work: Work, dispute: Dispute) -> None:
    """Let the buyer have the money; an inquiry that is accepted is lost like a dispute."""
    if dispute.status not in ("inquiry", "needs_response"):
        raise Decided(dispute, "be accepted")
    decide(work, dispute, won=False)


def decide_in_time(work: Work, dispute_id: str) -> None:
    """Let the bank say what it makes of the evidence."""
    dispute = work.get(Dispute, dispute_id)
    if dispute.outcome == "escalated" and not _is_refunded(work, dispute):
        escalate(work, dispute)
    elif dispute.status in ("inquiry_review", "under_review"):
        decide(work, dispute, won=dispute.outcome == "won")


def escalate(work: Work, dispute: Dispute) -> None:
    """Turn an inquiry into a dispute: now the money is taken."""
    if dispute.status not in ("inquiry", "inquiry_review") or _is_refunded(work, dispute):
        raise Decided(dispute, "be escalated")
    dispute.status, dispute.outcome = "needs_response", None
    dispute.due = work.now + EVIDENCE_SECONDS
    work.save(dispute)
    work.tell("dispute.updated", dispute)
    withdraw(work, dispute)


def decide(work: Work, dispute: Dispute, *, won: bool) -> None:
    """Let the bank decide for the merchant or for the buyer; an inquiry is closed when it is won, or when the
    buyer has the money back already.
    """
    if dispute.status in ENDED:
        raise Decided(dispute, "be decided")
    if dispute.status in INQUIRIES and (won or _is_refunded(work, dispute)):
        dispute.status = "inquiry_closed"
    else:
        dispute.status = "won" if won else "lost"
    work.save(dispute)
    if won and dispute.withdrawn:
        reinstate(work, dispute)
    elif dispute.status == "lost" and not dispute.withdrawn:
        withdraw(work, dispute)
    work.tell("dispute.closed", dispute)


def _is_refunded(work: Work, dispute: Dispute) -> bool:
    return work.get(Payment, dispute.payment).left == 0


def _move(
    work: Work, dispute: Dispute, kind: Literal["dispute", "dispute_reversal"], amount: int, fee: int
) -> None:
    moved = ledger.move(work, kind, source=dispute.id, currency=dispute.currency, amount=amount, fee=fee)
    dispute.movements.append(moved.id)
    work.save(dispute)
