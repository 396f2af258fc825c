"""Webhooks of every provider to several endpoints: each tried on its own ladder by the account's clock."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.sandbox.conftest import Receiver, Shop
from tests.sandbox.merchant import Merchant
from tests.sandbox.paypal_merchant import PayPalMerchant

DAY = 24 * 3600
# As docs/sandbox.md says, in seconds.
LADDERS: dict[str, Sequence[float]] = {
    "stripe": [1, 5, 30, 300, 3600, 3 * 3600],
    "adyen": [1, 2, 4, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 28_800, 28_800],
    "paypal": [2, 10, 60, 600, 3600, 6 * 3600],
}
SECRET = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"  # noqa: S105 - of the tests


@dataclass
class Teller:
    """An account of which something can be told."""

    key: str
    happen: Callable[[], Awaitable[object]]
    control: Callable[..., Awaitable[Any]]
    ladder: Sequence[float]

    async def listen(self, url: str) -> None:
        """Have everything told to an address as well."""
        await self.control("PUT", f"/accounts/{self.key}/endpoints", url=url, secret=SECRET)

    async def drain(self) -> None:
        """Wait for all deliveries that are due."""
        assert (await self.control("POST", "/deliveries/drain"))["delivered"]

    async def advance(self, seconds: float) -> None:
        """Move the account's clock and wait for what that causes."""
        assert (await self.control("POST", "/clock/advance", seconds=seconds, account=self.key))["delivered"]

    async def deliveries(self) -> list[dict[str, Any]]:
        """List deliveries with their attempts."""
        found: list[dict[str, Any]] = await self.control("GET", f"/deliveries?account={self.key}")
        return found


@pytest.fixture(params=LADDERS)
def teller(request: pytest.FixtureRequest, shop: Shop, merchant: Merchant, paypal: PayPalMerchant) -> Teller:
    """Give an account at each provider in turn."""
    ladder = LADDERS[request.param]

    async def intent() -> None:
        await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})

    async def session() -> None:
        await merchant.pay((await merchant.session())["id"])

    async def order() -> None:
        await paypal.approve(await paypal.order())

    match request.param:
        case "stripe":
            return Teller(shop.key, intent, shop.control, ladder)
        case "adyen":
            return Teller(merchant.key, session, merchant.control, ladder)
        case _:
            return Teller(paypal.client, order, paypal.control, ladder)


async def test_each_endpoint_has_a_ladder_of_its_own(teller: Teller, receiver: Receiver) -> None:
    await teller.listen(receiver.url)
    await teller.listen(receiver.url.replace("/hook", "/nobody"))  # answers 404 for ever

    await teller.happen()
    await teller.drain()
    for _ in range(2 * len(teller.ladder)):
        await teller.advance(DAY)

    by_status = {each["status"]: each for each in await teller.deliveries()}
    assert by_status.keys() == {"delivered", "failed"}
    assert len(by_status["delivered"]["attempts"]) == 1
    tries = by_status["failed"]["attempts"]
    assert [each["status"] for each in tries] == [404] * (len(teller.ladder) + 1)
    assert [each.get("again_seconds") for each in tries] == [*teller.ladder, None]


async def test_what_was_told_while_an_endpoint_was_down_comes_once_when_it_is_back(
    teller: Teller, receiver: Receiver
) -> None:
    """F22, the provider's side: an hour of failures, then everything."""
    await teller.listen(receiver.url)
    receiver.down = True
    for _ in range(12):
        await teller.happen()
    await teller.drain()
    for _ in range(2):
        await teller.advance(1800)
    waiting = await teller.deliveries()

    receiver.down = False
    await teller.advance(DAY)

    assert {each["status"] for each in waiting} == {"pending"}
    arrived = await teller.deliveries()
    assert len(arrived) == len(waiting) >= 12
    assert {each["status"] for each in arrived} == {"delivered"}
    assert len(receiver.deliveries) <= len(arrived)  # Adyen sends several at once
