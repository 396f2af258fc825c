"""What our adapters add to a call: a checkout opened through each of them, against a bare POST of the same
request to the same route of the sandbox.

Both wait for the sandbox, and take turns call by call. Adyen's own package works in threads over `requests`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import aiohttp

from bench.figure import Figure, middle, ratio
from bench.outside import PROVIDERS, Asked, gateway, opening, order, sandbox
from providers.gateway import Gateway

CALLS = 200
ROUNDS = 5
GOALS = {"stripe": "≤ 3", "paypal": "≤ 3"}


def measure() -> list[Figure]:
    """Measure each adapter in turn."""
    with sandbox() as url:
        return asyncio.run(_all(url))


async def _all(url: str) -> list[Figure]:
    figures = []
    async with aiohttp.ClientSession() as http:
        for provider in PROVIDERS:
            adapter, asked = await gateway(provider, url, http), await opening(provider, url, http)
            runs = [await _side_by_side(adapter, asked, url, http) for _ in range(ROUNDS + 1)][1:]
            ours, bares = zip(*runs, strict=True)
            figures += [
                ratio(f"{provider}_overhead_ratio", ours, bares, GOALS.get(provider, "")),
                middle(f"{provider}_call_ms", [seconds / CALLS * 1000 for seconds in ours], "ms"),
                middle(f"{provider}_bare_ms", [seconds / CALLS * 1000 for seconds in bares], "ms"),
            ]
    return figures


async def _side_by_side(
    adapter: Gateway, asked: Asked, url: str, http: aiohttp.ClientSession
) -> tuple[float, float]:
    """Give the seconds that so many calls through the adapter took, and as many bare ones."""

    async def ours() -> None:
        await adapter.open_checkout(order(), op_key=uuid4().hex)

    async def bare() -> None:
        async with http.request(
            asked.method, url + asked.path, headers=asked.anew(), data=asked.body
        ) as answer:
            await answer.read()
            answer.raise_for_status()

    through, past = 0.0, 0.0
    for _ in range(CALLS):
        through += await _seconds(ours)
        past += await _seconds(bare)
    return through, past


async def _seconds(call: Callable[[], Awaitable[None]]) -> float:
    begun = time.perf_counter()
    await call()
    return time.perf_counter() - begun
