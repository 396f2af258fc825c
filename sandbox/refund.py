"""Refunds: money on its way back to the buyer, which may take a while and may fail after it had succeeded."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sandbox import ledger, share
from sandbox.payment import Attempt, Method, Payment
from sandbox.record import Json, Record
from sandbox.work import Work

SETTLE_AFTER_SECONDS = 3


@dataclass(kw_only=True)
class Refund(Record):
    """Part or all of a captured payment going back, in minor units; `parts` of it are taken from payees. One
    that was `returned` had arrived.
    """

    kind: ClassVar[str] = "refund"

    payment: str
    attempt: str
    amount: int
    currency: str
    status: Literal["pending", "succeeded", "failed", "cancelled"]
    reason: str | None = None
    movement: str | None = None
    failure_movement: str | None = None
    failure: str | None = None
    returned: bool = False
    parts: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    about: Json = field(default_factory=dict)

    @property
    def parent(self) -> str:
        """Return the attempt whose money goes back."""
        return self.attempt


def create(
    work: Work,
    payment: Payment,
    amount: int,
    *,
    reason: str | None,
    metadata: dict[str, str],
    about: Json,
    parts: share.Parts | None = None,
) -> Refund:
    """Send `amount` (≤ what is left of the capture, which the caller has checked) back to the buyer.

    Payees give their `parts` of it; where nobody says so, in proportion to what they were given.
    """
    attempt = work.get(Attempt, payment.attempt or "")
    method = work.get(Method, attempt.method)
    manner = method.behaviour.refunds
    refund = Refund(
        id=work.new_id("refund"),
        account=work.account.id,
        created=work.now,
        payment=payment.id,
        attempt=attempt.id,
        amount=amount,
        currency=payment.currency,
        status="pending" if manner == "pending_first" else "succeeded",
        reason=reason,
        parts=_in_proportion(work, payment, attempt, amount) if parts is None else parts,
        metadata=metadata,
        about=about,
    )
    movement = ledger.move(
        work,
        "refund" if method.type == "card" else "payment_refund",
        source=refund.id,
        currency=refund.currency,
        amount=-amount,
    )
    refund.movement = movement.id
    share.take(work, refund.id, refund.currency, refund.parts)
    work.add(refund)
    _change_refunded(work, payment, attempt, amount)
    work.tell("refund.created", refund)
    work.tell("attempt.refunded", attempt)
    if manner == "pending_first":
        work.later("refund.succeed", refund.id, work.now + SETTLE_AFTER_SECONDS)
    elif manner == "fails_later":
        work.later("refund.fail", refund.id, work.now + SETTLE_AFTER_SECONDS)
    return refund


def _in_proportion(work: Work, payment: Payment, attempt: Attempt, amount: int) -> share.Parts:
    made = work.store.children(Refund, attempt.id)
    taken = [each.parts for each in made if each.status in ("pending", "succeeded")]
    return share.of_refund(amount, payment.captured - payment.refunded, payment.parts, taken)


def succeed(work: Work, refund_id: str) -> None:
    """Let a pending refund arrive."""
    refund = work.get(Refund, refund_id)
    if refund.status == "pending":
        refund.status = "succeeded"
        work.save(refund)
        work.tell("refund.succeeded", refund, {"status": "pending"})


def fail(work: Work, refund_id: str) -> None:
    """Let a refund come back from the buyer's bank; the money is in the balance again."""
    refund = work.get(Refund, refund_id)
    if refund.status in ("pending", "succeeded"):
        before = {"status": refund.status}
        _undo(work, refund, "failed", "expired_or_canceled_card")
        work.tell("refund.failed", refund, before)


def come_back(work: Work, refund: Refund) -> None:
    """Let a bank send back a refund that had arrived, which the caller has checked."""
    refund.returned = True
    work.save(refund)
    fail(work, refund.id)


def cancel(work: Work, refund: Refund) -> None:
    """Stop a refund that is still pending, which the caller has checked."""
    _undo(work, refund, "cancelled", None)
    work.tell("refund.cancelled", refund, {"status": "pending"})


def _undo(work: Work, refund: Refund, status: Literal["failed", "cancelled"], failure: str | None) -> None:
    back = ledger.move(
        work, "refund_failure", source=refund.id, currency=refund.currency, amount=refund.amount
    )
    share.put(work, refund.id, refund.currency, refund.parts)
    refund.status, refund.failure, refund.failure_movement = status, failure, back.id
    work.save(refund)
    _change_refunded(
        work, work.get(Payment, refund.payment), work.get(Attempt, refund.attempt), -refund.amount
    )


def _change_refunded(work: Work, payment: Payment, attempt: Attempt, amount: int) -> None:
    payment.refunded += amount
    attempt.refunded += amount
    payment.verify()
    work.save(payment)
    work.save(attempt)
