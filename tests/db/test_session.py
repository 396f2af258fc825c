"""Transactions of a tenant."""

from tests.support.database import Databases


async def test_it_answers(databases: Databases) -> None:
    await databases.app.ping()
