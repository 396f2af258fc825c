"""The control of `bench accept`: the least a FastAPI and asyncpg application does to keep one row, and a
route that does nothing.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, Request


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold a pool of the same size as the product's."""
    async with asyncpg.create_pool(os.environ["BARE_DATABASE_URL"], min_size=8, max_size=8) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.post("/rows", status_code=201)
async def insert(request: Request) -> dict[str, Any]:
    """Keep one row."""
    body = await request.json()
    row = await app.state.pool.fetchrow(
        "insert into bare (body) values ($1) returning id", str(body["lines"])
    )
    return {"id": row["id"]}


@app.get("/nothing")
async def nothing() -> dict[str, str]:
    """Do nothing."""
    return {}
