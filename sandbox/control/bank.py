"""Playing the buyer's bank, which wants money back and decides about it."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, HTTPException

from sandbox import dispute as disputes
from sandbox.control.buyer import owner
from sandbox.control.wish import Objection, Ruling
from sandbox.dispute import Decided, Dispute
from sandbox.payment import Payment, Unexpected
from sandbox.record import Json
from sandbox.work import World


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Bank(world), APIRouter(prefix="/_sandbox")
    for path, answer in (
        ("/payments/{payment_id}/dispute", part.dispute),
        ("/disputes/{dispute_id}/escalate", part.escalate),
        ("/disputes/{dispute_id}/decide", part.decide),
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


@contextmanager
def _in_order() -> Iterator[None]:
    try:
        yield
    except (Decided, Unexpected) as refusal:
        raise HTTPException(409, str(refusal)) from None
