"""A buyer over HTTP: books, opens a checkout, pays it at the sandbox, and waits for the tickets."""

import asyncio
import uuid
from http import HTTPStatus
from typing import Any

import aiohttp
import asyncpg

from bench.stack import Stack

PATIENCE_SECONDS = 30.0

COUNTERS = """
insert into counters (tenant_id, id, capacity) select $1, id, 100000000 from unnest($2::uuid[]) as new (id)
"""
SLOTS_LIKE = """
insert into slots (tenant_id, id, offer_id, starts_at, ends_at, sales_until, status)
select s.tenant_id, new.id, s.offer_id, s.starts_at, s.ends_at, s.sales_until, 'live'
  from slots s, unnest($2::uuid[]) as new (id) where s.id = $1
"""


class Buyer:
    """Buys places of one slot of the demo catalogue's roomiest offer."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, slot: str) -> None:
        self.stack, self.session, self.slot = stack, session, slot
        self.offer = roomy(stack)

    def order(self) -> dict[str, Any]:
        """Write the body of a booking of one place."""
        return order(self.offer, self.slot)

    async def buy(self) -> str:
        """Buy one place, from the request to the tickets; answers the booking's id."""
        booking = await self.book()
        payment = await self.checkout(booking)
        await self.pay(payment["client_secret"])
        await self.confirmed(booking)
        return str(booking["id"])

    async def book(self) -> dict[str, Any]:
        """Have one place held."""
        return await self._post("/api/v1/bookings", self.order(), channel(self.stack))

    async def checkout(self, booking: dict[str, Any]) -> dict[str, Any]:
        """Have a checkout opened."""
        wish = {"return_url": f"{self.stack.settings['API_URL']}/return", "hosted": False}
        return await self._post(f"/api/v1/bookings/{booking['id']}/payments", wish, own(booking))

    async def cancel(self, booking: dict[str, Any]) -> None:
        """Give the booking up."""
        await self._post(f"/api/v1/bookings/{booking['id']}/cancel", {}, own(booking))

    async def pay(self, client_secret: str) -> None:
        """Pay at the provider what a client with this secret pays there."""
        intent = client_secret.partition("_secret")[0]
        url = f"{self.stack.settings['SANDBOX_URL']}/_sandbox/payment_intents/{intent}/pay"
        async with self.session.post(url, json={"card": "4242424242424242"}) as answer:
            answer.raise_for_status()

    async def confirmed(self, booking: dict[str, Any]) -> None:
        """Follow the booking's events, as a shop's page does, until it is confirmed."""
        url = f"{self.stack.api}/api/v1/bookings/{booking['id']}/events"
        headers = {"Authorization": f"Bearer {booking['access_token']}"}
        limit = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        async with self.session.get(url, headers=headers, timeout=limit) as stream:
            async for line in stream.content:
                if line.startswith(b"event: booking.confirmed"):
                    return
        raise TimeoutError(f"the events of booking {booking['id']} ended without its confirmation")

    async def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Ask, and again with the same key while the answer is still to come."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with self.session.post(f"{self.stack.api}{path}", json=body, headers=headers) as answer:
                    answer.raise_for_status()
                    if answer.status != HTTPStatus.ACCEPTED:
                        return dict(await answer.json())
                await asyncio.sleep(float(answer.headers["Retry-After"]))


async def slots_with_room(stack: Stack, number: int) -> list[str]:
    """Give the roomiest offer so many more slots, with room for everybody; answers their ids."""
    last = uuid.UUID(roomy(stack)["slots"][-1]["slot_id"])
    slots = [uuid.uuid4() for _ in range(number)]
    tenant_id = uuid.UUID(stack.catalogue["tenant_id"])
    connection = await asyncpg.connect(stack.settings["DATABASE_APP_URL"])
    try:
        async with connection.transaction():
            await connection.execute("select set_config('app.tenant_id', $1, true)", str(tenant_id))
            await connection.execute(COUNTERS, tenant_id, slots)
            await connection.execute(SLOTS_LIKE, last, slots)
    finally:
        await connection.close()
    return [str(slot) for slot in slots]


def roomy(stack: Stack) -> dict[str, Any]:
    """Choose the offer of the demo catalogue with the most slots that cost something."""
    return max(
        (offer for offer in stack.catalogue["offers"] if priced(offer)), key=lambda offer: len(offer["slots"])
    )


def priced(offer: dict[str, Any]) -> bool:
    """Say whether something has to be paid for an offer."""
    return any(variant["price_minor"] > 0 for variant in offer["variants"])


def order(offer: dict[str, Any], slot: str) -> dict[str, Any]:
    """Write the body of a booking of one place of a slot."""
    variant = next(variant for variant in offer["variants"] if variant["price_minor"] > 0)
    return {
        "offer_id": offer["offer_id"],
        "slot_id": slot,
        "lines": [{"variant_id": variant["variant_id"], "quantity": 1}],
        "contact": {"name": "Bench Buyer", "email": "bench@example.com"},
    }


def own(booking: dict[str, Any]) -> dict[str, str]:
    """Write the headers of the buyer of a booking, with a fresh Idempotency-Key."""
    return {"Authorization": f"Bearer {booking['access_token']}", "Idempotency-Key": uuid.uuid4().hex}


def channel(stack: Stack) -> dict[str, str]:
    """Write the headers of the channel's own key, with a fresh Idempotency-Key."""
    return {
        "Authorization": f"Bearer {stack.catalogue['publishable_key']}",
        "Idempotency-Key": uuid.uuid4().hex,
    }
