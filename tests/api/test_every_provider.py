"""Deliveries of every provider at the door: forged ones are refused and leave nothing behind (F20), authentic
ones are taken however odd they are (F21), one that comes a hundred times at once is one (F16), and what an
hour left behind is stored while others book (F22).
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from api.app import create_app
from tests.api.conftest import WEBHOOK_SECRET, Door
from tests.support import forgery, paypal
from tests.support.sender import AdyenSender, Sender, Sent, StripeSender, paypal_sender

FORGED, HOSTILE, AT_ONCE = 120, 80, 100
# What an hour leaves behind: ten thousand with `./dev test --all`.
LEFT_BEHIND, UNDER_WAY = (10_000 if os.environ.get("HOLDFAST_TEST_ALL") else 100), 20
PROVIDERS = ("stripe", "adyen", "paypal")


@dataclass
class Line:
    """The way from a provider to our door."""

    door: Door
    provider: str
    sender: Sender

    async def deliver(self, sent: Sent, *, twice: str = "") -> httpx2.Response:
        """Deliver, with a header that comes twice if one is named."""
        raw, headers = sent
        listed = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        listed += [each for each in listed if each[0] == twice.encode()]
        return await self.door.http.post(f"/api/v1/webhooks/{self.provider}", content=raw, headers=listed)

    def good(self) -> Sent:
        """Write an authentic delivery."""
        return forgery.good(self.sender)


@asynccontextmanager
async def opened(door: Door, **changed: Any) -> AsyncIterator[Door]:
    """Open the door with other settings."""
    settings = door.settings.model_copy(update=changed)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://door.test") as http,
    ):
        yield replace(door, app=app, http=http, settings=settings)


@pytest.fixture(params=PROVIDERS)
async def line(request: pytest.FixtureRequest, door: Door, tmp_path: Path) -> AsyncIterator[Line]:
    """Give each provider's way to the door in turn."""
    if request.param == "stripe":
        yield Line(door, "stripe", StripeSender(WEBHOOK_SECRET))
    elif request.param == "adyen":
        key, merchant = door.settings.adyen_hmac_key, door.settings.adyen_merchant_account
        yield Line(door, "adyen", AdyenSender(key, merchant))
    else:
        async with paypal_sender(paypal.WEBHOOK, tmp_path) as (sender, roots):
            told = {"paypal_client_id": f"Ab{uuid4().hex}", "paypal_roots": str(roots)}
            async with opened(door, **told, paypal_api_base=sender.address) as wide:
                yield Line(wide, "paypal", sender)


@pytest.mark.row("WHK-01")
@pytest.mark.row("WHK-02")
@pytest.mark.row("WHK-03")
async def test_no_forged_delivery_is_kept_or_is_a_defect_of_ours(line: Line) -> None:
    chance, before = random.Random(20), await line.door.counts()  # noqa: S311 - repeatable on purpose

    for forge in islice(cycle(forgery.forgers(line.sender)), FORGED):
        sent = forge(line.sender, chance)
        answer = await line.deliver(sent)
        assert answer.status_code in (400, 401), (forge.__name__, sent, answer.text)

    assert await line.door.counts() == before


async def test_what_they_were_made_from_is_taken(line: Line) -> None:
    """The twin: without this the forgeries would prove nothing."""
    answer = await line.deliver(line.good())

    assert answer.status_code == 200, answer.text
    assert await line.door.judge.fetchval("select count(*) from webhook_events") == line.sender.items


async def test_a_doubled_signature_is_refused(line: Line) -> None:
    for name in line.sender.headers:
        assert (await line.deliver(line.good(), twice=name)).status_code == 400, name

    assert await line.door.judge.fetchval("select count(*) from webhook_events") == 0


@pytest.mark.row("WHK-06", partly="what becomes of it: tests/workflows/test_webhook.py")
async def test_one_delivery_a_hundred_times_at_once_is_stored_once(line: Line) -> None:
    sent = line.good()

    answers = await asyncio.gather(*(line.deliver(sent) for _ in range(AT_ONCE)))

    assert {answer.status_code for answer in answers} == {200}
    assert await line.door.judge.fetchval("select count(*) from webhook_events") == line.sender.items


async def test_what_an_hour_left_behind_is_stored_while_others_book(line: Line) -> None:
    turns = asyncio.Semaphore(UNDER_WAY)

    async def delivered() -> int:
        async with turns:
            return (await line.deliver(line.good())).status_code

    flood = asyncio.gather(*(delivered() for _ in range(LEFT_BEHIND)))
    for _ in range(3):
        await line.door.book()

    assert {*await flood} == {200}
    stored = LEFT_BEHIND * line.sender.items
    assert await line.door.judge.fetchval("select count(*) from webhook_events") == stored


ODD: list[Any] = [
    *(None, True, -1, 2**70, 1e308, "", "💣" * 300, [], {}, [[[]]], {"$gt": ""}, "'; drop table x; --"),
    *("../../etc/passwd", "9" * 5_000, "2026-02-30", "EUR", {"object": "payment_intent"}, "\u0000"),
]


@pytest.mark.row("WHK-18", partly="what becomes of what can be read: tests/workflows")
@pytest.mark.row("WHK-19")
async def test_an_authentic_delivery_that_is_hostile_is_taken_and_moves_nothing(line: Line) -> None:
    chance, before = random.Random(21), await line.door.counts()  # noqa: S311 - repeatable on purpose
    # What is no text has more than one spelling under Adyen's signature, so its item may be refused.
    fine = (200,) if line.sender.headers else (200, 401)

    for _ in range(HOSTILE):
        event = line.sender.event(str(uuid4()))
        about = chance.choice([each for each in _parts(event) if each])
        about[chance.choice(sorted(about))] = chance.choice(ODD)
        try:
            sent = line.sender.sealed(event, datetime.now(UTC), line.sender.secret)
        except (TypeError, KeyError, AttributeError):
            continue  # nobody could sign that
        answer = await line.deliver(sent)
        assert answer.status_code in fine, (sent, answer.text)

    after = await line.door.counts()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"webhook_events", "cases"}
    assert after["webhook_events"] > HOSTILE / 2


def _parts(value: Any) -> list[dict[str, Any]]:
    """List an event and every object in it."""
    if not isinstance(value, dict):
        return []
    return [value, *(part for each in value.values() for part in _parts(each))]
