"""What happens to money past the API: a merchant gives it back in the provider's own pages, or the provider
takes it back by itself.
"""

from fastapi import APIRouter, HTTPException

from sandbox import refund as refunds
from sandbox.control.buyer import owner
from sandbox.control.wish import Return
from sandbox.payment import Payment
from sandbox.record import Json
from sandbox.work import World


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Desk(world), APIRouter(prefix="/_sandbox")
    for path, answer in (
        ("/payments/{payment_id}/refund", part.refund),
        ("/payments/{payment_id}/reverse", part.reverse),
    ):
        router.add_api_route(path, answer, methods=["POST"], response_model=None)
    return router


class Desk:
    """Somebody with the merchant's password, and the provider itself."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def refund(self, payment_id: str, wish: Return) -> Json:
        """Give money back, all that is left or some of it, with no label of anybody's on it."""
        return self._given_back(payment_id, wish, {})

    async def reverse(self, payment_id: str, wish: Return) -> Json:
        """Take money back for the buyer, as a provider does whose buyer's bank has called it back."""
        return self._given_back(payment_id, wish, {"reversed": True})

    def _given_back(self, payment_id: str, wish: Return, about: Json) -> Json:
        with self.world.work(owner(self.world, Payment, payment_id)) as work:
            payment = work.get(Payment, payment_id)
            amount = payment.left if wish.amount is None else wish.amount
            if payment.status != "captured" or not 0 < amount <= payment.left:
                raise HTTPException(409, f"{payment.left} are left of {payment_id}")
            made = refunds.create(work, payment, amount, reason=None, metadata={}, about=about)
            return vars(made)
