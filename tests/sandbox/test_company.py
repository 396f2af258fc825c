"""Events that a provider sends together wait for company when one has just gone, and never when none has."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.account import Account
from sandbox.clock import Clock
from sandbox.event import Endpoint
from sandbox.payment import Payment, open_payment
from sandbox.sendgrid import letter
from sandbox.sendgrid.face import SendGridFace
from sandbox.store import Store
from sandbox.stripe.face import StripeFace
from sandbox.webhook import Deliverer
from sandbox.work import World
from tests.sandbox.conftest import Receiver

LETTER: dict[str, Any] = {
    "from": {"email": "tickets@example.com"},
    "subject": "Your tickets",
    "personalizations": [{"to": [{"email": "ada@example.com"}]}],
    "content": [{"type": "text/plain", "value": "See you there."}],
}


class StandingClock(Clock):
    """A clock that is moved by hand."""

    time = 1_800_000_000.0

    def wall(self) -> float:
        return self.time


@pytest.fixture
async def clock() -> StandingClock:
    """Let time stand still."""
    return StandingClock()


@pytest.fixture
async def world(tmp_path: Path, clock: StandingClock) -> AsyncIterator[World]:
    """Play two providers, of which one sends several events at once."""
    store = Store(tmp_path / "books.sqlite3")
    world = World(store, seed=1, public_url="http://127.0.0.1")
    world.clock = clock
    world.play(StripeFace())
    world.play(SendGridFace())
    deliverer = Deliverer(world, None)
    world.stirred = deliverer.wake
    running = asyncio.create_task(deliverer.run())
    yield world
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    store.close()


async def test_what_follows_a_delivery_goes_out_together(
    world: World, clock: StandingClock, receiver: Receiver
) -> None:
    mailer = listening(world, "sendgrid", "SG.company", receiver, "delivered")
    shop = listening(world, "stripe", "sk_test_company", receiver, "payment_intent.created")
    send(world, mailer)
    await come(receiver, 1)
    send(world, mailer)
    open_one(world, shop)
    await come(receiver, 2)
    send(world, mailer)
    open_one(world, shop)
    await come(receiver, 3)

    clock.time += SendGridFace.company_seconds
    world.stirred()
    await come(receiver, 4)

    events = [json.loads(body) for body, _ in receiver.deliveries]
    assert [len(each) if isinstance(each, list) else each["object"] for each in events] == [
        1,
        "event",
        "event",
        2,
    ]


def listening(world: World, provider: str, key: str, receiver: Receiver, event_type: str) -> Account:
    """Open an account that is told of one type of events."""
    account = world.account(provider, key)
    with world.work(account) as work:
        endpoint = Endpoint(
            id=f"endpoint of {key}",
            account=account.id,
            created=work.now,
            url=receiver.url,
            secret="whsec_company",  # noqa: S106 (of nobody)
            types=[event_type],
        )
        work.add(endpoint)
    return account


def send(world: World, account: Account) -> None:
    """Send a mail, which is delivered at once."""
    with world.work(account) as work:
        letter.keep(work, LETTER)


def open_one(world: World, account: Account) -> None:
    """Open a payment."""
    with world.work(account) as work:
        payment = Payment(
            id=work.new_id("payment"), account=account.id, created=work.now, amount=100, currency="eur"
        )
        open_payment(work, payment)


async def come(receiver: Receiver, number: int) -> None:
    """Wait until so many deliveries have come."""
    async with asyncio.timeout(10):
        while len(receiver.deliveries) < number:
            receiver.came.clear()
            await receiver.came.wait()
