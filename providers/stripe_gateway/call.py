"""How the parts of this gateway call Stripe: through its one way out, and page after page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

from providers.stripe_gateway.fact import Json

# Waits for Stripe's answer to an operation, and raises what goes wrong in the gateway's words.
Call: TypeAlias = Callable[[str, Awaitable[object]], Awaitable[Json]]

PAGE = 100


async def each(
    call: Call, operation: str, listing: Callable[[Any], Awaitable[object]], params: Json
) -> AsyncIterator[Json]:
    """Go through a list, newest first, page after page."""
    more: Json = {}
    while True:
        page = await call(operation, listing({**params, **more, "limit": PAGE}))
        for one in page["data"]:
            yield one
        if not page["has_more"]:
            return
        more = {"starting_after": page["data"][-1]["id"]}
