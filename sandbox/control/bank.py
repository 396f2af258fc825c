"""Playing banks: a buyer's wants money back and decides about it, or sends a refund back; a payee's sends a
payout back.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from fastapi import APIRouter, HTTPException

from sandbox import dispute as disputes, payout as payouts, refund as refunds
from sandbox.control.buyer import owner
from sandbox.control.wish import Objection, Ruling
from sandbox.dispute import Decided, Dispute
from sandbox.payee import Payee, purse
from sandbox.payment import Payment, Unexpected
from sandbox.payout import OnItsWay, Payout
from sandbox.record import Json
from sandbox.refund import Refund
from sandbox.work import World


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Bank(world), APIRouter(prefix="/_sandbox")
    for path, answer in (
        ("/payments/{payment_id}/dispute", part.dispute),
        ("/disputes/{dispute_id}/escalate", part.escalate),
        ("/disputes/{dispute_id}/decide", part.decide),
        ("/refunds/{refund_id}/return", part.return_refund),
        ("/payouts/{payout_id}/fail", part.send_back),
    ):
        router.add_api_route(path, answer, methods=["POST"], response_model=None)
    return router


class Bank:
    """The bank of any buyer."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def dispute(self, payment_id: str, wish: Objection) -> Json:
        """Want back what is left of a captured payment."""
        with self.world.work(owner(self.world, Payment, payment_id)) as work, _in_order():
            payment = work.get(Payment, payment_id)
            return vars(disputes.open_dispute(work, payment, reason=wish.reason, inquiry=wish.inquiry))

    async def escalate(self, dispute_id: str) -> Json:
        """Turn an inquiry into a dispute."""
        with self.world.work(owner(self.world, Dispute, dispute_id)) as work, _in_order():
            disputes.escalate(work, dispute := work.get(Dispute, dispute_id))
            return vars(dispute)

    async def decide(self, dispute_id: str, wish: Ruling) -> Json:
        """Decide for the merchant or for the buyer."""
        with self.world.work(owner(self.world, Dispute, dispute_id)) as work, _in_order():
            disputes.decide(work, dispute := work.get(Dispute, dispute_id), won=wish.won)
            return vars(dispute)

    async def return_refund(self, refund_id: str) -> Json:
        """Send a refund back that had arrived."""
        with self.world.work(owner(self.world, Refund, refund_id)) as work:
            refund = work.get(Refund, refund_id)
            if refund.status != "succeeded":
                raise HTTPException(409, f"{refund_id} is {refund.status}")
            refunds.come_back(work, refund)
            return vars(work.get(Refund, refund_id))

    async def send_back(self, payout_id: str) -> Json:
        """Send a payout back, also one that was paid; it may be an account's own, or one of its payees'."""
        holder = self.world.store.owner(Payout, payout_id) or ""
        payee = self.world.store.owner(Payee, holder)
        account = self.world.account_by_id(payee or holder)
        if account is None:
            raise HTTPException(404, f"no such payout: {payout_id[:80]}")
        with (
            self.world.work(account) as work,
            _in_order(),
            purse(work, holder) if payee else nullcontext(work) as there,
        ):
            return vars(payouts.fail(there, there.get(Payout, payout_id), "account_closed"))


@contextmanager
def _in_order() -> Iterator[None]:
    try:
        yield
    except (Decided, OnItsWay, Unexpected) as refusal:
        raise HTTPException(409, str(refusal)) from None
