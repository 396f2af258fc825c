"""How long the product remembers what a caller's key was used for."""

from uuid import uuid4

import pytest

from tests.support.stack import Stack
from tests.support.wait import eventually

AGE = "update idempotency_keys set created_at = created_at - $2::text::interval where key = $1"
KEYS = "select array_agg(key order by key) from idempotency_keys"


@pytest.mark.row("SAG-10", "PAY-08", partly="within the 24 hours: tests/db and tests/api")
async def test_a_key_is_free_again_after_a_day(idle_stack: Stack) -> None:
    stack = idle_stack
    shop = await stack.shop()
    fresh, young, old = (f"{age}-{uuid4().hex}" for age in ("a", "b", "c"))
    first = {key: (await stack.book(shop, key=key)).id for key in (fresh, young, old)}
    await stack.judge.execute(AGE, young, "23 hours")
    await stack.judge.execute(AGE, old, "25 hours")

    async with stack.working("relay"):

        async def tidied() -> bool:
            return bool(await stack.value(KEYS) == [fresh, young])

        await eventually(tidied, what="the oldest key to be forgotten")

    again = {key: (await stack.book(shop, key=key)).id for key in (fresh, young, old)}
    assert (again[fresh], again[young]) == (first[fresh], first[young])
    assert again[old] != first[old]
