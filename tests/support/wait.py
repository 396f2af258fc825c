"""Waiting for what comes by itself: look again until it is there, up to a deadline; no test sleeps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_EVERY_SECONDS = 0.02
# Only a test that fails waits this long.
PATIENCE_SECONDS = 120.0


async def eventually(
    look: Callable[[], Awaitable[T | None]],
    *,
    what: str = "it",
    seconds: float = PATIENCE_SECONDS,
    every: float = LOOK_EVERY_SECONDS,
) -> T:
    """Look until there is something to see, and give it; AssertionError when there is nothing in time. What
    costs those who are looked at is looked at less often, `every` so many seconds.
    """
    seen: T | None = None
    try:
        async with asyncio.timeout(seconds):
            while not (seen := await look()):  # noqa: ASYNC110 - what we look at is elsewhere
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {seconds:.0f} s; last seen: {seen!r}") from None
    return seen
