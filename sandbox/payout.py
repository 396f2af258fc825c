"""Payouts: money sent from a balance to a bank.

    pending -> in_transit -> paid -> failed
    pending -> cancelled; in_transit -> failed

A bank may send money back days after it was paid.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sandbox import ledger
from sandbox.payee import purse
from sandbox.record import Record
from sandbox.transfer import TooLittle
from sandbox.work import Work

Status = Literal["pending", "in_transit", "paid", "failed", "cancelled"]

JOB = "payout.advance"
LEAVES_AFTER_SECONDS = 1
ARRIVES_AFTER_SECONDS = 2 * 24 * 3600
# Test bank accounts that take nothing, and why.
REFUSING = {"000111111116": "no_account", "000111111113": "account_closed"}


class OnItsWay(Exception):
    """Raised when a payout is no longer in a state that allows what was asked; nothing has changed."""


@dataclass(kw_only=True)
class Payout(Record):
    """Money on its way to a bank, in minor units; `bank` is the number of a test bank account. What failed
    was `failed_after` before.
    """

    kind: ClassVar[str] = "payout"

    amount: int
    currency: str
    bank: str
    arrives: int
    status: Status = "pending"
    movement: str = ""
    failure_movement: str | None = None
    failure: str | None = None
    failed_after: Status | None = None
    description: str | None = None
    statement: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def send(work: Work, payout: Payout) -> Payout:
    """Send what is available to a bank."""
    if ledger.available(work, payout.currency) < payout.amount:
        raise TooLittle
    payout.movement = _move(work, payout, "payout", -payout.amount)
    work.add(payout)
    work.tell("payout.created", payout)
    work.later(JOB, payout.id, payout.created + LEAVES_AFTER_SECONDS)
    work.later(JOB, payout.id, payout.arrives)
    return payout


def advance_in_time(work: Work, payout_id: str) -> None:
    """Bring a payout on, of the account or of one of its payees."""
    holder = work.store.owner(Payout, payout_id) or ""
    if holder == work.account.id:
        advance(work, work.get(Payout, payout_id))
        return
    with purse(work, holder) as there:
        advance(there, there.get(Payout, payout_id))


def advance(work: Work, payout: Payout) -> Payout:
    """Bring a payout to where it is by now: on its way, and at the bank, or refused there."""
    if payout.status == "pending" and work.now >= payout.created + LEAVES_AFTER_SECONDS:
        payout.status = "in_transit"
        work.save(payout)
        work.tell("payout.updated", payout, {"status": "pending"})
    if payout.status == "in_transit" and work.now >= payout.arrives:
        if payout.bank in REFUSING:
            return fail(work, payout, REFUSING[payout.bank])
        payout.status = "paid"
        work.save(payout)
        work.tell("payout.paid", payout, {"status": "in_transit"})
    return payout


def fail(work: Work, payout: Payout, why: str) -> Payout:
    """Let the bank send the money back, also after it was paid."""
    if payout.status not in ("in_transit", "paid"):
        raise OnItsWay(f"{payout.id} is {payout.status}, cannot come back")
    before = {"status": payout.status}
    payout.failed_after, payout.status, payout.failure = payout.status, "failed", why
    payout.failure_movement = _move(work, payout, "payout_failure", payout.amount)
    work.save(payout)
    work.tell("payout.failed", payout, before)
    return payout


def cancel(work: Work, payout: Payout) -> Payout:
    """Keep a payout that has not left."""
    if payout.status != "pending":
        raise OnItsWay(f"{payout.id} is {payout.status}, cannot be kept")
    payout.status = "cancelled"
    payout.failure_movement = _move(work, payout, "payout_failure", payout.amount)
    work.save(payout)
    work.tell("payout.cancelled", payout, {"status": "pending"})
    return payout


def _move(work: Work, payout: Payout, kind: ledger.MovementType, amount: int) -> str:
    return ledger.move(work, kind, source=payout.id, currency=payout.currency, amount=amount).id
