"""Runs migrations as the owner of the schema (DATABASE_URL, or POSTGRES_URL)."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from db.schema.metadata import metadata


def migrate(connection: Connection) -> None:
    """Run what is due in one transaction; gives up soon rather than make others queue for a lock."""
    connection.execute(text("set lock_timeout = '1s'"))
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=False
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


async def connect_and_migrate() -> None:
    """Connect, migrate, close."""
    url = os.environ.get("DATABASE_URL") or os.environ["POSTGRES_URL"]
    scheme, address = url.split("://", 1)
    if not scheme.startswith("postgres"):
        raise ValueError("DATABASE_URL must look like postgresql://role:password@host:port/database")
    engine = create_async_engine(f"postgresql+asyncpg://{address}", poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database: set DATABASE_URL.")
asyncio.run(connect_and_migrate())
