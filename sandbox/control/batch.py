"""Closing a merchant's batch, which the provider does each night: paid out, and reported as a file."""

from fastapi import APIRouter, HTTPException

from sandbox.adyen import report
from sandbox.control.operate import resolve
from sandbox.control.wish import Closing
from sandbox.record import Json
from sandbox.work import World


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Batch(world), APIRouter(prefix="/_sandbox/accounts")
    router.add_api_route("/{key}/batches", part.close, methods=["POST"], response_model=None)
    return router


class Batch:
    """The night."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def close(self, key: str, wish: Closing) -> Json:
        """Close the batch of a merchant; Adyen's accounts alone."""
        account = resolve(self.world, key)
        if account.provider != "adyen":
            raise HTTPException(409, f"{account.provider} does not report so here")
        with self.world.work(account) as work:
            made = report.close_batch(work, wish.merchant)
            return {"name": made.name, "text": made.text}
