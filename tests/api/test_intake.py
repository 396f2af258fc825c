"""The intake stores what comes together in one transaction, and lets one event harm no other."""

import asyncio

import asyncpg

from api.intake import Intake
from db.webhook import Delivery
from tests.support.database import Databases, superuser

TRANSACTIONS = "select count(distinct xmin::text) from webhook_events"
STORED = "select event_id from webhook_events order by event_id"


def delivery(event_id: str, kind: str = "payment_intent.created") -> Delivery:
    return Delivery("stripe", "default", event_id, kind, None, b"{}", ignored="moves_nothing")


async def test_what_comes_while_a_group_is_written_shares_the_next_transaction(databases: Databases) -> None:
    intake = Intake(databases.app)
    async with superuser(databases.urls) as judge:
        async with judge.transaction():
            await judge.execute("lock table webhook_events in exclusive mode")
            asked = [asyncio.create_task(intake.store("stripe", [delivery(f"evt_{n}")])) for n in range(20)]
            await asyncio.sleep(0)
            assert not any(each.done() for each in asked)
        await asyncio.gather(*asked)

        assert len(await judge.fetch(STORED)) == 20
        assert await judge.fetchval(TRANSACTIONS) <= 2


async def test_an_event_that_cannot_be_stored_takes_no_other_along(databases: Databases) -> None:
    intake = Intake(databases.app)
    async with superuser(databases.urls) as judge:
        asked = [
            intake.store("stripe", [delivery("evt_good")]),
            intake.store("stripe", [delivery("evt_bad", kind="\x00")]),
            intake.store("stripe", [delivery("evt_next")]),
        ]

        good, bad, following = await asyncio.gather(*asked, return_exceptions=True)

        assert (good, following) == (None, None)
        assert isinstance(bad, asyncpg.CharacterNotInRepertoireError)
        assert [row["event_id"] for row in await judge.fetch(STORED)] == ["evt_good", "evt_next"]


async def test_in_an_outage_all_who_wait_hear_of_it(databases: Databases) -> None:
    intake = Intake(databases.app)
    await databases.app.close()

    for told in await asyncio.gather(
        *(intake.store("stripe", [delivery(f"evt_{n}")]) for n in range(3)), return_exceptions=True
    ):
        assert isinstance(told, asyncpg.InterfaceError)


async def test_an_event_that_is_delivered_twice_at_once_is_stored_once(databases: Databases) -> None:
    intake = Intake(databases.app)
    async with superuser(databases.urls) as judge:
        await asyncio.gather(*(intake.store("stripe", [delivery("evt_twin")]) for _ in range(2)))

        assert len(await judge.fetch(STORED)) == 1
