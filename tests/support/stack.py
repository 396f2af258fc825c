"""The whole product, run for one test: the API under a real server, the workers and the relay in this
process, over a database, task queues and provider accounts of the test's own.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Self, TextIO, cast
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from uuid_utils.compat import uuid7

import worker
from api.app import create_app
from db.booking.read import find
from domain.booking import BookingRequest
from domain.event import OF_BOOKING
from domain.ids import BookingId, PaymentId
from domain.money import Money
from domain.payment import StartPayment
from domain.schema import SCHEMAS
from observability import log as logs
from providers.gateway import Gateway
from settings import Settings
from tests.support import mail, paypal
from tests.support.configuration import settings_of
from tests.support.database import Databases
from tests.support.fault import Faults
from tests.support.sandbox import Account
from tests.support.server import address, free_socket, serving
from tests.support.shop import Shop, open_shop
from tests.support.wait import PATIENCE_SECONDS, eventually
from workflows import names
from workflows.client import Sagas

RETURN_PATH = "/docs"
MakeStack = Callable[..., AbstractAsyncContextManager["Stack"]]
ENDS = ("confirmed", "expired", "failed", "cancelled", "rejected", "refunded")
# What a client asks again for: it takes its time, or cannot be had now.
ASK_AGAIN = (202, 503)
# The door waits as long as who asks: where it is to give up sooner, a test says so.
DOOR_SECONDS = 60


@dataclass(frozen=True)
class Booked:
    """A booking as its buyer knows it."""

    id: UUID
    reference: str
    token: str
    answer: dict[str, Any]

    @classmethod
    def of(cls, answer: httpx2.Response) -> Self:
        """Read the answer of an accepted wish to book."""
        assert answer.status_code == 201, answer.text
        told = answer.json()
        return cls(UUID(told["id"]), told["reference"], told["access_token"], told)

    @property
    def workflow(self) -> str:
        """The id of its run."""
        return names.booking(self.id)


@dataclass
class Stack:
    """What a test does with the product."""

    settings: Settings
    databases: Databases
    http: httpx2.AsyncClient
    judge: "asyncpg.Connection[asyncpg.Record]"  # sees everything, past all permissions
    sandbox: Account
    temporal: Client
    faults: Faults
    further: Sequence[Gateway] = ()  # adapters of the test's own
    patience_seconds: float = PATIENCE_SECONDS  # of a client who is asked to come again
    _wishes: "list[asyncio.Task[httpx2.Response]]" = field(default_factory=list)
    _asks: asyncio.Lock = field(default_factory=asyncio.Lock)  # a connection answers one at a time

    @property
    def environment(self) -> dict[str, str]:
        """The settings as a program of its own reads them."""
        given = self.settings.model_dump(exclude_unset=True)
        return {name.upper(): str(value) for name, value in given.items()}

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[Sagas]:
        """Tell sagas what no route tells them."""
        yield Sagas(self.temporal, self.settings.queue_prefix, timedelta(seconds=DOOR_SECONDS))

    def on(self, temporal_address: str) -> "Stack":
        """Give the same stack on another Temporal server, for workers."""
        return replace(self, settings=self.settings.model_copy(update={"temporal_address": temporal_address}))

    @asynccontextmanager
    async def working(self, *queues: str) -> AsyncIterator[Sagas]:
        """Run workers for these queues (all of them, and the relay, when none is named) in this process."""
        async with (
            worker.parts(self.settings, further=self.further) as parts,
            worker.working(parts, queues or worker.QUEUES, interceptors=[self.faults], failing=[Exception]),
        ):
            yield parts.sagas

    async def at_adyen(self, shop: Shop) -> "Stack":
        """Let a shop be paid over Adyen, which tells us from now on; gives the stack with that account."""
        adyen = replace(self.sandbox, provider="adyen", key=self.settings.adyen_api_key)
        hook = f"{self.settings.api_url}/api/v1/webhooks/adyen"
        await adyen.listen(hook, self.settings.adyen_hmac_key)
        await shop.prefer("adyen")
        return replace(self, sandbox=adyen)

    async def at_paypal(self, shop: Shop) -> "Stack":
        """Let a shop be paid over PayPal, which tells us from now on; give the stack with our books."""
        there = replace(self.sandbox, provider="paypal", key=self.settings.paypal_client_id)
        await there.listen(f"{self.settings.api_url}/api/v1/webhooks/paypal", paypal.WEBHOOK)
        await shop.prefer("paypal")
        return replace(self, sandbox=there)

    async def follow_mail(self) -> Account:
        """Have the mail service tell us, from now on, what becomes of letters; gives the account there."""
        there = mail.at_sendgrid(self.sandbox)
        await there.listen(f"{self.settings.api_url}/api/v1/webhooks/sendgrid", mail.SECRET)
        return there

    async def shop(self, **wishes: Any) -> Shop:
        """Make an organizer with something to sell: one slot, one variant at 25.00 EUR unless said."""
        return await open_shop(self.databases.app, **wishes)

    async def ask_to_book(
        self, shop: Shop, *, quantity: int = 1, key: str | None = None, **more: Any
    ) -> httpx2.Response:
        """Send the wish to book places of the shop's first slot and variant."""
        body = {
            "offer_id": str(shop.offer.id),
            "slot_id": str(shop.slot.id),
            "lines": [{"variant_id": str(shop.variant.id), "quantity": quantity}],
            "contact": {"name": "Ada Lovelace", "email": "ada@example.com"},
            **more,
        }
        return await self.http.post(
            "/api/v1/bookings", json=body, headers=bearer(publishable_key(shop)) | idempotent(key)
        )

    async def book(self, shop: Shop | None = None, **more: Any) -> Booked:
        """Book places, in a new shop unless one is given; again while they cannot be had now, as any client
        does.
        """
        shop, key = shop or await self.shop(), uuid4().hex
        wish = partial(self.ask_to_book, shop, **{"key": key, **more})
        return Booked.of(await self._answered(wish, what="an answer to the wish to book"))

    async def ask_to_pay(self, booking: Booked, *, key: str | None = None, **more: Any) -> httpx2.Response:
        """Send the wish to pay."""
        return await self.http.post(
            f"/api/v1/bookings/{booking.id}/payments",
            json={"return_url": f"{self.settings.api_url}{RETURN_PATH}", **more},
            headers=bearer(booking.token) | idempotent(key),
        )

    async def checkout(self, booking: Booked, *, key: str | None = None, **more: Any) -> dict[str, Any]:
        """Open a checkout; while the answer takes its time, ask again as any client does."""
        wish = partial(self.ask_to_pay, booking, key=key or uuid4().hex, **more)
        answer = await self._answered(wish, what="an answer to the wish to pay")
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def pay(self, booking: Booked, card: str = "visa", **more: Any) -> dict[str, Any]:
        """Open a checkout and pay it as a buyer with this card would."""
        checkout = await self.checkout(booking, **more)
        await self.sandbox.pay(checkout["payment_url"], card)
        return checkout

    async def confirm(self, booking: Booked, payment_id: str) -> httpx2.Response:
        """Say, as the buyer's client does, that it is paid."""
        return await self.http.post(
            f"/api/v1/bookings/{booking.id}/confirm",
            json={"payment_id": payment_id},
            headers=bearer(booking.token) | idempotent(None),
        )

    async def ask_to_cancel(self, booking: Booked) -> None:
        """Send the wish to cancel, and do not wait for the end: only until the run has it."""
        self._wishes.append(asyncio.create_task(self.cancel(booking)))

        async def accepted() -> bool:
            history = await self.run_of(booking).fetch_history()
            updates = (e.workflow_execution_update_accepted_event_attributes for e in history.events)
            return any(update.accepted_request.input.name == "cancel" for update in updates)

        await eventually(accepted, what="the wish to cancel")

    async def cancel(self, booking: Booked) -> httpx2.Response:
        """Cancel as the buyer."""
        return await self.http.post(
            f"/api/v1/bookings/{booking.id}/cancel", json={}, headers=bearer(booking.token) | idempotent(None)
        )

    async def read(self, booking: Booked) -> dict[str, Any]:
        """Read the booking as its buyer sees it."""
        look = partial(self.http.get, f"/api/v1/bookings/{booking.id}", headers=bearer(booking.token))
        answer = await self._answered(look, what="the booking")
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    async def wait_for(self, booking: Booked, *statuses: str) -> dict[str, Any]:
        """Read the booking until it is in one of these states."""

        async def look() -> dict[str, Any] | None:
            seen = await self.read(booking)
            return seen if seen["status"] in statuses else None

        return await eventually(look, what=f"{booking.reference} to be {' or '.join(statuses)}")

    async def request(self, booking: Booked) -> BookingRequest:
        """Write what the booking's run is started with, as the relay does."""
        tenant_id = await self.value("select tenant_id from bookings where id = $1", booking.id)
        async with self.databases.app.tenant(tenant_id) as connection:
            found = await find(connection, tenant_id, BookingId(booking.id))
        return found.request(grace=timedelta(seconds=self.settings.hold_grace_seconds))

    async def wish_to_pay(self, booking: Booked) -> StartPayment:
        """Write the wish to pay as the API does."""
        return StartPayment(
            payment_id=PaymentId(uuid7()),
            provider="stripe",
            account="default",
            amount=Money.model_validate(booking.answer["due"]),
            return_url=f"{self.settings.api_url}{RETURN_PATH}",
        )

    def run_of(self, booking: Booked) -> WorkflowHandle[Any, Any]:
        """Give the handle of the booking's run."""
        return self.temporal.get_workflow_handle(booking.workflow)

    async def closed(self, workflow_id: str) -> Any:
        """Wait until a run has begun and ended, and give what it answered."""
        handle = self.temporal.get_workflow_handle(workflow_id)
        await eventually(lambda: _is_known(handle), what=workflow_id)
        return await handle.result()

    async def _answered(self, ask: Callable[[], Awaitable[httpx2.Response]], *, what: str) -> httpx2.Response:
        """Send a wish, the same again as long as a client has to, and give the answer."""

        async def look() -> httpx2.Response | None:
            answer = await ask()
            return None if answer.status_code in ASK_AGAIN else answer

        return await eventually(look, what=what, seconds=self.patience_seconds)

    async def value(self, sql: str, *values: Any) -> Any:
        """Ask the database for one value, as a judge who may see everything."""
        async with self._asks:
            return await self.judge.fetchval(sql, *values)

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database for rows, as a judge who may see everything."""
        async with self._asks:
            return [dict(row) for row in await self.judge.fetch(sql, *values)]


async def _is_known(handle: WorkflowHandle[Any, Any]) -> bool:
    try:
        await handle.describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


@asynccontextmanager
async def front(
    databases: Databases,
    temporal_address: str,
    temporal: Client,
    sandbox_url: str,
    *,
    further: Sequence[Gateway] = (),
    **changed: Any,
) -> AsyncIterator[Stack]:
    """Serve the API over a fresh database and fresh accounts; the workers are the test's to start."""
    listening = free_socket()
    async with httpx2.AsyncClient(base_url=address(listening), timeout=PATIENCE_SECONDS) as http:
        sandbox = Account(sandbox_url, http)
        secret = await sandbox.register(f"{address(listening)}/api/v1/webhooks/stripe")
        roots = await paypal.roots_file(sandbox)
        verification_keys = ",".join(await mail.verification_keys(sandbox))
        own = {"sendgrid_webhook_key": verification_keys, "payment_answer_seconds": DOOR_SECONDS}
        settings = settings_of(databases.urls, temporal_address, sandbox, address(listening), secret, roots)
        settings = settings.model_copy(update=own | changed)
        judge = await asyncpg.connect(databases.urls.admin)
        try:
            async with serving(create_app(settings, further), listening):
                yield Stack(settings, databases, http, judge, sandbox, temporal, Faults(), further)
            await all_told_by_the_catalogue(judge)
        finally:
            await judge.close()


async def all_told_by_the_catalogue(judge: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Hold every event that a story has told against the published schemas (WHK-12)."""
    for told in await judge.fetch("select distinct type, data::text from events"):
        SCHEMAS[told["type"]].data.model_validate_json(told["data"])
    of_bookings = await judge.fetch("select distinct type from events join bookings on id = subject")
    assert {told["type"] for told in of_bookings} <= OF_BOOKING, "who follows a booking is not told of it"


def publishable_key(shop: Shop) -> str:
    """Give the key that the shop shows to the world."""
    return f"pk_test_{shop.tenant_id.hex}"


def bearer(credential: str) -> dict[str, str]:
    """Write the header that shows a credential."""
    return {"Authorization": f"Bearer {credential}"}


def idempotent(key: str | None) -> dict[str, str]:
    """Write the header that names a request, by a new name unless one is given."""
    return {"Idempotency-Key": key or str(uuid4())}


class _Output:
    """Standard output as it is now: pytest gives each test one of its own."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture(scope="session")
def quiet() -> None:
    """Write logs as in production, warnings and worse: pytest shows them for tests that fail."""
    logs.set_up("test", level="warning", out=cast("TextIO", _Output()))


@pytest.fixture
def make_stack(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> MakeStack:
    """Serve the whole product, with these settings changed."""

    @asynccontextmanager
    async def make(**changed: Any) -> AsyncIterator[Stack]:
        async with (
            front(databases, temporal_address, temporal, sandbox_url, **changed) as served,
            served.working(),
        ):
            yield served

    return make


@pytest.fixture
async def idle_stack(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> AsyncIterator[Stack]:
    """Serve the API; whoever wants workers starts them."""
    async with front(databases, temporal_address, temporal, sandbox_url) as served:
        yield served


@pytest.fixture
async def stack(idle_stack: Stack) -> AsyncIterator[Stack]:
    """Serve the API, with all workers and the relay at work."""
    async with idle_stack.working():
        yield idle_stack
