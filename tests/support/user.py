"""People with an account, and what they do with the product."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2

from domain.ids import TenantId
from providers.token import KeyRing, UserTokens
from tests.support.shop import Shop
from tests.support.stack import Booked, Stack, bearer, idempotent, publishable_key
from tests.support.wait import eventually

METHODS = "/api/v1/users/me/payment-methods"


class User:
    """Somebody with an account, and what they do."""

    def __init__(self, stack: Stack, tenant_id: TenantId, name: str = "ada", role: str = "user") -> None:
        tokens = UserTokens(KeyRing(stack.settings.jwt_private_key), stack.settings.jwt_issuer)
        now = datetime.now(UTC)
        self.token = tokens.sign(name, tenant_id, [role], token_id=uuid4().hex, now=now)
        self.stack, self.headers = stack, bearer(self.token)

    async def book(self, shop: Shop) -> Booked:
        """Book one place; where it was not possible at this moment, ask again as any client does."""
        body = {
            "offer_id": str(shop.offer.id),
            "slot_id": str(shop.slot.id),
            "lines": [{"variant_id": str(shop.variant.id), "quantity": 1}],
            "contact": {"name": "Ada Lovelace", "email": "ada@example.com"},
        }
        through = {"X-Channel-Key": publishable_key(shop)}
        headers = self.headers | through | idempotent(None)

        async def answered() -> httpx2.Response | None:
            answer = await self.stack.http.post("/api/v1/bookings", json=body, headers=headers)
            return None if answer.status_code == 503 else answer

        return Booked.of(await eventually(answered, what="an answer to the wish to book"))

    async def ask_to_store(
        self, card: str = "visa", *, key: str | None = None, **more: Any
    ) -> httpx2.Response:
        """Send the wish to store a test card."""
        return await self.stack.http.post(
            METHODS,
            json={"payment_token": f"pm_card_{card}", **more},
            headers={**self.headers, **idempotent(key)},
        )

    async def store(self, card: str = "visa", **more: Any) -> UUID:
        """Store a test card, however long that takes; gives the method's id."""
        key = str(uuid4())

        async def stored() -> UUID | None:
            answer = await self.ask_to_store(card, key=key, **more)
            assert answer.status_code in (201, 202, 503), answer.text
            return UUID(answer.json()["id"]) if answer.status_code == 201 else None

        return await eventually(stored, what="the method to be stored")

    async def methods(self) -> list[dict[str, Any]]:
        """List the stored methods."""
        answer = await self.stack.http.get(METHODS, headers=self.headers)
        assert answer.status_code == 200, answer.text
        listed: list[dict[str, Any]] = answer.json()["items"]
        return listed

    async def ask_to_pay(
        self, booking: Booked, method_id: UUID | None = None, *, key: str | None = None, **more: Any
    ) -> httpx2.Response:
        """Send the wish to pay, with a stored method or without."""
        named = {"method_id": str(method_id)} if method_id else {}
        return await self.stack.http.post(
            f"/api/v1/bookings/{booking.id}/payments",
            json={"return_url": f"{self.stack.settings.api_url}/docs", **named, **more},
            headers={**self.headers, **idempotent(key)},
        )

    async def pay_and_keep(self, booking: Booked, card: str = "visa") -> str:
        """Pay with a card that the provider keeps as it is paid with; gives the payment's id."""
        key = str(uuid4())

        async def opened() -> httpx2.Response | None:
            answer = await self.ask_to_pay(booking, key=key, keep_method=True)
            return None if answer.status_code == 202 else answer

        answer = await eventually(opened, what="an answer to the wish to pay")
        assert answer.status_code == 201, answer.text
        await self.stack.sandbox.pay(answer.json()["payment_url"], card)
        return str(answer.json()["payment_id"])

    async def delete(self, method_id: UUID) -> httpx2.Response:
        """Delete a stored method."""
        return await self.stack.http.delete(f"{METHODS}/{method_id}", headers=self.headers)
