"""The shop as its callers see it: HTTP with the demo organizer's key, and the buyer at the payment page."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp

from devtools.paths import STATE
from devtools.stories.tale import wrong
from devtools.token import signed

SOON, AT_LEISURE = range(61), range(300, 100_000)  # seconds to pay: a story waits it out, or never uses it up
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
CASH = "cash"
GOOD_IBAN = "AT611904300234573201"
DECLINED_CARD, GOOD_CARD, ASKING_CARD = "4000000000000002", "4242424242424242", "4000000000003220"


class Unreachable(Exception):
    """Raised when no answer came, or one that says *later*: the same request may be sent again."""


@dataclass
class Refused(Exception):
    """Raised when the API says no: its problem document."""

    status: int
    problem: Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """What is bought: a slot of an offer of the demo catalogue, in one of its variants."""

    offer: Mapping[str, Any]
    slot: Mapping[str, Any]
    variant: Mapping[str, Any]

    @property
    def starts_at(self) -> datetime:
        """When it begins, UTC."""
        return datetime.fromisoformat(self.slot["starts_at"])


class Shop:
    """Books, pays and looks, as a buyer's browser would, over one provider.

    `patient`: sends again what was not answered.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        settings: Mapping[str, str],
        *,
        patient: bool = False,
        provider: str = "stripe",
    ) -> None:
        self.http, self.settings, self.patient, self.provider = http, settings, patient, provider
        self.catalogue: dict[str, Any] = json.loads((STATE / "demo.json").read_text())
        self.api, self.sandbox = settings["API_URL"], settings["SANDBOX_URL"]

    def places(self, *, pay_within: range = AT_LEISURE) -> Iterator[Place]:
        """Give what costs something and gives so many seconds to pay, offers with most slots first."""
        for offer in sorted(self.catalogue["offers"], key=lambda offer: -len(offer["slots"])):
            if _is_plain(offer) and offer["hold_seconds"] in pay_within:
                yield from _priced(offer)

    def places_of(self, name: str, *, starts_in: timedelta = timedelta(0)) -> Iterator[Place]:
        """Give what costs something of the offer of this name and starts after so long."""
        offer = next(offer for offer in self.catalogue["offers"] if offer["name"] == name)
        soonest = datetime.now(UTC) + starts_in
        yield from (place for place in _priced(offer) if place.starts_at >= soonest)

    async def book(self, place: Place, *, quantity: int = 1) -> dict[str, Any]:
        """Have places held; answers the booking with its access token."""
        body = {
            "offer_id": place.offer["offer_id"],
            "slot_id": place.slot["slot_id"],
            "lines": [{"variant_id": place.variant["variant_id"], "quantity": quantity}],
            "contact": {"name": "Ada Demo", "email": "ada@example.com"},
        }
        return await self.post("/api/v1/bookings", body, token=self.catalogue["publishable_key"])

    async def wish_to_pay(self, booking: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Open a hosted checkout, of an `amount` or by a `method` if said; answers its address. Cash is taken
        by a cashier, and is there with the answer.
        """
        body = {"return_url": f"{self.api}/", "hosted": True, "provider": self.provider, **more}
        payer = self.staff("cashier") if body["provider"] == CASH else booking["access_token"]
        return await self.post(f"/api/v1/bookings/{booking['id']}/payments", body, token=payer)

    async def pay(self, payment: Mapping[str, Any], card: str = GOOD_CARD) -> str:
        """Pay at the provider's page as a buyer with this test card; answers paid, declined …

        What was paid in cash needs no page.
        """
        if payment["provider"] == CASH:
            return "paid"
        return str((await self.at_page(payment, card=card))["outcome"])

    async def at_page(self, payment: Mapping[str, Any], **typed: Any) -> dict[str, Any]:
        """Send the provider's page in as a buyer who typed this; answers all that came of it.

        `card` or `iban`; with `after_expiry` the money comes though the page is closed.
        """
        checkout = (
            str(payment["payment_url"]).rstrip("/").rpartition("/")[2].partition("?")[0].partition("#")[0]
        )
        return await self.at_sandbox(f"checkout/{checkout}/pay", typed)

    async def at_bank(self, payment: str, code: str) -> str:
        """Answer the bank's question about a payment of the provider; gives what came of it."""
        return str((await self.at_sandbox(f"payments/{payment}/challenge", {"code": code}))["outcome"])

    async def break_down(self, route: str, kind: str, *, times: int = 1) -> None:
        """Order a fault of the sandbox: of an API route such as `POST /v1/refunds`, or of an event type."""
        account = self.settings["STRIPE_SECRET_KEY"]
        wish = {"provider": "stripe", "account": account, "route": route, "kind": kind, "times": times}
        await self.at_sandbox("faults", wish)

    async def at_sandbox(self, path: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Ask something of the sandbox's control interface."""
        url = f"{self.sandbox}/_sandbox/{path}"
        return await self._again(lambda: self._ask("POST", url, {}, wish))

    def run(self, workflow_id: str) -> str:
        """Answer where the Temporal Web UI shows a run."""
        return (
            f"{self.settings['TEMPORAL_UI_URL']}/namespaces/default/workflows/{quote(workflow_id, safe='')}"
        )

    def staff(self, role: str) -> str:
        """Answer a token of somebody of the organizer who has this role."""
        return signed(self.settings, role, uuid.UUID(self.catalogue["tenant_id"]))

    async def cancel(self, booking: Mapping[str, Any]) -> dict[str, Any]:
        """Cancel a booking."""
        path = f"/api/v1/bookings/{booking['id']}/cancel"
        return await self.post(path, {"reason": "changed my mind"}, token=booking["access_token"])

    async def look(self, booking: Mapping[str, Any]) -> dict[str, Any]:
        """Answer how a booking stands."""
        url, headers = f"{self.api}/api/v1/bookings/{booking['id']}", bearer(booking["access_token"])
        return await self._again(lambda: self._ask("GET", url, headers))

    async def until(self, booking: Mapping[str, Any], *statuses: str) -> dict[str, Any]:
        """Answer the booking once it stands at one of `statuses`; Wrong when it does not get there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (now := await self.look(booking))["status"] not in statuses:
            if time.monotonic() > deadline:
                wrong(f"booking {booking['reference']} is {now['status']}, not {' or '.join(statuses)}")
            await asyncio.sleep(POLL_SECONDS)
        return now

    async def events(self, booking: Mapping[str, Any]) -> AsyncIterator[str]:
        """Give the types of a booking's events as the stream tells them, from its beginning."""
        url, headers = f"{self.api}/api/v1/bookings/{booking['id']}/events", bearer(booking["access_token"])
        async with self.http.get(
            url, headers=headers, timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS)
        ) as stream:
            async for line in stream.content:
                if line.startswith(b"event:"):
                    yield line.partition(b":")[2].strip().decode()

    async def post(self, path: str, body: Mapping[str, Any], *, token: str = "") -> dict[str, Any]:
        """Send a wish under a fresh Idempotency-Key; a patient shop repeats it under the same one."""
        headers = {**(bearer(token) if token else {}), "Idempotency-Key": uuid.uuid4().hex}
        return await self._again(lambda: self._ask("POST", self.api + path, headers, body))

    async def _again(self, ask: Callable[[], Any]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer: dict[str, Any] = await ask()
            except Unreachable as outage:
                if not self.patient or time.monotonic() > deadline:
                    wrong(f"no answer: {outage}")
                await asyncio.sleep(POLL_SECONDS)
            else:
                return answer

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            async with self.http.request(method, url, headers=headers, json=body) as answer:
                told: dict[str, Any] = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{method} {url}: {error!r}") from None
        if answer.status == 202 or answer.status >= 500:
            raise Unreachable(f"{method} {url} answered {answer.status} {told.get('code', '')}")
        if answer.status >= 400:
            raise Refused(answer.status, told)
        return told


def _is_plain(offer: Mapping[str, Any]) -> bool:
    return not offer["partner_accepts"] and offer["deposit_percent"] == 100


def _priced(offer: Mapping[str, Any]) -> Iterator[Place]:
    for variant in offer["variants"]:
        if variant["price_minor"] > 0:
            yield from (Place(offer, slot, variant) for slot in offer["slots"])
            return


def bearer(token: str) -> dict[str, str]:
    """Answer the header that shows a credential."""
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def opened(
    settings: Mapping[str, str], *, patient: bool = False, provider: str = "stripe"
) -> AsyncIterator[Shop]:
    """Open a shop with connections of its own."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http:
        yield Shop(http, settings, patient=patient, provider=provider)
