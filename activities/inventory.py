"""The steps on places, each one transaction of our own database."""

from temporalio import activity

from db.inventory import hold as holds, wait
from db.session import Database
from domain.booking import AskJudge
from domain.inventory import Hold, HoldPlaces, KeepPlaces, Kept
from workflows import steps


class InventoryActivities:
    """Holds, keeps and gives back places, as the booking role."""

    def __init__(self, app: Database) -> None:
        self._app = app

    @activity.defn(name=steps.hold_places.name)
    async def hold_places(self, ask: HoldPlaces) -> Hold:
        """Adopt the hold that the door took, or take one; a repeat gives the same with the seconds left.

        Refuses SoldOut, SalesClosed, HoldEnded, BookingEnded.
        """
        async with self._app.looking(ask.tenant_id) as connection:
            adopted = await wait.adopted_hold(connection, ask)
        if adopted is not None:
            return adopted
        async with self._app.tenant(ask.tenant_id) as connection:
            return await wait.hold_places(connection, ask)

    @activity.defn(name=steps.keep_places.name)
    async def keep_places(self, ask: KeepPlaces) -> Kept:
        """Keep the places a grace longer; the booking awaits its payment. A repeat gives the same.

        Refuses HoldEnded, BookingEnded, PriceChanged, InvalidRequest (a passenger or consent is missing).
        """
        async with self._app.tenant(ask.tenant_id) as connection:
            return await wait.keep_places(connection, ask)

    @activity.defn(name=steps.ask_judge.name)
    async def ask_judge(self, ask: AskJudge) -> Kept:
        """Let the booking wait for a partner or reviewer, its places kept meanwhile. A repeat gives the same.

        Refuses HoldEnded, BookingEnded.
        """
        async with self._app.tenant(ask.tenant_id) as connection:
            return await wait.ask_judge(connection, ask)

    @activity.defn(name=steps.release_places.name)
    async def release_places(self, ask: HoldPlaces) -> None:
        """Give back what is still held; nothing held is nothing done."""
        async with self._app.tenant(ask.tenant_id) as connection:
            await holds.release_places(connection, ask)
